"""What the operator may complain of under faults, besides what `warnings` leaves out: the reviewed list.

Each message has one level in the code that says it, so the exact words stand for the level as well.
"""

from tools.log_allowlist import Allowed

_STAGED = (
    r"by the fault proxy|Ran out of valid credentials"
    r"|Connection reset by peer|Connect call failed|Server disconnected"
    r"|Response payload is not completed|Not enough data to satisfy content length header"
    r"|JSONDecodeError"  # a line may be cut anywhere
)
"""How faults that the proxy stages are told; whoever complains must name one of them."""
_PLURAL = "[a-z]+"

ALLOWED = (
    Allowed(
        rf"idla_operator\.controllers\.sessions: the session ended: .*({_STAGED}).*; another one follows .*",
        "kopf gives up at such a fault, and the next session begins in the same process",
    ),
    Allowed(
        rf"idla_operator\.controllers\.sessions: {_PLURAL} are unknown(| to the API server; apply the CRDs of crds/) ",
        "404 is what an API server without our CRDs answers; the session is tried again",
    ),
    Allowed(
        rf"idla_operator\.controllers\.reconcile\.apply_decision: an event could not be emitted: POST "
        rf"/api/v1/namespaces/[\w-]+/events: .*({_STAGED}).*",
        "events are told once: one that is refused changes nothing, and is not worth a reconciliation",
    ),
    Allowed(
        rf"idla_operator\.controllers\.cache\.resync: {_PLURAL} could not be listed: GET \S+: .*({_STAGED}).*",
        "the sweep lists again in its next period, and judges no watch until then",
    ),
    Allowed(
        r"idla_operator\.controllers\.cache\.resync: [A-Z]\w+ [\w./-]+ is gone and no watch said so ",
        "a watch that begins anew with a list, or says everything late, does not say what went meanwhile",
    ),
    Allowed(
        rf"kopf\._core\.reactor\.orchestration: Watcher for \S+ has failed: .*({_STAGED}).*",
        "kopf on its way out of a session",
    ),
    Allowed(
        rf"kopf\._core\.reactor\.running: Multidimensional multitasker has failed: .*({_STAGED}).*",
        "likewise",
    ),
    Allowed(
        r"kopf\._core\.reactor\.queueing: Unprocessed streams left for \[\(.*\)\]\. ",
        "kopf ends a session before it has handed on all that it has read; the next session lists anew",
    ),
    Allowed(
        r"kopf\._cogs\.clients\.watching: Request attempt #\d+ failed; TCP closed; will re-authenticate: GET \S+ ",
        "kopf at a watch that is answered 401; it asks for credentials again",
    ),
    Allowed(
        r"asyncio: Exception in callback stream\.<locals>\.request_cancel_callback.*",
        "kopf asserts in a callback that the task it cancels still runs, which it does not at the end of a session",
    ),
    Allowed(
        r"asyncio: Unclosed (client session\nclient_session|connector\nconnections: .*\nconnector):"
        r" <aiohttp\.\S+ object at 0x[0-9a-f]+> ",
        "a watch of kopf that asks once more after kopf has closed its sessions opens another, which nobody closes;"
        " told when it is collected, so maybe much later",
    ),
    Allowed(
        r"asyncio: Task exception was never retrieved\nfuture: <Task finished name='(watcher for |multidim)"
        rf".*({_STAGED}).*",
        "kopf looks only at the first of its tasks that fail",
    ),
)
