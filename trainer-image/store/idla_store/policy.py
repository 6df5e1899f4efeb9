"""What a fetch may do."""

from dataclasses import dataclass, field
from pathlib import Path

from idla_contract.egress import AllowedHosts

from idla_store.access import S3Access
from idla_store.addresses import Resolver, resolve_addresses


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """What a fetch may do."""

    allowed_hosts: AllowedHosts = field(default_factory=AllowedHosts)
    """Hosts that may have an address inside the cluster's network."""
    allow_file: bool = False
    """Whether `file://` is read: only without a cluster."""
    maximum_bytes: int = 16 << 30
    timeout_seconds: float = 30.0
    """Longest silence of the other side."""
    ca_file: Path | None = None
    """Certificates to trust instead of the system's."""
    more_authorities: Path | None = None
    """Certificates to trust beside those; the file may be missing."""
    proxy: str | None = None
    """`http://host:port` that https goes through; whoever gives it answers for what it reaches."""
    proxy_login: str | None = field(default=None, repr=False)
    """`user:password` for the proxy, and for nobody else."""
    no_proxy: str = ""
    """Hosts that are reached without it, as the variable NO_PROXY lists them."""
    s3: S3Access | None = None
    """Keys and place of objects; None where there are no keys."""
    resolver: Resolver = resolve_addresses
