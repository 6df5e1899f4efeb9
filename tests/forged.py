"""Files that somebody made who means harm, and plain ones beside them."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from typing_extensions import override


class Evil:
    """Makes a folder where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @override
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, (str(self.path),)


def npz(**arrays: Any) -> bytes:
    """Return an NPZ file."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def compressed(**arrays: Any) -> bytes:
    """Return a compressed NPZ file."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()
