"""From a YAML file to answers: photos in a folder, a CSV in a bucket of an own authority, a table beyond memory.

`.venv/bin/python benchmarks/end_to_end/from_yaml.py {photos,bucket,table} [--examples N] [--folder PATH]` makes the
data, runs `idla run --local --serve` on the file that a user writes, asks the server that it starts about examples that
no split has, and prints a line of JSON. `table` needs root. `--folder` takes photos of one's own, with a folder `test`
of unseen ones.
"""

import argparse
import base64
import csv
import io
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import yaml
from idla_contract.inference import Document, infer_request, tensor_document

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tools.local_endpoint import serving_workflow
from tools.memory_limit import limited_memory
from tools.object_store import IDENTITY, REGION, SECRET, serving_objects
from tools.tunnel_proxy import proxying

SHAPES = ("disc", "square", "triangle", "cross")
WIDTH, HEIGHT = 1600, 1200
UNSEEN = 200
NOISE = 0.05
COLUMNS = 39
"""Of numbers, in the table beyond memory."""
_LIMIT_SECONDS = 7200.0
_BATCH = 16
"""Photos a request: together below the 16 MiB that one may hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is run, and what is asked afterwards."""

    spec: Mapping[str, Any]
    size_bytes: int
    labels: Sequence[str]
    """Of the unseen examples."""
    requests: Sequence[Document]
    """With the unseen examples in the same order."""
    environment: Mapping[str, str] = field(default_factory=dict)
    within: Sequence[str] = ()
    """Words before the command."""


