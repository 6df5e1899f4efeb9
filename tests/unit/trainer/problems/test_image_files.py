"""Images are read from IDX pairs and from folders of JPEG and PNG files, grey and coloured, of many sizes."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla.library import built_in_library
from idla_contract.problem import Problem, TaskType
from idla_contract.result import FailureReason
from idla_contract.task import Columns, DataSource
from idla_trainer.failures import TaskError
from idla_trainer.problems.image.encoded_files import LARGEST_SIDE, common_shape
from idla_trainer.problems.image.examples import prepare
from idla_trainer.problems.image.reading import Images, read
from PIL import Image
from pyarrow import parquet

from tests.golden import Golden
from tests.unit.trainer.refusals import refused

AMPLE = 1 << 24


def picture(kind: str, height: int, width: int, *, colour: tuple[int, int, int] | None = None, grey: int = 0) -> bytes:
    """Return an encoded image of one colour, or of one grey."""
    image = Image.new("RGB", (width, height), colour) if colour else Image.new("L", (width, height), grey)
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def folder_of(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "set" / name).write_bytes(content)
    return root / "set"


def found(path: Path, memory: int = AMPLE) -> Images:
    return read(path, DataSource(uri="pvc://c/set"), memory)


def idx(kind: int, array: npt.NDArray[np.uint8]) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, kind, array.ndim]) + sizes + array.tobytes()


def test_a_pair_of_idx_files_is_read(tmp_path: Path) -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    folder = folder_of(tmp_path, {"images": idx(8, pixels), "labels": idx(8, np.array([7, 3], np.uint8))})
    images = found(folder)
    assert images.labels == ("7", "3")
    np.testing.assert_array_equal(images.pixels, pixels[..., np.newaxis])


def test_picture_files_in_a_column_are_read(tmp_path: Path) -> None:
    files = [picture("PNG", 4, 6, grey=40), picture("PNG", 4, 6, grey=200)]
    parquet.write_table(pa.table({"kind": ["cat", "dog"], "picture": files}), tmp_path / "set.parquet")
    images = read(tmp_path / "set.parquet", DataSource(uri="pvc://c/set", columns=Columns(label="kind")), AMPLE)
    assert (images.labels, images.pixels.shape) == (("cat", "dog"), (2, 4, 6, 1))


def test_grey_files_of_one_size_keep_their_pixels(tmp_path: Path) -> None:
    files = {"cat/1.png": picture("PNG", 4, 6, grey=40), "dog/1.png": picture("PNG", 4, 6, grey=200)}
    images = found(folder_of(tmp_path, files))
    assert (images.labels, images.pixels.shape) == (("cat", "dog"), (2, 4, 6, 1))
    assert images.pixels.reshape(2, -1).tolist() == [[40] * 24, [200] * 24]


def test_files_of_many_sizes_and_kinds_get_the_median_size_and_colour(tmp_path: Path) -> None:
    files = {
        "cat/1.png": picture("PNG", 4, 6, grey=40),
        "cat/2.jpg": picture("JPEG", 8, 8, colour=(255, 0, 0)),
        "dog/1.jpeg": picture("JPEG", 16, 40, grey=200),
    }
    images = found(folder_of(tmp_path, files))
    assert (images.labels, images.pixels.shape) == (("cat", "cat", "dog"), (3, 8, 8, 3))
    means = images.pixels.reshape(3, -1, 3).mean(axis=1)
    np.testing.assert_allclose(means, [[40] * 3, [254, 0, 0], [200] * 3], atol=2)


def test_a_test_folder_of_another_size_gets_that_of_the_training(tmp_path: Path) -> None:
    greys = range(0, 240, 6)
    train = {f"{'ab'[grey % 4 // 2]}/{grey}.png": picture("PNG", 8, 6, grey=grey) for grey in greys}
    test = {f"{'ab'[grey % 2]}/{grey}.jpg": picture("JPEG", 20, 30, colour=(grey,) * 3) for grey in (1, 2, 3, 4)}
    source = DataSource(uri="pvc://c/set", test_uri="pvc://c/test")
    beside = found(folder_of(tmp_path / "test", test))
    dataset = prepare(found(folder_of(tmp_path, train)), source, Problem(), digest="sha256:" + "0" * 64, test=beside)
    assert (dataset.shape, len(dataset.parts.test)) == ((8, 6, 1), 4)
    means = dataset.raw["image"][dataset.parts.test].mean(axis=(1, 2, 3))
    np.testing.assert_allclose(means, [2, 4, 1, 3], atol=1)
    assert dataset.facts["maximum"] == 255.0  # of files, whatever the largest pixel is


WHOLE = {
    f"{kind}/{place:02}.png": picture("PNG", 4, 6, grey=6 * place + 3 * (kind == "dog"))
    for kind in ("cat", "dog")
    for place in range(20)
}
BROKEN = {"dog/cut.JPG": picture("JPEG", 64, 64)[:200], "cat/none.png": b"", "cat/web.webp": b"RIFF\0\0\0\0WEBP"}


def test_a_few_broken_pictures_are_left_out_and_named(tmp_path: Path, golden: Golden) -> None:
    images = found(folder_of(tmp_path, WHOLE | BROKEN))
    assert images.labels == 20 * ("cat",) + 20 * ("dog",)
    assert images.pixels[:, 0, 0, 0].tolist() == [*range(0, 120, 6), *range(3, 120, 6)]
    (said,) = images.warnings
    golden(said)


def test_a_folder_of_test_pictures_is_the_test_split(tmp_path: Path) -> None:
    other = {
        f"{kind}/{place}.png": picture("PNG", 4, 6, grey=200 + place + 3 * (kind == "dog"))
        for kind in ("cat", "dog")
        for place in (1, 2)
    }
    parts = {f"train/{name}": content for name, content in WHOLE.items()}
    parts |= {f"Test/{name}": content for name, content in (other | {"dog/cut.png": b""}).items()}
    images = found(folder_of(tmp_path, parts))
    dataset = prepare(images, DataSource(uri="pvc://c/set"), Problem(), digest="sha256:" + "0" * 64)
    assert dataset.parts.test.tolist() == [0, 1, 2, 3]
    assert images.warnings[0] == (
        "the pictures of 'Test' are the test split, those of 'train' for training and validation"
    )
    with pytest.raises(TaskError, match=r"a folder of test pictures beside data\.testStorageUri"):
        prepare(images, DataSource(uri="pvc://c/set"), Problem(), digest="sha256:" + "0" * 64, test=images)


TABLES: dict[str, tuple[str, str, Columns]] = {
    "CSV": ("d.csv", "file,kind,by\na\\1.png,cat,Ann\n./b.PNG,dog,Bob\n", Columns(label="kind")),
    "JSONL": (
        "d.jsonl",
        """{"file": "a/1.png", "kind": "cat", "by": 1}\n{"file": "b.PNG", "kind": "dog", "by": 2}""",
        Columns(label="kind"),
    ),
    "a named column": (
        "d.csv",
        "file,raw,kind\na/1.png,x.jpg,cat\nb.PNG,y.jpg,dog\n",
        Columns(picture="file", label="kind"),
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_names_pictures_beside_it(tmp_path: Path, name: str) -> None:
    table, text, columns = TABLES[name]
    files = {"a/1.png": picture("PNG", 4, 6, grey=40), "b.PNG": picture("PNG", 4, 6, grey=200), table: text.encode()}
    images = read(folder_of(tmp_path, files), DataSource(uri="pvc://c/set", columns=columns), AMPLE)
    assert (images.labels, images.pixels[:, 0, 0, 0].tolist()) == (("cat", "dog"), [40, 200])
    other = "raw" if columns.picture else "by"
    assert images.warnings == (f"the images are in 'file'; nothing is learned from {other!r}",)


def test_parts_of_a_file_of_paths_that_are_not_there_are_named(tmp_path: Path, golden: Golden) -> None:
    rows = "file,label\n/etc/x.png,a\n../x.png,b\nnone.png,a\nhttp://h/x.png,b"
    folder = folder_of(tmp_path, {"d.csv": rows.encode()})
    golden([refused(lambda: found(folder))[1], refused(lambda: found(folder / "d.csv"))[1]])


REFUSED: dict[str, tuple[dict[str, bytes], int]] = {
    "no image": ({"cat/1.png": picture("PNG", 2, 2), "dog/1.png": b"x"}, AMPLE),
    "only classes in classes": ({"pet/cat/black/1.png": b"", "pet/cat/2.png": b"", "pet/dog/1.png": b""}, AMPLE),
    "half a file": ({"cat/1.png": picture("PNG", 64, 64, colour=(1, 2, 3))[:80]}, AMPLE),
    "more than the memory": ({"cat/1.png": picture("PNG", 50, 50)}, 9999),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_refused(tmp_path: Path, name: str, golden: Golden) -> None:
    files, memory = REFUSED[name]
    reason, said = refused(lambda: found(folder_of(tmp_path, files), memory))
    golden(said)
    assert reason == FailureReason.DATA_INVALID


SIZES = st.tuples(st.integers(1, 8000), st.integers(1, 8000), st.sampled_from([1, 3]))


@given(st.lists(SIZES, min_size=1, max_size=9))
def test_the_common_shape_is_of_a_bounded_size_and_does_not_depend_on_the_order(sizes: list[Any]) -> None:
    height, width, channels = common_shape(sizes)
    assert 1 <= min(height, width) <= max(height, width) <= LARGEST_SIDE
    assert channels == max(size[2] for size in sizes)
    assert common_shape(sizes[::-1]) == (height, width, channels)


def test_the_built_in_models_take_pictures_of_the_largest_size() -> None:
    images = [entry for entry in built_in_library() if TaskType.IMAGE_CLASSIFICATION in entry.spec.tasks]
    limits = {entry.name: entry.spec.inputs.maximum_side for entry in images if entry.spec.inputs is not None}
    assert limits
    assert {name: side for name, side in limits.items() if side is not None and side < LARGEST_SIDE} == {}
