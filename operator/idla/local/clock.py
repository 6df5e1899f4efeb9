"""The time of this machine: the only place of the agent that reads it."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the time, aware."""
    return datetime.now(UTC)  # noqa: TID251  # without an operator there is no Clock port
