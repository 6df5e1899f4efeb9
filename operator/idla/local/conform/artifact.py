"""What a published artifact has to be."""

from pathlib import Path

from idla_contract.artifact import (
    GOLDEN,
    MANIFEST,
    MODEL,
    PREPROCESS,
    PREPROCESS_ARRAYS,
    ArtifactManifest,
    canonical_bytes,
    digest_of,
)
from idla_contract.paths import artifact_folder
from idla_contract.result import ArtifactRef
from pydantic import ValidationError

from idla.local.conform.answers import Broken, digest_of_file, first_line
from idla.local.conform.subject import CLAIM

_NEEDED = (MODEL, PREPROCESS, PREPROCESS_ARRAYS, GOLDEN)


def check_artifact(store: Path, named: ArtifactRef | None, data_digest: str) -> Broken:
    """Yield what is wrong with the artifact that an answer names.

    Args:
        store: the artifact store.
        named: by the answer.
        data_digest: of the data.
    """
    if named is None:
        yield "its answer names no artifact; after Publish it must"
        return
    relative = artifact_folder(named.digest)
    if named.uri != f"{CLAIM}/{relative}":
        yield f"artifact.uri is {named.uri}; allowed: {CLAIM}/{relative}"
    try:
        content = (store / relative / MANIFEST).read_bytes()
        manifest = ArtifactManifest.model_validate_json(content)
    except (OSError, ValidationError) as error:
        yield f"{MANIFEST} of the artifact cannot be read ({first_line(error)})"
        return
    if digest_of(content) != named.digest:
        yield f"{MANIFEST} has the digest {digest_of(content)}; the answer says {named.digest}"
    if content != canonical_bytes(manifest):
        yield f"{MANIFEST} is not written as idla_contract.artifact.canonical_bytes writes it"
    if manifest.lineage.data_digest != data_digest:
        yield f"lineage.dataDigest is {manifest.lineage.data_digest}; the data have {data_digest}"
    yield from _check_files(store / relative, manifest, named.size_bytes - len(content))


def _check_files(folder: Path, manifest: ArtifactManifest, size: int) -> Broken:
    names = {entry.name for entry in manifest.files}
    if not names.issuperset(_NEEDED):
        yield f"{MANIFEST} lists {', '.join(sorted(names))}; the server needs all of {', '.join(_NEEDED)}"
    for entry in manifest.files:
        path = folder / entry.name
        found = digest_of_file(path) if path.is_file() else "missing"
        if found != entry.digest:
            yield f"{entry.name} of the artifact is {found}; {MANIFEST} says {entry.digest}"
    listed = sum(entry.size_bytes for entry in manifest.files)
    if listed != size:
        yield f"artifact.sizeBytes says {size} bytes beside {MANIFEST}; it lists {listed}"
