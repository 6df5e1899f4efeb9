"""Who asks for an object, and where."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Who asks; nothing of it but the id is ever shown."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebIdentity:
    """Who asks, by a token that the cluster gives a pod; keys are had for it."""

    role: str
    token_file: Path
    session: str = "idla"
    """What the role's owner sees in logs of theirs."""
    endpoint: str | None = None
    """`https://host[:port]` of another token service than AWS's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Access:
    """How objects are reached."""

    keys: Keys | WebIdentity
    region: str = "us-east-1"
    endpoint: str | None = None
    """`https://host[:port]` of another server than AWS's; held to the allowed hosts like every host."""
