"""The errors by which `idla run --local` ends before any task began, each with its exit code."""

from idla.report.exit_status import ExitCode


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
