"""`sample://name`: a data set of the trainer's image."""

import re
from pathlib import Path, PurePosixPath
from typing import ClassVar

from typing_extensions import override

from idla_store.errors import NotFoundError, RefusedError
from idla_store.files import path_inside
from idla_store.scheme import Scheme, Surroundings

_URI = re.compile(r"sample://([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)")


class SampleScheme(Scheme):
    """Samples, read in place."""

    form: ClassVar[str] = "sample://name"

    @override
    def locate(self, uri: str, here: Surroundings) -> Path:
        named, root = _URI.fullmatch(uri), here.samples_root
        if named is None:
            raise RefusedError(uri, "it does not name a sample", "write sample://name")
        try:
            return path_inside(uri, root, PurePosixPath(named[1]))
        except NotFoundError as error:
            known = sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
            remedy = "use one of " + ", ".join(known) if known else "this image holds no samples"
            raise NotFoundError(uri, f"there is no sample {named[1]}", remedy) from error
