"""Text files of any known encoding become UTF-8, which is all that the readers of text read."""

import codecs
import io
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import chardet
from idla_contract.encoding import Encoding

from idla_trainer.data.findings.names import quoted
from idla_trainer.data.formats.files import DAMAGE, LONGEST_LINE, opened
from idla_trainer.data.formats.refusals import invalid

_CODECS = {Encoding.BIG5: "big5hkscs", Encoding.SHIFT_JIS: "cp932", Encoding.EUC_KR: "cp949"}
"""Python's codec of each that the web's standard has under another name; it has the others under their own."""
_GUESSED = [*(kind for kind in Encoding if kind is not Encoding.UTF_8), *_CODECS.values()]
_MARKS = {
    codecs.BOM_UTF8: Encoding.UTF_8,
    codecs.BOM_UTF16_LE: Encoding.UTF_16LE,
    codecs.BOM_UTF16_BE: Encoding.UTF_16BE,
}
_BLOCK = 1 << 20
_HEAD = 1 << 12
"""Bytes by which UTF-16 without a mark is known."""
_ZEROS, _ALIKE = 0.01, 0.9
"""Share of bytes 0 from which on it is UTF-16, if such a share of them stand at even places, or at odd ones: line ends
and what parts columns have one each, in whatever alphabet the texts are."""
_SAMPLE = 1 << 16
"""Bytes of lines with other characters than ASCII's, by which an encoding is guessed."""
_MARK = "\ufeff"
_WORD = re.compile(r"\w+")
_NO_TEXT = re.compile(r"[\0-\x08\x0e-\x1f\x7f-\x9f\ufffd]")
"""Characters that bytes read as text hold where they are none, or none of the encoding."""


def python_codec(kind: Encoding) -> str:
    """Return the name of Python's codec of an encoding."""
    return _CODECS.get(kind, kind)


def in_utf8(path: Path, wanted: Encoding | None, folder: Path) -> tuple[Path, str]:
    """Return a text file in UTF-8, without a byte order mark, its line ends alike; and a warning, empty if not needed.

    Where some lines end as on Windows and some do not, all end by a line feed.

    Args:
        path: the file, compressed by gzip or not.
        wanted: its encoding. Default: what a byte order mark says, UTF-8 where all of it is, else the likeliest one,
            with a warning.
        folder: takes a copy of the same name, where the file itself is not as it has to be.

    Raises:
        TaskError: the bytes are none of the encoding, or of no known one, or their compression is damaged.
    """
    try:
        kind, marked, warning = _begin(path)
        if marked and wanted not in {None, kind}:
            raise invalid(
                f"{path.name} begins with the byte order mark of {kind}, data.encoding is {wanted}; leave it out"
            )
        kind, warning = (wanted, "") if wanted else (kind, warning)
        line, mixed = _survey(path, kind)
        if line is not None and kind is Encoding.UTF_8 and not (wanted or marked):
            kind, warning = _guess(path, line)
            line, mixed = _survey(path, kind)
    except DAMAGE as error:
        raise invalid(f"{path.name} is compressed by gzip and damaged ({error}); copy it again") from error
    if line is not None:
        cure = "mend or remove the line" if marked else "set data.encoding to what it is"
        raise invalid(f"line {line} of {path.name} is no {kind}; {cure}, or save the file as UTF-8")
    if kind is Encoding.UTF_8 and not (marked or mixed):
        return path, warning
    copy = folder / path.name
    with copy.open("w", encoding="utf-8", newline="") as file:
        file.writelines(piece.replace("\r\n", "\n") if mixed else piece for piece in _decoded(path, kind))
    return copy, warning


def _begin(path: Path) -> tuple[Encoding, bool, str]:
    """Return the encoding that the first bytes tell, whether by a mark, and a warning where their zeros do."""
    with opened(path) as file:
        head = file.read(_HEAD)
    for mark, kind in _MARKS.items():
        if head.startswith(mark):
            return kind, True, ""
    zeros = head.count(0)
    for start, kind in enumerate((Encoding.UTF_16BE, Encoding.UTF_16LE)):
        alike = zeros > _ZEROS * len(head) and head[start::2].count(0) >= _ALIKE * zeros
        if alike and "\n" in head[: len(head) // 2 * 2].decode(kind, "ignore"):  # else the zeros are damage
            why = f"{zeros} of its first {len(head)} bytes are zero; if that is wrong, set data.encoding"
            return kind, False, f"{path.name} is read as {kind}, since {why}"
    return Encoding.UTF_8, False, ""


def _survey(path: Path, kind: Encoding) -> tuple[int | None, bool]:
    """Return the number, from 1, of the first line that is none of an encoding, and whether line ends are mixed."""
    lines = pairs = 0
    try:
        for text in _decoded(path, kind):
            lines += text.count("\n")
            pairs += text.count("\r\n")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode(python_codec(kind), "ignore")
        return 1 + lines + before.count("\n"), False
    return None, pairs not in {0, lines}


def _decoded(path: Path, kind: Encoding) -> Iterator[str]:
    """Yield the text in pieces, without a byte order mark and without tearing a line end apart."""
    ends = io.IncrementalNewlineDecoder(None, translate=False)
    with opened(path) as file:
        pieces = codecs.iterdecode(iter(partial(file.read, _BLOCK), b""), python_codec(kind))
        yield ends.decode(next(pieces, "").removeprefix(_MARK))
        yield from map(ends.decode, pieces)
    yield ends.decode("", final=True)


def _guess(path: Path, line: int) -> tuple[Encoding, str]:
    """Return the likeliest encoding of a file that is no UTF-8 in a line, and a warning.

    Raises:
        TaskError: none fits.
    """
    sample = _sample(path)
    answers = chardet.detect_all(sample, ignore_threshold=True, compat_names=False, include_encodings=_GUESSED)
    texts = [sample.decode(answer["encoding"], "replace") for answer in answers if answer["encoding"]]
    # Many read a few characters alike: named is the one that is met most.
    read = [(kind, sample.decode(python_codec(kind), "replace")) for kind in Encoding]
    kind, text = next(((kind, text) for text in texts for kind, same in read if same == text), (None, ""))
    if kind is None or _NO_TEXT.search(text):
        raise invalid(
            f"line {line} of {path.name} is no UTF-8, and what it is is not known; save the file as UTF-8, or set "
            "data.encoding"
        )
    word = next((word for word in _WORD.findall(text) if not word.isascii()), text)
    return kind, (
        f"{path.name} is read as {kind}, such as {quoted(word)}: line {line} is no UTF-8; if that is wrong, set "
        "data.encoding or save the file as UTF-8"
    )


def _sample(path: Path) -> bytes:
    """Return the first lines that hold other bytes than ASCII's."""
    sample = b""
    with opened(path) as file:
        for line in iter(partial(file.readline, LONGEST_LINE), b""):
            if not line.isascii():
                sample += line
            if len(sample) >= _SAMPLE:
                break
    return sample
