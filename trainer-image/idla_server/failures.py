"""How a serving pod says why it cannot go on: a `Failure` in the termination message, and an exit code."""

import logging
from pathlib import Path

from idla_contract.exit_codes import ExitCode
from idla_contract.paths import TERMINATION_LIMIT, TERMINATION_LOG
from idla_contract.result import Failure, FailureReason

_LOG = logging.getLogger(__name__)
_MESSAGE_LIMIT = 1024
_EXIT_CODES = {
    FailureReason.ARTIFACT_UNREACHABLE: ExitCode.STORE_UNAVAILABLE,
    FailureReason.INTERNAL: ExitCode.INTERNAL,
}


def report(reason: FailureReason, message: str, path: Path) -> ExitCode:
    """Write a `Failure` to the termination message and return the exit code that goes with it.

    A file that cannot be written is logged and changes nothing else. The kubelet's own file is never created, since
    outside of a pod its folder is the machine's.
    """
    text = _fitting(reason, message)
    try:
        with path.open("r+" if path == Path(TERMINATION_LOG) else "w") as file:
            file.truncate()
            file.write(text)
    except OSError as error:
        _LOG.warning("the termination message cannot be written", extra={"path": str(path), "error": str(error)})
    _LOG.error(message, extra={"reason": str(reason)})
    return _EXIT_CODES.get(reason, ExitCode.BAD_INPUT)


def _fitting(reason: FailureReason, message: str) -> str:
    """Return the JSON of a failure, its message cut to what the contract and the kubelet keep."""
    length = min(len(message), _MESSAGE_LIMIT)
    text = Failure(reason=reason, message=message[:length]).to_json()
    while len(text.encode()) > TERMINATION_LIMIT:
        length //= 2
        text = Failure(reason=reason, message=message[:length]).to_json()
    return text
