"""`file:///path`: a path of this machine, for whoever works on it alone."""

from pathlib import Path
from typing import ClassVar

from idla_contract.uri import local_path
from typing_extensions import override

from idla_store.errors import NotFoundError, RefusedError
from idla_store.scheme import Scheme, Surroundings

_ON_A_CLAIM = "copy the file onto a claim and write pvc://claim/path; idla run --local reads file:// itself"


class FileScheme(Scheme):
    """Files of this machine, read in place where the policy allows it."""

    form: ClassVar[str] = "file:///path"

    @override
    def locate(self, uri: str, here: Surroundings) -> Path:
        if not here.policy.allow_file:
            raise RefusedError(uri, "file:// is not read in a cluster, whose pods see no files of yours", _ON_A_CLAIM)
        path = local_path(uri)
        if path is None:
            raise RefusedError(uri, "it is not an absolute path on this machine", "write file:///path")
        if not path.exists():
            raise NotFoundError(uri, "there is no such path", "check it")
        return path
