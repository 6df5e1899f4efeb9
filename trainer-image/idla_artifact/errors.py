"""Why an artifact cannot be used."""

from idla_contract.result import FailureReason
from idla_store import DigestMismatchError, NotFoundError, RefusedError, StoreError, UnreachableError

_REASONS: dict[type[StoreError], FailureReason] = {
    NotFoundError: FailureReason.ARTIFACT_NOT_FOUND,
    UnreachableError: FailureReason.ARTIFACT_UNREACHABLE,
    DigestMismatchError: FailureReason.ARTIFACT_DIGEST_MISMATCH,
    RefusedError: FailureReason.ARTIFACT_INVALID,
}


class ModelError(Exception):
    """Why an artifact cannot be served: a reason of the contract and a message that says what to do."""

    def __init__(self, reason: FailureReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def reason_of(error: StoreError) -> FailureReason:
    """Return the contract's reason for an artifact that could not be fetched or verified."""
    return _REASONS[type(error)]


def invalid(problem: str) -> ModelError:
    """Return the error of an artifact that is not as one has to be."""
    return ModelError(FailureReason.ARTIFACT_INVALID, f"{problem}; publish the artifact again")
