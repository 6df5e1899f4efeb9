"""Every way in which a task can fail, as one reason, one message and one exit code."""

import errno

from idla_contract.exit_codes import ExitCode
from idla_contract.result import Failure, FailureReason
from idla_store import DigestMismatchError, NotFoundError, RefusedError, StoreError, UnreachableError

MESSAGE_LIMIT = 1024
_STORE_ERRNOS = {
    errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ESTALE, errno.EACCES, errno.EPERM, errno.ENOTCONN,
    errno.EHOSTDOWN, errno.ETIMEDOUT, errno.ENODEV, errno.ENXIO,
}  # fmt: skip
"""Errors of a volume that a repetition, another node or more space can mend."""


class TaskError(Exception):
    """The task cannot go on; the message says what was found, what is allowed and what to do."""

    def __init__(self, reason: FailureReason, message: str, exit_code: ExitCode = ExitCode.BAD_INPUT) -> None:
        super().__init__(message)
        self.reason = reason
        self.exit_code = exit_code


class PreemptedError(BaseException):
    """SIGTERM came; derives from BaseException so that no handler of a library takes it for an error."""


def explain(error: BaseException) -> tuple[Failure, ExitCode]:
    """Return the answer and the exit code that belong to an error."""
    reason, code, message = _classify(error)
    return Failure(reason=reason, message=bounded(message)), code


def bounded(message: str, limit: int = MESSAGE_LIMIT) -> str:
    """Return the message with at most `limit` characters, all of them valid in UTF-8."""
    clean = message.encode("utf-8", "replace").decode()
    return clean if len(clean) <= limit else clean[: limit - 3] + "..."


def _classify(error: BaseException) -> tuple[FailureReason, ExitCode, str]:
    if isinstance(error, TaskError):
        return error.reason, error.exit_code, str(error)
    if isinstance(error, StoreError):
        return *_of_store(error), str(error)
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        message = f"the memory is used up ({error}); request more memory or a smaller batch"
        return FailureReason.OUT_OF_MEMORY, ExitCode.OUT_OF_MEMORY, message
    if isinstance(error, OSError) and error.errno in _STORE_ERRNOS:
        message = f"the volume cannot be read or written ({error}); check its free space and its permissions"
        return FailureReason.STORE_UNAVAILABLE, ExitCode.STORE_UNAVAILABLE, message
    return FailureReason.INTERNAL, ExitCode.INTERNAL, f"{type(error).__name__}: {error}"


def _of_store(error: StoreError) -> tuple[FailureReason, ExitCode]:
    if isinstance(error, NotFoundError):
        return FailureReason.DATA_NOT_FOUND, ExitCode.BAD_INPUT
    if isinstance(error, UnreachableError):
        return FailureReason.DATA_UNREACHABLE, ExitCode.STORE_UNAVAILABLE
    if isinstance(error, DigestMismatchError):
        return FailureReason.DATA_DIGEST_MISMATCH, ExitCode.BAD_INPUT
    if isinstance(error, RefusedError):
        return FailureReason.DATA_REFUSED, ExitCode.BAD_INPUT
    return FailureReason.INTERNAL, ExitCode.INTERNAL
