"""The init container: brings an artifact into the pod."""

import logging
import os
from pathlib import Path

from idla_artifact.errors import reason_of
from idla_artifact.files import ALLOWED
from idla_contract.exit_codes import ExitCode
from idla_store import FetchEnvironment, StoreError, fetch_artifact

from idla_server.failures import report

_LOG = logging.getLogger(__name__)


def fetch(uri: str, digest: str, into: Path, *, mount: Path, termination_message: Path) -> ExitCode:
    """Copy and verify an artifact; report why where that fails.

    Args:
        uri: `pvc://claim/folder` or `https://host/folder`.
        digest: the artifact's digest.
        into: the folder that the server will read.
        mount: where the claim of `pvc://` is mounted.
        termination_message: the file that the kubelet reads when the container has ended.

    Returns:
        SUCCEEDED; STORE_UNAVAILABLE where a repetition may work; else BAD_INPUT.
    """
    try:
        policy = FetchEnvironment(None, os.environ).policy()
        manifest = fetch_artifact(uri, digest, into, mount=mount, policy=policy, names=ALLOWED)
    except StoreError as error:
        return report(reason_of(error), str(error), termination_message)
    size = sum(entry.size_bytes for entry in manifest.files)
    _LOG.info("fetched and verified", extra={"digest": digest, "files": len(manifest.files), "bytes": size})
    return ExitCode.SUCCEEDED
