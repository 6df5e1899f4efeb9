"""Text files of any known encoding become UTF-8, which is all that the readers of text read."""

import codecs
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import chardet
from idla_contract.encoding import Encoding

from idla_trainer.data.findings.names import quoted
from idla_trainer.data.formats.files import DAMAGE, LONGEST_LINE, opened
from idla_trainer.data.formats.refusals import invalid

_CODECS = {
    Encoding.UTF_8: "utf_8", Encoding.UTF_16LE: "utf_16_le", Encoding.UTF_16BE: "utf_16_be",
    Encoding.WINDOWS_1252: "cp1252", Encoding.WINDOWS_1250: "cp1250", Encoding.WINDOWS_1251: "cp1251",
    Encoding.WINDOWS_1253: "cp1253", Encoding.WINDOWS_1254: "cp1254", Encoding.WINDOWS_1255: "cp1255",
    Encoding.WINDOWS_1256: "cp1256", Encoding.WINDOWS_1257: "cp1257", Encoding.WINDOWS_1258: "cp1258",
    Encoding.ISO_8859_2: "iso8859_2", Encoding.ISO_8859_15: "iso8859_15", Encoding.GB18030: "gb18030",
    Encoding.BIG5: "big5hkscs", Encoding.SHIFT_JIS: "cp932", Encoding.EUC_JP: "euc_jp", Encoding.EUC_KR: "cp949",
    Encoding.KOI8_R: "koi8_r", Encoding.MACINTOSH: "mac_roman", Encoding.IBM866: "cp866",
}  # fmt: skip
"""Python's codec of each, those of the web's standard where it differs from the name; the likelier ones first."""
_PARTS = {"shift_jis_2004": "cp932", "euc_jis_2004": "euc_jp", "big5": "big5hkscs", "euc_kr": "cp949"}
"""What chardet may answer in the place of a codec above."""
_GUESSED = [*(kind for kind in Encoding if kind is not Encoding.UTF_8), "cp932", "cp949"]
_MARKS = {codecs.BOM_UTF16_LE: Encoding.UTF_16LE, codecs.BOM_UTF16_BE: Encoding.UTF_16BE}
_BLOCK = 1 << 20
_HEAD = 1 << 12
"""Bytes by which UTF-16 without a mark is known."""
_ZEROS = 0.4
"""Share of bytes 0 among every second byte from which on it is UTF-16: of texts in the alphabets of Europe."""
_SAMPLE = 1 << 16
"""Bytes of lines with other characters than ASCII's, by which an encoding is guessed."""
_MARK = "\ufeff"
_WORD = re.compile(r"\w+")
_NO_TEXT = re.compile(r"[\0-\x08\x0e-\x1f\x7f-\x9f\ufffd]")
"""Characters that bytes read as text hold where they are none, or none of the encoding."""


@dataclass(frozen=True, slots=True)
class Utf8Text:
    """A text file in UTF-8."""

    path: Path
    """The file itself, or a copy of the same name."""
    warnings: tuple[str, ...] = ()
    """What was guessed."""


def python_codec(kind: Encoding) -> str:
    """Return the name of Python's codec of an encoding."""
    return _CODECS[kind]


