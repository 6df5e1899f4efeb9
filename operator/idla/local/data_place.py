"""Where the data of a spec are on this machine, said in the words of the API.

The API knows no paths of a machine: a cluster has none. Here the folder of the data stands for a claim.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from idla_contract.uri import claim_of, claim_uri, local_path, scheme_of

from idla.local.errors import MissingDataError, UsageError

CLAIM = "local-data"
FIELDS = ("storageUri", "testStorageUri")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPlace:
    """The part `data` of a spec, and the folder behind it."""

    settings: Any
    """As the API takes it."""
    folder: Path | None
    """What stands for the claim, or None."""
    written: Mapping[str, str] = field(default_factory=dict)
    """What the user wrote, by the URI that stands for it."""

    def as_written(self, text: str) -> str:
        """Return a message in the user's own words."""
        for uri, written in self.written.items():
            text = text.replace(uri, written)
        return text


def place_data(spec: Mapping[str, Any], *, folder: Path, claim: Path | None) -> DataPlace:
    """Return the data of a spec with every local path as a path of the claim `local-data`.

    Args:
        spec: of the workflow; its data may be anything, since nothing is checked yet.
        folder: where relative paths begin.
        claim: the folder that stands for the claim of `pvc://` data.

    Raises:
        UsageError: `pvc://` data without that folder, or beside local paths; a path that no URI can say.
        MissingDataError: a path does not exist.
    """
    settings = spec.get("data")
    if not isinstance(settings, Mapping):
        return DataPlace(settings=settings, folder=None)
    given = {name: settings[name] for name in FIELDS if isinstance(settings.get(name), str)}
    paths = {name: path for name, uri in given.items() if (path := _local(uri, folder)) is not None}
    claims = {name: uri for name, uri in given.items() if claim_of(uri)}
    if not paths:
        return DataPlace(settings=settings, folder=_claim_folder(claims, claim))
    if claims:
        raise UsageError(
            f"`spec.data.{next(iter(claims))}` is on a claim and `{next(iter(paths))}` is not; use one kind"
        )
    for name, path in paths.items():
        if not path.exists():
            raise MissingDataError(f"`spec.data.{name}` is {given[name]!r}: there is no {path}; check the path")
    root = Path(os.path.commonpath([path.parent for path in paths.values()]))
    uris = {name: claim_uri(CLAIM, path.relative_to(root).as_posix()) for name, path in paths.items()}
    for name, uri in uris.items():
        if any(character.isspace() for character in uri):
            raise UsageError(f"`spec.data.{name}` is {given[name]!r}; a path may hold no spaces, rename the file")
    written = {uri: str(given[name]) for name, uri in uris.items()}
    return DataPlace(settings={**settings, **uris}, folder=root, written=written)


def _local(uri: str, folder: Path) -> Path | None:
    """Return the path that is meant, with links followed, or None for a URI of another kind."""
    if not scheme_of(uri):
        return (folder / Path(uri).expanduser()).resolve()
    if scheme_of(uri) != "file":
        return None
    path = local_path(uri)
    if path is None:
        raise UsageError(f"{uri!r} is no absolute path of this machine; write file:///path, or the path alone")
    return path.resolve()


def _claim_folder(claims: Mapping[str, str], folder: Path | None) -> Path | None:
    if not claims:
        return None
    name, uri = next(iter(claims.items()))
    if len({claim_of(entry) for entry in claims.values()}) > 1:
        raise UsageError("the data are on two claims; one folder can stand for one of them only")
    if folder is None:
        raise UsageError(f"`spec.data.{name}` is {uri!r}; name the folder that stands for this claim by --data DIR")
    if not folder.is_dir():
        raise MissingDataError(f"--data is {str(folder)!r}, which is no folder; name what stands for {claim_of(uri)}")
    return folder.resolve()
