"""Publish: the artifact appears in the store under its digest, whole or not at all."""

from idla_contract.exit_codes import ExitCode
from idla_contract.result import ArtifactRef, FailureReason
from idla_store import StoreError, UnreachableError
from idla_store import publish as publish_folder

from idla_trainer.compression.artifact import FOLDER, read_manifest
from idla_trainer.failures import TaskError
from idla_trainer.steps.context import Context, Outcome


def publish(context: Context) -> Outcome:
    """Publish the task's artifact folder.

    Raises:
        TaskError: the store cannot be written, or the folder was changed.
    """
    folder = context.folder.path / FOLDER
    manifest, _ = read_manifest(folder)
    try:
        relative, digest, size = publish_folder(folder, context.places.store, manifest)
    except UnreachableError as error:
        message = f"{context.spec.artifact_uri}: {error.problem}; {error.remedy}"
        raise TaskError(FailureReason.STORE_UNAVAILABLE, message, ExitCode.STORE_UNAVAILABLE) from error
    except StoreError as error:
        raise TaskError(FailureReason.VERIFICATION_FAILED, str(error), ExitCode.INTERNAL) from error
    uri = f"{context.spec.artifact_uri.rstrip('/')}/{relative}"
    return Outcome({"artifact": ArtifactRef(uri=uri, digest=digest, size_bytes=size, lineage=manifest.lineage)})
