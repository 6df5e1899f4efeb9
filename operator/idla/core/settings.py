"""What an administrator decides for all workflows: the operator's configuration, as far as decisions need it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Plain values; the operator's `config` reads them from the environment."""

    trainer_image: str
    server_image: str
    pull_policy: str = "IfNotPresent"
    progress_period_seconds: float = 10.0
    """Shortest time between two status writes that only show progress."""