@contextmanager
def in_utf8(path: Path, wanted: Encoding | None) -> Iterator[Utf8Text]:
    """Yield a text file in UTF-8: itself, or a copy that is there within the context.

    Args:
        path: the file, compressed by gzip or not.
        wanted: its encoding. Default: what a byte order mark says, UTF-8 where all of it is, else the likeliest one,
            with a warning.

    Raises:
        TaskError: the bytes are none of the encoding, or of no known one, or their compression is damaged.
    """
    kind, warnings = _detect(path) if wanted is None else (wanted, ())
    known = wanted is None and kind is Encoding.UTF_8  # by all of its bytes
    line = None if known else _find_undecodable(path, kind)
    if line is not None:
        raise invalid(f"line {line} of {path.name} is no {kind}; set data.encoding to what it is, or save it as UTF-8")
    if kind is Encoding.UTF_8:
        yield Utf8Text(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        _transcode(path, copy, kind)
        yield Utf8Text(copy, warnings)


def _detect(path: Path) -> tuple[Encoding, tuple[str, ...]]:
    """Return the encoding, with a warning where it is guessed.

    Raises:
        TaskError: none fits.
    """
    with opened(path) as file:
        head = _read(file, _HEAD)
    marked = next((kind for mark, kind in _MARKS.items() if head.startswith(mark)), None)
    if marked is not None:
        return marked, ()
    wide = _wide(head)
    if wide is not None:
        return wide, (
            f"{path.name} is read as {wide}, since every other byte is zero; if that is wrong, set data.encoding",
        )
    line = _find_undecodable(path, Encoding.UTF_8)
    if line is None:
        return Encoding.UTF_8, ()
    sample = _sample(path)
    texts = [sample.decode(python_codec(kind), "replace") for kind in _guess(sample)]
    if not texts or _NO_TEXT.search(texts[0]):
        raise invalid(
            f"line {line} of {path.name} is no UTF-8, and what it is is not known; save the file as UTF-8, or set "
            "data.encoding"
        )
    # Many read a few characters alike: named is the one that is met most.
    kind = next(kind for kind, codec in _CODECS.items() if sample.decode(codec, "replace") == texts[0])
    word = _telling_word(*texts[:2])
    warning = (
        f"{path.name} is read as {kind}, such as {quoted(word)}: line {line} is no UTF-8; if that is wrong, set "
        "data.encoding or save the file as UTF-8"
    )
    return kind, (warning,)


def _guess(sample: bytes) -> list[Encoding]:
    """Return the encodings that bytes may have, the likeliest first."""
    answers = chardet.detect_all(sample, ignore_threshold=True, compat_names=False, include_encodings=_GUESSED)
    names = [codecs.lookup(answer["encoding"]).name for answer in answers if answer["encoding"]]
    known = {codecs.lookup(codec).name: kind for kind, codec in _CODECS.items() if kind is not Encoding.UTF_8}
    found = [known.get(codecs.lookup(_PARTS.get(name, name)).name) for name in names]
    return list(dict.fromkeys(kind for kind in found if kind is not None))


def _telling_word(text: str, other: str = "") -> str:
    """Return a word by which a reader tells a text from what it might be else, or the first one beyond ASCII."""
    words, others = _WORD.findall(text), _WORD.findall(other)
    unlike = (word for word, another in zip(words, others, strict=False) if word != another)
    return next(unlike, None) or next((word for word in words if not word.isascii()), text)


def _wide(head: bytes) -> Encoding | None:
    """Return which UTF-16 the first bytes are by their zeros, or None."""
    half = len(head) // 2
    if half and head[1::2].count(0) >= _ZEROS * half:
        return Encoding.UTF_16LE
    return Encoding.UTF_16BE if half and head[::2].count(0) >= _ZEROS * half else None


def _find_undecodable(path: Path, kind: Encoding) -> int | None:
    """Return the number, from 1, of the first line that is none of an encoding, or None."""
    line = 1
    try:
        for text in _decoded(path, kind):
            line += text.count("\n")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode(python_codec(kind), "ignore")
        return line + before.count("\n")
    except DAMAGE as error:
        raise invalid(f"{path.name} is compressed by gzip and damaged ({error}); copy it again") from error
    return None


def _decoded(path: Path, kind: Encoding) -> Iterator[str]:
    """Yield the text in pieces, without a byte order mark."""
    decoder = codecs.getincrementaldecoder(python_codec(kind))()
    first = True
    with opened(path) as file:
        while block := file.read(_BLOCK):
            text = decoder.decode(block)
            yield text.removeprefix(_MARK) if first else text
            first = False
    yield decoder.decode(b"", final=True)


def _transcode(path: Path, copy: Path, kind: Encoding) -> None:
    with copy.open("w", encoding="utf-8", newline="") as file:
        file.writelines(_decoded(path, kind))


def _sample(path: Path) -> bytes:
    """Return the first lines that hold other bytes than ASCII's."""
    found, size = list[bytes](), 0
    with opened(path) as file:
        for line in iter(lambda: file.readline(LONGEST_LINE), b""):
            if not line.isascii():
                found.append(line)
                size += len(line)
            if size >= _SAMPLE:
                break
    return b"".join(found)


def _read(file: IO[bytes], size: int) -> bytes:
    """Return the first bytes, or none where the compression is damaged."""
    try:
        return file.read(size)
    except DAMAGE:
        return b""
