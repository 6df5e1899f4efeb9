"""The stages of a Dockerfile, and a digest of everything that each is made from: what has not changed is not built."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_FROM = re.compile(r"FROM\s+(\S+)\s+AS\s+(\S+)", re.IGNORECASE)
_COPIED_FROM = re.compile(r"--from=(\S+)")


@dataclass(frozen=True)
class Stage:
    """A stage: its instructions, the image or stage that it begins with, and the stages that it copies from."""

    name: str
    base: str
    lines: tuple[str, ...]

    @property
    def needs(self) -> tuple[str, ...]:
        """The names of the image or stages that must exist before this stage, the base first."""
        return (self.base, *(found for line in self.lines for found in _COPIED_FROM.findall(line)))

    @property
    def sources(self) -> tuple[str, ...]:
        """The files and folders of the context that it copies."""
        copies = [line.split()[1:-1] for line in self.lines if line.upper().startswith("COPY ")]
        return tuple(word for words in copies if "--from=" not in " ".join(words) for word in words if word[:2] != "--")


def read(dockerfile: Path, arguments: Mapping[str, str] | None = None) -> Mapping[str, Stage]:
    """Return the stages by name.

    Args:
        dockerfile: the file.
        arguments: values of an `ARG` before the first stage, by its name; the others have their default value.

    Raises:
        ValueError: a `FROM` has no `AS`.
    """
    values: dict[str, str] = {}
    lines: dict[str, list[str]] = {}
    bases: dict[str, str] = {}
    current = None
    for line in _instructions(dockerfile.read_text()):
        if line.upper().startswith("FROM "):
            found = _FROM.fullmatch(line)
            if found is None:
                raise ValueError(f"{dockerfile}: {line!r} has no name; write FROM image AS name")
            current = found[2]
            bases[current] = re.sub(r"\$\{(\w+)\}", lambda match: values[match[1]], found[1])
            lines[current] = []
        elif current is None:
            name, _, default = line.removeprefix("ARG ").partition("=")
            values[name] = (arguments or {}).get(name, default)
        else:
            lines[current].append(line)
    return {name: Stage(name, bases[name], tuple(lines[name])) for name in bases}


def digest(stages: Mapping[str, Stage], name: str, context: Path) -> str:
    """Return a digest of the stage's instructions, of the files that it copies, and of the stages that it needs."""
    stage = stages[name]
    whole = hashlib.sha256("\n".join(stage.lines).encode())
    for need in stage.needs:
        whole.update(f"\n{digest(stages, need, context) if need in stages else need}".encode())
    for source in stage.sources:
        for path in _files(context / source):
            whole.update(f"\n{path.relative_to(context)} {hashlib.sha256(path.read_bytes()).hexdigest()}".encode())
    return whole.hexdigest()[:16]


def inputs(stages: Mapping[str, Stage], name: str, images: Collection[str]) -> list[str]:
    """Return what must exist to build the stage: the nearest stages that are `images`, and images from elsewhere."""
    found: set[str] = set()
    for need in stages[name].needs:
        nearest = need in images or need not in stages
        found.update([need] if nearest else inputs(stages, need, images))
    return sorted(found)


def _instructions(text: str) -> Iterator[str]:
    kept = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for line in "\n".join(kept).replace("\\\n", " ").splitlines():
        yield " ".join(line.split())


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
