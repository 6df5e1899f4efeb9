"""Every way in which a task can fail, as one reason, one message and one exit code."""

import errno
from collections.abc import Mapping
from pathlib import Path

from idla_contract.exit_codes import ExitCode
from idla_contract.result import Failure, FailureReason
from idla_store import DigestMismatchError, NotFoundError, RefusedError, StoreError, UnreachableError

MESSAGE_LIMIT = 1024
_STORE_ERRNOS = {
    errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ESTALE, errno.EACCES, errno.EPERM, errno.ENOTCONN,
    errno.EHOSTDOWN, errno.ETIMEDOUT, errno.ENODEV, errno.ENXIO,
}  # fmt: skip
"""Errors of a volume that a repetition, another node or more space can mend."""
_FULL = {errno.ENOSPC, errno.EDQUOT}
_OF_STORE: Mapping[type[StoreError], tuple[FailureReason, ExitCode]] = {
    NotFoundError: (FailureReason.DATA_NOT_FOUND, ExitCode.BAD_INPUT),
    UnreachableError: (FailureReason.DATA_UNREACHABLE, ExitCode.STORE_UNAVAILABLE),
    DigestMismatchError: (FailureReason.DATA_DIGEST_MISMATCH, ExitCode.BAD_INPUT),
    RefusedError: (FailureReason.DATA_REFUSED, ExitCode.BAD_INPUT),
}


class TaskError(Exception):
    """The task cannot go on; the message says what was found, what is allowed and what to do."""

    def __init__(self, reason: FailureReason, message: str, exit_code: ExitCode = ExitCode.BAD_INPUT) -> None:
        super().__init__(message)
        self.reason = reason
        self.exit_code = exit_code


def spec_invalid(message: str) -> TaskError:
    """Return the error of a spec that asks for what cannot be."""
    return TaskError(FailureReason.SPEC_INVALID, message)


def too_few(message: str) -> TaskError:
    """Return the error of data with fewer examples than a model needs."""
    return TaskError(FailureReason.TOO_FEW_EXAMPLES, message)


def not_finite(message: str) -> TaskError:
    """Return the error of data with a number that is none."""
    return TaskError(FailureReason.NOT_FINITE, message)


class PreemptedError(BaseException):
    """SIGTERM came; derives from BaseException so that no handler of a library takes it for an error."""


def explain(error: BaseException, volumes: Mapping[Path, str] | None = None) -> tuple[Failure, ExitCode]:
    """Return the answer and the exit code that belong to an error.

    Args:
        error: what ended the task.
        volumes: what a user calls the volume that is mounted at a path.
    """
    reason, code, message = _classify(error, volumes or {})
    return Failure(reason=reason, message=bounded(message)), code


def bounded(message: str, limit: int = MESSAGE_LIMIT) -> str:
    """Return the message with at most `limit` characters, all of them valid in UTF-8."""
    clean = message.encode("utf-8", "replace").decode()
    return clean if len(clean) <= limit else clean[: limit - 3] + "..."


def _classify(error: BaseException, volumes: Mapping[Path, str]) -> tuple[FailureReason, ExitCode, str]:
    if isinstance(error, TaskError):
        return error.reason, error.exit_code, str(error)
    if isinstance(error, StoreError):
        return *_OF_STORE.get(type(error), (FailureReason.INTERNAL, ExitCode.INTERNAL)), str(error)
    if _is_out_of_memory(error):
        message = f"the memory is used up ({error}); request more memory or a smaller batch"
        return FailureReason.OUT_OF_MEMORY, ExitCode.OUT_OF_MEMORY, message
    if isinstance(error, OSError) and error.errno in _STORE_ERRNOS:
        return FailureReason.STORE_UNAVAILABLE, ExitCode.STORE_UNAVAILABLE, _of_volume(error, volumes)
    return FailureReason.INTERNAL, ExitCode.INTERNAL, f"{type(error).__name__}: {error}"


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"


def _of_volume(error: OSError, volumes: Mapping[Path, str]) -> str:
    path = Path(error.filename) if isinstance(error.filename, str) else None
    name = next((name for root, name in volumes.items() if path and path.is_relative_to(root)), "the volume")
    if error.errno in _FULL:
        return f"{name} is full ({error}); enlarge it, or remove from it what nobody needs any more"
    return f"{name} cannot be read or written ({error}); check its permissions and what keeps it"