def photo(kind: str, random: np.random.Generator) -> bytes:
    """Return a JPEG file of 1600 x 1200 pixels: a shape of any size, place and colour, with the noise of a sensor.

    Every fourth one was taken with the sensor upright and says so in its EXIF data.
    """
    from PIL import Image, ImageDraw

    ground, colour = random.integers(0, 90, 3), random.integers(130, 256, 3)
    image = Image.new("RGB", (WIDTH, HEIGHT), tuple(ground.tolist()))
    size = int(random.integers(HEIGHT // 4, HEIGHT // 2))
    left, top = int(random.integers(0, WIDTH - size)), int(random.integers(0, HEIGHT - size))
    right, bottom, middle = left + size, top + size, (left + size // 2, top + size // 2)
    draw, fill, arm = ImageDraw.Draw(image), tuple(colour.tolist()), size // 6
    if kind == "disc":
        draw.ellipse((left, top, right, bottom), fill=fill)
    elif kind == "square":
        draw.rectangle((left, top, right, bottom), fill=fill)
    elif kind == "triangle":
        draw.polygon(((middle[0], top), (left, bottom), (right, bottom)), fill=fill)
    else:
        draw.rectangle((left, middle[1] - arm, right, middle[1] + arm), fill=fill)
        draw.rectangle((middle[0] - arm, top, middle[0] + arm, bottom), fill=fill)
    noise = random.normal(0, 12, (HEIGHT, WIDTH, 1)).astype(np.float32)
    image = Image.fromarray(np.clip(np.asarray(image, np.float32) + noise, 0, 255).astype(np.uint8))
    exif = Image.Exif()
    if random.integers(4) == 0:
        image, exif[0x0112] = image.transpose(Image.Transpose.ROTATE_90), 6
    file = io.BytesIO()
    image.save(file, "JPEG", quality=88, exif=exif)
    return file.getvalue()


@contextmanager
def photos(folder: Path, examples: int, own: Path | None) -> Iterator[Case]:
    """Give a folder of photos, `examples` of them unless it is one's own, and unseen ones as base64."""
    if own is None:
        random = np.random.default_rng(0)
        for number in range(examples):
            path = folder / "photos" / SHAPES[number % len(SHAPES)] / f"{number:05}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(photo(path.parent.name, random))
        kinds = [SHAPES[number % len(SHAPES)] for number in range(UNSEEN)]
        unseen = [(kind, photo(kind, random)) for kind in kinds]
    else:
        (folder / "photos").symlink_to(own.resolve())
        unseen = [(path.parent.name, path.read_bytes()) for path in sorted((own / "test").glob("*/*"))]
    files = [base64.b64encode(content).decode() for _, content in unseen]
    parts = [files[at : at + _BATCH] for at in range(0, len(files), _BATCH)]
    yield Case(
        spec={"task": {"type": "ImageClassification"}, "preset": "Fast", "data": {"storageUri": "photos"}},
        size_bytes=sum(path.stat().st_size for path in (folder / "photos").glob("**/*") if path.is_file()),
        labels=[kind for kind, _ in unseen],
        requests=[infer_request([tensor_document("image", "BYTES", [len(part)], part)]) for part in parts],
    )


def record(random: np.random.Generator) -> tuple[dict[str, Any], str]:
    """Return nine numbers and two categories, and the class, which follows from three of them in 95 of 100 cases."""
    values = {f"measure{number}": round(float(random.normal(50, 10)), 2) for number in range(9)}
    words = {"region": str(random.choice(["north", "south", "west"])), "product": str(random.choice(list("ABCDEF")))}
    pull = (values["measure0"] - values["measure1"]) / 10 + 2 * (words["region"] == "west")
    noise = random.random() < NOISE
    return values | words, "yes" if bool(pull > 0) != noise else "no"


@contextmanager
def bucket(folder: Path, examples: int, own: Path | None) -> Iterator[Case]:
    """Give a CSV in a bucket of a real S3 server behind a proxy, its certificate of an authority of its own."""
    del own
    (folder / "s3").mkdir()
    with serving_objects(folder / "s3") as store, proxying() as proxy:
        random = np.random.default_rng(0)
        table = store.folder / "bucket" / "records.csv"
        with table.open("w", newline="") as file:
            rows = (record(random) for _ in range(examples))
            first, label = next(rows)
            writer = csv.writer(file)
            writer.writerow([*first, "bought"])
            writer.writerow([*first.values(), label])
            writer.writerows([*values.values(), label] for values, label in rows)
        unseen = [record(random) for _ in range(UNSEEN)]
        names = {name: "BYTES" if isinstance(value, str) else "FP64" for name, value in unseen[0][0].items()}
        inputs = [
            tensor_document(name, datatype, [UNSEEN], [values[name] for values, _ in unseen])
            for name, datatype in names.items()
        ]
        access = {"region": REGION, "endpoint": store.endpoint}
        yield Case(
            spec={
                "task": {"type": "TabularClassification"},
                "preset": "Fast",
                "data": {
                    "storageUri": "s3://bucket/records.csv",
                    "access": access,
                    "columns": {"label": "bought"},
                },
            },
            size_bytes=table.stat().st_size,
            labels=[label for _, label in unseen],
            requests=[infer_request(inputs)],
            environment={
                "AWS_ACCESS_KEY_ID": IDENTITY,
                "AWS_SECRET_ACCESS_KEY": SECRET,
                "NO_PROXY": "",
                "IDLA_CA_FILE": str(store.authority),
                "IDLA_ALLOWED_HOSTS": f"localhost:{store.port}",
                "HTTPS_PROXY": proxy.address,
            },
        )


@contextmanager
def table(folder: Path, examples: int, own: Path | None) -> Iterator[Case]:
    """Give a Parquet file of numbers, of which five tell the class, to processes with 2 GiB of memory together."""
    del own
    path = folder / "table.parquet"
    numbers = ", ".join(f"random() * 2 - 1 AS x{place}" for place in range(COLUMNS))
    with duckdb.connect() as database:
        database.execute("SELECT setseed(0.5)")
        database.execute(
            f"COPY (SELECT *, CASE WHEN 3 * x0 + 2 * x1 * x2 + x3 + x4 * x4 > 0 THEN 'yes' ELSE 'no' END AS label "
            f"FROM (SELECT {numbers} FROM range({examples}))) TO '{path}' (FORMAT parquet, COMPRESSION uncompressed)"
        )
    unseen = np.random.default_rng(0).uniform(-1, 1, (COLUMNS, UNSEEN))
    truth = 3 * unseen[0] + 2 * unseen[1] * unseen[2] + unseen[3] + unseen[4] ** 2 > 0
    inputs = [tensor_document(f"x{place}", "FP64", [UNSEEN], row.tolist()) for place, row in enumerate(unseen)]
    with limited_memory(2 << 30) as within:
        yield Case(
            spec={
                "task": {"type": "TabularClassification"},
                "preset": "Fast",
                "training": {"maxEpochs": 1},
                "data": {"storageUri": "table.parquet"},
            },
            size_bytes=path.stat().st_size,
            labels=["yes" if is_yes else "no" for is_yes in truth.tolist()],
            requests=[infer_request(inputs)],
            within=within,
        )


CASES: Mapping[str, Callable[[Path, int, Path | None], Any]] = {"photos": photos, "bucket": bucket, "table": table}
EXAMPLES = {"photos": 800, "bucket": 100_000, "table": 10_000_000}


def measure(folder: Path, case: Case) -> dict[str, Any]:
    """Return the figures: sizes, seconds, the largest process, and how many unseen examples are answered right."""
    workflow = {"apiVersion": "idla.dev/v1alpha1", "kind": "TrainingWorkflow", "metadata": {"name": "benchmark"}}
    (folder / "workflow.yaml").write_text(yaml.safe_dump(workflow | {"spec": dict(case.spec)}))
    began = time.monotonic()
    with serving_workflow(folder, "benchmark", case.environment, _LIMIT_SECONDS, within=case.within) as served:
        ready = time.monotonic() - began
        asked = time.monotonic()
        answers = [served.endpoint.infer(request)["label"]["data"] for request in case.requests]
        answered = time.monotonic() - asked
    found = [label for answer in answers for label in answer]
    document = served.document
    return {
        "data_mb": round(case.size_bytes / 1e6, 1),
        "seconds_to_ready": round(ready, 1),
        "peak_mib_of_a_process": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10,
        "reason": document["reason"],
        "template": document["template"],
        "test_accuracy": document["test"]["servedMetrics"]["accuracy"],
        "test_examples": document["test"]["examples"],
        "right": sum(label == answer for label, answer in zip(case.labels, found, strict=True)),
        "asked": len(found),
        "milliseconds_an_answer": round(1000 * answered / len(found), 2),
    }


def main() -> None:
    """Measure one case and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", choices=CASES)
    parser.add_argument("--examples", type=int, help=f"how many (default: {EXAMPLES})")
    parser.add_argument("--folder", type=Path, help="photos of one's own, a folder for each class in each part")
    options = parser.parse_args()
    examples = options.examples or EXAMPLES[options.case]
    with tempfile.TemporaryDirectory() as name, CASES[options.case](Path(name), examples, options.folder) as case:
        print(json.dumps(measure(Path(name), case)))


if __name__ == "__main__":
    main()
