"""Photos in a folder go from YAML to an endpoint that answers to a JPEG file."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from idla.report.exit_status import ExitCode
from idla_contract.artifact import digest_of
from PIL import Image, ImageDraw

from tests.server.serving import Artifact, ask, serving
from tests.trainer.local_runs import LocalPlace

pytestmark = pytest.mark.trainer

EACH = 60
COLOURS = ((200, 30, 30), (30, 160, 60), (40, 60, 210), (240, 240, 240))
DRAWN = {"bar": (0.05, 0.4, 0.95, 0.6), "pole": (0.4, 0.05, 0.6, 0.95)}


def drawn(kind: str, number: int) -> tuple[str, bytes]:
    """Return a picture of a class as a camera or a tool leaves it: ending and content."""
    random = np.random.default_rng(2 * number + (kind == "pole"))
    width, height = (int(side) for side in random.integers(20, 48, 2))
    image = Image.new("RGB", (width, height), tuple(int(value) for value in random.integers(0, 70, 3)))
    box = [share * side for share, side in zip(DRAWN[kind], (width, height, width, height), strict=True)]
    ImageDraw.Draw(image).rectangle(box, fill=COLOURS[number % len(COLOURS)])
    file, exif = io.BytesIO(), Image.Exif()
    if number % 3 == 0:
        image.save(file, "PNG")
        return "png", file.getvalue()
    if number % 3 == 1:  # held upright, with the sensor lying
        image, exif[0x0112] = image.transpose(Image.Transpose.ROTATE_90), 6
    image.save(file, "JPEG", quality=90, exif=exif)
    return "JPG", file.getvalue()


def photos() -> Iterator[tuple[str, bytes]]:
    for kind in DRAWN:
        for number in range(EACH):
            ending, content = drawn(kind, number)
            yield f"{kind}/{number:02}.{ending}", content
    yield "pole/broken.jpg", drawn("pole", 1)[1][:300]
    yield "pole/Thumbs.db", b"\xd0\xcf\x11\xe0"


@pytest.mark.gate
def test_a_folder_of_photos_becomes_an_endpoint_that_answers_to_a_file(tmp_path: Path, samples: Path) -> None:
    for name, content in photos():
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(content)
    place = LocalPlace(tmp_path, samples)
    ended = place.run(
        "photos",
        task={"type": "ImageClassification"},
        preset="Fast",
        training={"maxEpochs": 20},
        model={"maxCandidates": 1},
    )
    assert ended.code == ExitCode.DONE, ended.said
    warnings = " ".join(ended.document["data"]["warnings"])
    assert "1 of 121 pictures cannot be used: 'pole/broken.jpg' (300 bytes that cannot be read" in warnings
    assert "1 files are no pictures and are left out: 'pole/Thumbs.db'" in warnings
    digest = digest_of((place.model / "manifest.json").read_bytes())
    artifact = Artifact(place.model, digest, np.zeros(0, np.float32), np.zeros(0, np.float32))
    unseen = [(kind, drawn(kind, number)[1]) for kind in DRAWN for number in range(100, 112)]
    files = [base64.b64encode(content).decode() for _, content in unseen]
    tensor = {"name": "image", "datatype": "BYTES", "shape": [len(files)], "data": files}
    with serving(artifact, tmp_path) as server:
        answer = ask(server.wait_ready(), "POST", "/v2/models/tiny/infer", {"inputs": [tensor]})
    assert answer.status == 200, answer.content
    labels = next(output["data"] for output in answer.json["outputs"] if output["name"] == "label")
    right = sum(label == kind for label, (kind, _) in zip(labels, unseen, strict=True))
    assert right >= 0.8 * len(unseen), labels
