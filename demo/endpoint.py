"""A client of the endpoint: the Open Inference Protocol v2 over REST, with the standard library alone."""

import json
import urllib.request
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from tools.waiting import PATIENCE

_BATCH = 60


def labels(url: str, model: str, images: npt.NDArray[np.float32]) -> list[str]:
    """Return the endpoint's label for each image.

    Args:
        url: base address, e.g. `http://127.0.0.1:8080`.
        model: the model's name.
        images: [N, H, W, C], raw pixel values.
    """
    found: list[str] = []
    for start in range(0, len(images), _BATCH):
        found += _ask(url, model, images[start : start + _BATCH])
    return found


def _ask(url: str, model: str, batch: npt.NDArray[np.float32]) -> list[str]:
    body = {
        "inputs": [
            {"name": "image", "datatype": "FP32", "shape": list(batch.shape), "data": batch.reshape(-1).tolist()}
        ],
        "outputs": [{"name": "label"}],
    }
    request = urllib.request.Request(
        f"{url}/v2/models/{model}/infer", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        outputs = json.load(answer)["outputs"]
    return [str(label) for label in next(output["data"] for output in outputs if output["name"] == "label")]


def example(url: str, model: str, image: npt.NDArray[np.float32]) -> str:
    """Return the command by which a person sends this one image."""
    data = ",".join(f"{value:g}" for value in image.reshape(-1))
    shape = ",".join(str(side) for side in (1, *image.shape))
    body = f'{{"inputs":[{{"name":"image","datatype":"FP32","shape":[{shape}],"data":[{data}]}}]}}'
    return f"curl -s {url}/v2/models/{model}/infer -d '{body}'"


def drawn(image: npt.NDArray[np.float32], maximum: float) -> Iterator[str]:
    """Yield the lines of a grey image [H, W, 1] drawn with letters."""
    shades = " .:-=+*#%@"
    rows: Sequence[Sequence[float]] = image[:, :, 0].tolist()
    for row in rows:
        yield "".join(shades[min(int(value / maximum * (len(shades) - 1)), len(shades) - 1)] * 2 for value in row)
