"""What the operator's log may say during the end-to-end tests though it is a warning or an error: the reviewed list."""

from tools.log_allowlist import Allowed

_MODULE = r"e2e-[0-9a-f]{10}"
ALLOWED = (
    Allowed(
        rf"idla_operator\.controllers\.reconcile\.apply_decision: an event could not be emitted: POST "
        rf"/api/v1/namespaces/{_MODULE}/events: 403 "
        rf"Forbidden: [^\n]*unable to create new content in namespace {_MODULE} because it is being terminated ",
        "the namespace of a module is being deleted with all that is in it; nobody is left to read its events",
    ),
)
