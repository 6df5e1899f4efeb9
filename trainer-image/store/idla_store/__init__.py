"""Where bytes come from and where artifacts go: data sources, and publishing, verifying and fetching artifacts."""

from idla_store.access import Keys, S3Access, WebIdentity
from idla_store.artifacts import fetch_artifact, publish, verify
from idla_store.errors import DigestMismatchError, NotFoundError, RefusedError, StoreError, UnreachableError
from idla_store.fetch_environment import FetchEnvironment
from idla_store.policy import FetchPolicy
from idla_store.sources import digest_of_path, fetch

__all__ = [
    "DigestMismatchError",
    "FetchEnvironment",
    "FetchPolicy",
    "Keys",
    "NotFoundError",
    "RefusedError",
    "S3Access",
    "StoreError",
    "UnreachableError",
    "WebIdentity",
    "digest_of_path",
    "fetch",
    "fetch_artifact",
    "publish",
    "verify",
]
