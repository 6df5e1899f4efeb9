"""Images with one class each."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from idla_contract.problem import Problem
from idla_contract.task import DataSource
from idla_preprocess import Classes, ImageSpec, InputError
from idla_preprocess.decode import WHITE
from idla_preprocess.image import IMAGE, to_tensor

from idla_trainer.data.dataset import Dataset
from idla_trainer.data.findings.copies import about_copies, about_test_file
from idla_trainer.data.findings.images import about_pixels
from idla_trainer.data.formats.refusals import empty, invalid
from idla_trainer.data.labels import encode_labels
from idla_trainer.data.split import equal_groups
from idla_trainer.data.split_by_group import split_tied
from idla_trainer.failures import not_finite
from idla_trainer.problems.classification import classifier_of
from idla_trainer.problems.image.encoded_files import unpack_files
from idla_trainer.problems.image.reading import Images


@dataclass(frozen=True, slots=True)
class CheckedImages:
    """Images as a network takes them."""

    pixels: npt.NDArray[np.float32]
    """[N, H, W, C], finite."""
    labels: npt.NDArray[np.int64]
    """Class numbers [N]."""
    classes: tuple[str, ...]
    spec: ImageSpec


def prepare(
    found: Images, source: DataSource, problem: Problem, *, digest: str, test: Images | None = None, whole: bool = False
) -> Dataset:
    """Return the data set of checked images, split by class; equal images stay in one part.

    An image that is in a given test file too is neither learned from nor validated on. Picture files of the test get
    the size and the colours of the others.
    With `whole` all but the test is learned from, as `Parts.merged` says.

    Raises:
        TaskError: the images or the labels cannot be used.
    """
    held_out = _held_out(found, test)
    images = checked(found if test is None else _joined(found, test))
    pixels, labels, classes = images.pixels, images.labels, images.classes
    groups = equal_groups(pixels)
    parts = split_tied(labels, groups, classes, source.split, held_out=held_out, whole=whole)
    spec = (
        replace(images.spec, maximum=WHITE, reduced=True)
        if found.files is not None
        else _scaled(images.spec, pixels[parts.train])
    )
    return Dataset(
        digest=digest,
        test_given=test is None and held_out is not None,
        problem=problem,
        raw={IMAGE: pixels},
        targets=labels,
        parts=parts,
        preprocess=spec,
        answers=Classes(classes),
        objective=classifier_of(problem, classes, labels[parts.train]),
        classes=classes,
        shape=spec.shape,
        facts={"maximum": spec.maximum},
        warnings=(
            *about_copies("images", groups, labels, classes),
            *about_test_file("images", groups, held_out),
            *about_pixels(pixels),
        ),
    )


def checked(found: Images) -> CheckedImages:
    """Return images that a network can take.

    Raises:
        TaskError: there is none, a label or a pixel cannot be used, or there is one class only.
    """
    if not found.labels:
        raise empty("there is no example; at least five of each class are needed")
    labels, classes = encode_labels(found.labels)
    pixels = _finite(found.pixels, labels, classes)
    maximum = float(pixels.max())
    if maximum <= 0:
        raise invalid(f"the largest pixel is {maximum:g}; pixels go from 0 to a maximum above 0")
    return CheckedImages(pixels, labels, classes, _spec(pixels, maximum))


def _held_out(found: Images, test: Images | None) -> npt.NDArray[np.int64] | None:
    """Return the positions of the test split that is given, by a test file or by the data themselves."""
    if test is None:
        return None if found.tests is None else np.flatnonzero(found.tests)
    if found.tests is not None:
        raise invalid("the data have a folder of test pictures beside data.testStorageUri; give one of them")
    return np.arange(len(found.labels), len(found.labels) + len(test.labels))


def _joined(found: Images, test: Images) -> Images:
    """Return images with those of a test file behind them."""
    beside = _shaped(test, found.pixels.shape[1:])
    return Images(np.concatenate([found.pixels, beside]), found.labels + test.labels)


def _shaped(test: Images, shape: tuple[int, ...]) -> npt.NDArray[np.generic]:
    """Return the pixels of test images in the shape [H, W, C] of the others.

    Raises:
        TaskError: they have another one, and are no files that could be stretched.
    """
    if test.pixels.shape[1:] == shape:
        return test.pixels
    if test.files is not None:
        height, width, channels = shape
        return unpack_files(test.files, (height, width, channels)).pixels
    raise invalid(
        f"the test images have the shape {list(test.pixels.shape[1:])}, the others {list(shape)}; both files need the "
        "same"
    )


def _scaled(spec: ImageSpec, training: npt.NDArray[np.float32]) -> ImageSpec:
    """Return the spec with the largest pixel of the training part: the scale may not know the other parts."""
    maximum = float(training.max())
    if maximum <= 0:
        raise invalid(f"the largest pixel of the training part is {maximum:g}; pixels go from 0 to a maximum above 0")
    return replace(spec, maximum=maximum)


def _finite(
    images: npt.NDArray[np.generic], labels: npt.NDArray[np.int64], classes: tuple[str, ...]
) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore"):
        pixels = np.ascontiguousarray(images, dtype=np.float32)
    finite = np.isfinite(pixels).reshape(len(pixels), -1).all(axis=1)
    if not finite.all():
        example = int(np.argmin(finite))
        raise not_finite(
            f"{int(np.count_nonzero(~finite))} of {len(pixels)} examples have NaN, infinite or missing pixels; the "
            f"first is example {example} (counted from 0, label {classes[labels[example]]!r}). Mend or remove them"
        )
    return pixels


def _spec(pixels: npt.NDArray[np.float32], maximum: float) -> ImageSpec:
    height, width, channels = pixels.shape[1:]
    try:
        spec = ImageSpec(height=height, width=width, channels=channels, maximum=maximum)
        to_tensor(spec, pixels[:1], field=IMAGE)
    except InputError as error:
        raise invalid(f"the images cannot be used: {error}") from error
    return spec
