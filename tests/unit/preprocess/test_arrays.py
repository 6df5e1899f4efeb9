"""NPZ files that are not what they seem: each is refused by its name, before it can cost memory or run anything."""

import io
import pickle
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from idla_preprocess.arrays import ArraysError, MissingArrayError, TooLargeError, read_arrays, unpack

from tests.forged import Evil, compressed, npz
from tests.golden import Golden

X = np.arange(6, dtype=np.float32).reshape(2, 3)
Y = np.array(["a", "b"])
PLENTY = 1 << 20


def archive(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as made:
        for name, content in members:
            made.writestr(name, content)
    return buffer.getvalue()


def npy(
    shape: object = (2, 3), descr: object = "<f4", body: bytes = X.tobytes(), version: tuple[int, int] = (1, 0)
) -> bytes:
    """Return an array's file whose header says whatever is asked."""
    return raw(f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}\n", body, version)


def raw(header: str, body: bytes = X.tobytes(), version: tuple[int, int] = (1, 0)) -> bytes:
    length = struct.pack("<H" if version == (1, 0) else "<I", len(header))
    return b"\x93NUMPY" + bytes(version) + length + header.encode() + body


def one(content: bytes) -> bytes:
    return archive(("x.npy", content))


def encrypted() -> bytes:
    """Return an archive that says of its member that it is encrypted."""
    content = bytearray(npz(x=X))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    return bytes(content)


def lying(size: int) -> bytes:
    """Return an archive whose directory tells another size of its member than it has."""
    content = bytearray(one(npy()))
    place = content.index(b"PK\x01\x02")
    content[place + 24 : place + 28] = struct.pack("<I", size)
    return bytes(content)


@pytest.mark.parametrize("content", [npz(x=X, y=Y), compressed(x=X, y=Y)])
def test_arrays_are_read(content: bytes) -> None:
    found = read_arrays(io.BytesIO(content), PLENTY)
    assert sorted(found) == ["x", "y"]
    assert np.array_equal(found["x"], X)
    assert np.array_equal(found["y"], Y)


@pytest.mark.parametrize("array", [X.T, np.zeros((0, 3)), np.array(5), np.zeros(3, "S4"), X > 2, np.asfortranarray(X)])
def test_whatever_numpy_writes_is_read(array: Any) -> None:
    assert np.array_equal(unpack(npz(x=array))["x"], array)


REFUSED: dict[str, bytes] = {
    "nothing": b"",
    "no archive": b"PK\x03\x04 no zip",
    "half an archive": npz(x=X)[:-30],
    "a changed byte": npz(x=X).replace(X.tobytes(), X.tobytes()[::-1]),
    "objects": npz(x=np.array([{}])),
    "objects among fields": one(npy(shape=(1,), descr=[("a", "|O"), ("b", "<i4")], body=b"0" * 12)),
    "a pickle for an array": one(pickle.dumps([1])),
    "no header": one(b""),
    "a header that is no literal": one(raw("__import__('os').system('true')\n")),
    "a header without end": one(raw("{" + "-" * 9000 + "1}\n")),
    "a header of nested brackets": one(raw("(" * 5000 + ")" * 5000 + "\n")),
    "an endless header": one(raw("{" + " " * 60000 + "}\n")),
    "a later version": one(npy(version=(3, 0))),
    "no such version": one(npy(version=(9, 9))),
    "no such type": one(npy(descr="<f99")),
    "a shape of texts": one(npy(shape=("2", 3))),
    "a shape beyond all memory": one(npy(shape=(1 << 40, 1 << 20))),
    "a shape that overflows to its true size": one(npy(shape=(1 << 62, 16, 2), body=b"")),
    "a negative shape": one(npy(shape=(-2, -3))),
    "one value too few": one(npy(body=X.tobytes()[4:])),
    "one value too many": one(npy(body=X.tobytes() + b"0000")),
    "a directory that tells less": lying(100),
    "a directory that tells more": lying(4000),
    "encrypted": encrypted(),
    "packed by another method": archive(("x.npy", npy()), method=zipfile.ZIP_LZMA),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_plain_array_is_refused(name: str, golden: Golden) -> None:
    with pytest.raises(ArraysError) as refusal:
        read_arrays(io.BytesIO(REFUSED[name]), PLENTY)
    golden(str(refusal.value))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_arrays_of_one_name_are_refused() -> None:
    with pytest.raises(ArraysError, match="it holds 'x' twice"):
        unpack(archive(("x.npy", npy()), ("x.npy", npy())))


def test_nothing_is_ever_unpickled(tmp_path: Path) -> None:
    evil = Evil(tmp_path / "ran")
    with pytest.raises(ArraysError):
        unpack(npz(x=np.array([evil], dtype=object)))
    with pytest.raises(ArraysError):
        unpack(one(pickle.dumps(evil)))
    assert not (tmp_path / "ran").exists()
    pickle.loads(pickle.dumps(evil))
    assert (tmp_path / "ran").exists(), "the pickle does no harm, and shows nothing"


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = compressed(x=np.zeros((1 << 26,), np.uint8))
    assert len(bomb) < 1 << 17
    tracemalloc.start()
    with pytest.raises(TooLargeError) as refusal:
        read_arrays(io.BytesIO(bomb), PLENTY)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refusal.value.size == (1 << 26) + 128
    assert peak < PLENTY


def test_the_sizes_are_added_up() -> None:
    content = npz(a=np.zeros(1000, np.uint8), b=np.zeros(1000, np.uint8))
    size = 2 * (1000 + 128)
    assert sorted(read_arrays(io.BytesIO(content), size)) == ["a", "b"]
    with pytest.raises(TooLargeError, match=f"its arrays take {size} bytes unpacked, allowed are {size - 1}"):
        read_arrays(io.BytesIO(content), size - 1)
    assert sorted(read_arrays(io.BytesIO(content), size // 2, names=["b"])) == ["b"]


def test_what_we_write_is_never_larger_than_its_file_so_that_a_compressed_bomb_is_refused() -> None:
    assert np.array_equal(unpack(npz(x=np.zeros(5000)))["x"], np.zeros(5000))
    with pytest.raises(TooLargeError):
        unpack(compressed(x=np.zeros(5000)))


def test_names_lead_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    content = archive(("../../x.npy", npy()), ("/etc/x.npy", npy()), ("x.npy", npy()), ("model.h5", b"\x89HDF"))
    assert sorted(read_arrays(io.BytesIO(content), PLENTY)) == ["../../x", "/etc/x", "x"]
    assert np.array_equal(read_arrays(io.BytesIO(content), PLENTY, names=["x"])["x"], X)
    assert list(tmp_path.iterdir()) == []


def test_an_array_that_is_missing_is_named_with_those_that_are_there() -> None:
    with pytest.raises(MissingArrayError, match="lacks the array 'z'; it holds x, y"):
        read_arrays(io.BytesIO(npz(y=Y, x=X)), PLENTY, names=["x", "z"])
    with pytest.raises(MissingArrayError, match="lacks the array 'z'; it holds nothing"):
        read_arrays(io.BytesIO(archive(("readme", b""))), PLENTY, names=["z"])


def test_a_directory_that_leads_before_the_file_is_damage_not_a_failure_of_the_volume(tmp_path: Path) -> None:
    content = bytearray(npz(x=X))
    content[content.index(b"PK\x05\x06") + 17] = 2  # where the directory begins
    (tmp_path / "x.npz").write_bytes(content)
    for file in (io.BytesIO(bytes(content)), (tmp_path / "x.npz").open("rb")):
        with file, pytest.raises(ArraysError):
            read_arrays(file, PLENTY)


WHOLE = npz(x=X, y=Y)


@pytest.mark.filterwarnings("ignore:Reading `.npy` or `.npz` file required additional header parsing")
@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_any_changed_bytes_are_read_or_refused_and_nothing_else(changes: list[tuple[int, int]]) -> None:
    content = bytearray(WHOLE)
    for place, value in changes:
        content[place] = value
    try:
        found = read_arrays(io.BytesIO(bytes(content)), PLENTY)
    except ArraysError:
        return
    assert sum(array.nbytes for array in found.values()) <= PLENTY
