"""How `idla run --local` ends: the exit codes, and the errors that lead to them before any task began."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Why the command ended."""

    DONE = 0
    """The artifact is published, or the plan is made where only a plan was asked for."""
    INTERNAL = 1
    """An error of ours."""
    USAGE = 2
    """The command line or the workflow's spec is wrong; nothing was begun."""
    DATA = 3
    """The data cannot be found, read or used."""
    TARGET_MISSED = 4
    """No candidate reached the required minimum; nothing is published."""
    INFEASIBLE = 5
    """No model keeps the constraints, or no variant passed the gate where that was demanded."""
    FAILED = 6
    """A task failed: diverged, out of memory, a store that cannot be written, or an error of the trainer."""
    DEADLINE = 7
    """`activeDeadlineSeconds` ran out."""
    WAITING = 8
    """The work waits for a person: the plan is not approved, or `spec.suspend` is true."""
    INTERRUPTED = 130
    """Ctrl-C or SIGTERM; the same command goes on from what is finished."""


class LocalError(Exception):
    """The run cannot begin; the message names what was found, what is allowed and what to do."""

    code = ExitCode.USAGE
    reason = "Usage"


class UsageError(LocalError):
    """The command line, the file of the workflow or the environment is wrong."""


class InvalidSpecError(LocalError):
    """The spec breaks a rule of the API."""

    reason = "InvalidSpec"


class ServerError(LocalError):
    """The artifact is published and its server does not run."""

    code = ExitCode.FAILED
    reason = "NotServed"


class MissingDataError(LocalError):
    """There is nothing where the spec says that the data are."""

    code = ExitCode.DATA
    reason = "DataNotFound"
