"""`pvc://claim/path`: a path of a claim that the pod has mounted."""

import re
from pathlib import Path, PurePosixPath
from typing import ClassVar

from idla_contract.uri import split_claim
from typing_extensions import override

from idla_store.errors import RefusedError
from idla_store.files import copy_file, path_inside
from idla_store.scheme import ArtifactScheme, Surroundings

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


class ClaimScheme(ArtifactScheme):
    """Data and artifacts on a claim, read in place."""

    form: ClassVar[str] = "pvc://claim/path"

    @override
    def locate(self, uri: str, here: Surroundings) -> Path:
        claim, inside = split_claim(uri) or ("", None)
        if not _NAME.fullmatch(claim) or inside == "":
            raise RefusedError(uri, "it does not name a claim and a path", "write pvc://claim/path")
        parts = inside.split("/") if inside else []
        if any(part in {"", ".", ".."} or "\0" in part for part in parts):
            raise RefusedError(uri, "the path holds an empty part, `.` or `..`", "write a plain path inside the claim")
        return path_inside(uri, here.claim_mount, PurePosixPath(*parts))

    @override
    def take(self, uri: str, name: str, target: Path, here: Surroundings) -> None:
        copy_file(self.locate(uri, here) / name, target)
