"""CRC-32C (Castagnoli, RFC 3720 appendix B.4), of many texts of bytes at once."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_POLYNOMIAL = 0x82F63B78
"""Bits reversed."""
_WIDTH = 64
"""Bytes of a piece."""
_SEED = 4
"""Bytes that the initial value is mixed into."""
_MASK_ADDED = 0xA282EAD8
_WORD = 0xFFFFFFFF


def _byte_table() -> npt.NDArray[np.uint32]:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(_POLYNOMIAL), table >> 1)
    return table


_TABLE = _byte_table()
_STEPS: list[int] = _TABLE.tolist()


def _shift_tables() -> list[list[int]]:
    """Return for each byte of a value what a piece of zeros makes of it."""
    tables = []
    for place in range(4):
        values = np.arange(256, dtype=np.uint32) << np.uint32(8 * place)
        for _ in range(_WIDTH):
            values = _TABLE[values & 0xFF] ^ (values >> 8)
        tables.append(values.tolist())
    return tables


_SHIFT = _shift_tables()


def crc32c(content: bytes) -> int:
    """Return the checksum of a few bytes; for many ones use `checksums`."""
    value = _WORD
    for byte in content:
        value = _STEPS[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ _WORD


def checksums(contents: Sequence[bytes]) -> list[int]:
    """Return the checksum of each.

    The register starts at zero here, so that zeros in front change nothing and each text can be cut into pieces of
    one width, from its end; the pieces of all texts are taken at once and then joined. Starting at all ones, as
    CRC-32C does, is the same as inverting the first four bytes.
    """
    pieces = [-(-len(content) // _WIDTH) for content in contents]
    padded = bytearray(sum(pieces) * _WIDTH)
    end = 0
    for content, count in zip(contents, pieces, strict=True):
        end += count * _WIDTH
        start = end - len(content)
        padded[start:end] = content
        for position in range(start, min(start + _SEED, end)):
            padded[position] ^= 0xFF
    columns = np.frombuffer(padded, dtype=np.uint8).reshape(-1, _WIDTH).T.astype(np.uint32)
    values = np.zeros(columns.shape[1], dtype=np.uint32)
    for column in columns:
        values = _TABLE[(values ^ column) & 0xFF] ^ (values >> 8)
    return _joined(contents, pieces, values.tolist())


def masked(checksum: int) -> int:
    """Return a checksum as TFRecord keeps it."""
    return (((checksum >> 15) | (checksum << 17)) + _MASK_ADDED) & _WORD


def _joined(contents: Sequence[bytes], pieces: Sequence[int], values: Sequence[int]) -> list[int]:
    first, second, third, fourth = _SHIFT
    found, position = [], 0
    for content, count in zip(contents, pieces, strict=True):
        value = 0
        for piece in values[position : position + count]:
            value = (
                first[value & 0xFF]
                ^ second[value >> 8 & 0xFF]
                ^ third[value >> 16 & 0xFF]
                ^ fourth[value >> 24]
                ^ piece
            )
        position += count
        found.append(value ^ _WORD if len(content) >= _SEED else crc32c(content))
    return found
