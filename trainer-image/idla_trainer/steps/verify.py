"""Verify: the artifact is loaded as the server loads it."""

from idla_artifact.errors import ModelError
from idla_artifact.model import load_model
from idla_contract.exit_codes import ExitCode
from idla_contract.result import FailureReason

from idla_trainer.compression.artifact import FOLDER, read_manifest
from idla_trainer.failures import TaskError
from idla_trainer.steps.context import Context, Outcome


def verify(context: Context) -> Outcome:
    """Check digests and golden inputs with the server's own code.

    Raises:
        TaskError: the server would refuse the artifact.
    """
    folder = context.folder.path / FOLDER
    _, digest = read_manifest(folder)
    try:
        load_model(folder, digest)
    except ModelError as error:
        message = f"the server would refuse the artifact: {error}"
        raise TaskError(FailureReason.VERIFICATION_FAILED, message, ExitCode.INTERNAL) from error
    return Outcome({})
