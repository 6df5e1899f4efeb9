"""Exit codes of a task's container: the part of the answer that survives when nothing else does.

`podFailurePolicy` of the Job rests on them: what a repetition cannot mend ends the Job at once.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """Why the container of a task ended."""

    SUCCEEDED = 0
    """Every step is done and the whole result is in the store."""
    INTERNAL = 1
    """An error of ours; repeated within the backoff limit."""
    BAD_INPUT = 10
    """The data or the spec cannot work; a repetition would fail in the same way."""
    DIVERGED = 11
    """The loss became NaN or infinite; a repetition with the same seed would diverge again."""
    OUT_OF_MEMORY = 12
    """The process saw its own lack of memory; the kernel's answer is 137."""
    STORE_UNAVAILABLE = 13
    """Data or artifact store could not be reached or written; repeated within the backoff limit."""
    PREEMPTED = 14
    """SIGTERM came; a checkpoint is written and the next pod goes on from it."""


NOT_RETRIED = (ExitCode.BAD_INPUT, ExitCode.DIVERGED)
"""Codes that end a Job at once."""
