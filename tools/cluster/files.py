"""Configuration files, written only when they differ: some programs (kube-proxy) end when theirs is touched."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml


def write(path: Path, text: str) -> Path:
    """Write the text unless the file holds it already; return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    return path


def write_yaml(path: Path, content: Mapping[str, object]) -> Path:
    """Write the content as YAML unless the file holds it already; return the path."""
    return write(path, yaml.safe_dump(dict(content), sort_keys=False))


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one process of this machine at a time into the block; the others wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def point(link: Path, target: Path) -> None:
    """Make the symbolic link, or turn it to `target`."""
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink() or link.readlink() != target:
        link.unlink(missing_ok=True)
        link.symlink_to(target)
