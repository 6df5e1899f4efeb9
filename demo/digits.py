"""Digits as requests to the endpoint, and as characters."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from idla.endpoint import Endpoint
from idla_contract.inference import Document, infer_request, tensor_document

_SHADES = " .:-=+*#%@"


def request_of(images: npt.NDArray[np.float32], *outputs: str) -> Document:
    """Return the request for images.

    Args:
        images: [N, H, W, C], raw pixel values.
        outputs: names of what is wanted; without any, all outputs.
    """
    return infer_request([tensor_document("image", "FP32", images.shape, images.ravel().tolist())], outputs=outputs)


def labels(endpoint: Endpoint, images: npt.NDArray[np.float32]) -> list[str]:
    """Return the endpoint's label for each image [N, H, W, C] of raw pixel values.

    Raises:
        EndpointError: it does not answer, or refuses.
    """
    return [str(label) for label in endpoint.infer(request_of(images, "label"))["label"]["data"]]


def ascii_image(image: npt.NDArray[np.float32], maximum: float) -> Iterator[str]:
    """Yield the lines of a grey image [H, W, 1] as characters, the darker the larger up to `maximum`."""
    rows: Sequence[Sequence[float]] = image[:, :, 0].tolist()
    for row in rows:
        shades = (min(int(value / maximum * (len(_SHADES) - 1)), len(_SHADES) - 1) for value in row)
        yield "".join(_SHADES[shade] * 2 for shade in shades)
