"""Takes the sample data sets out of a scikit-learn wheel: `python -m idla_trainer.samples WHEEL_OR_FOLDER OUT`.

Run when the trainer image is built; scikit-learn itself is neither installed nor imported.
"""

import functools
import gzip
from collections.abc import Sequence
from pathlib import Path

from idla_trainer.wheel_files import WheelError, WheelFile, find_wheel, run, take_files

WHEEL = "scikit_learn-*.whl"
"""Pattern of its name."""
SAMPLES = {"digits": ("sklearn/datasets/data/digits.csv.gz", 1797, 65)}
"""Name of a sample -> its file inside the wheel, its lines and its columns."""


def extract(place: Path, out: Path) -> list[Path]:
    """Write every sample as `out/<name>/<file>` and return these paths.

    Args:
        place: a scikit-learn wheel, or a folder that holds one.
        out: the folder of the samples.

    Raises:
        WheelError: the wheel is missing or cannot be read, or a sample is missing or has another size.
    """
    files = (
        WheelFile(member, f"{name}/{Path(member).name}", functools.partial(_check, name, lines, columns))
        for name, (member, lines, columns) in SAMPLES.items()
    )
    return take_files(find_wheel(place, WHEEL), out, files)


def _check(name: str, lines: int, columns: int, content: bytes) -> None:
    rows = gzip.decompress(content).decode().splitlines()
    found = {row.count(",") + 1 for row in rows}
    if len(rows) != lines or found != {columns}:
        raise WheelError(
            f"sample {name} has {len(rows)} lines of {sorted(found)} columns; expected {lines} of {columns}"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Extract the samples; return the exit code."""
    return run(extract, arguments, description=__doc__ or "")


if __name__ == "__main__":
    raise SystemExit(main())
