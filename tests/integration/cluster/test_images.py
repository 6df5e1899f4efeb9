"""The product's images run as the product's pods do: restricted, user 10001, a root that cannot be written."""

from collections.abc import Mapping
from typing import Any

import pytest

from tools.cluster.product import OPERATOR, SERVER, TRAINER
from tools.waiting import PATIENCE

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(4 * PATIENCE)]
SAY = "print(said, file=open('/dev/termination-log', 'w'))"
IS_THERE = "from importlib.util import find_spec; said = [bool(find_spec(name)) for name in {names}]"
WRITE = """
import os
said = [os.getuid(), os.getgid()]
for folder in ('/opt/idla/code', '/opt/idla/python', '/root', '/tmp'):
    try:
        open(folder + '/written', 'w').close()
        said.append(folder)
    except OSError:
        pass
"""
COMPILED = """
import compileall, importlib.util, pathlib
found = [*pathlib.Path('/opt/idla/code').rglob('*.py'), *pathlib.Path('/opt/idla/python/lib').rglob('*.py')]
bare = [path for path in found if not pathlib.Path(importlib.util.cache_from_source(path)).exists()]
said = [len(found) > 100, len(bare), [str(path) for path in bare][:5]]
"""
SAMPLE = """
import gzip
rows = gzip.open('/opt/idla/samples/digits/digits.csv.gz', 'rt').read().splitlines()
said = [len(rows), len(rows[0].split(','))]
"""
TENSORFLOW = """
import keras, tensorflow as tf, idla_trainer, idla_store, idla_preprocess
said = [tf.__version__.startswith('2.21.'), float(tf.reduce_sum(tf.ones([2, 3])))]
"""
CASES: Mapping[str, tuple[str, str, str]] = {
    "operator: its code and clients": (
        OPERATOR.name, "import idla_operator, idla, idla_contract, kopf, kubernetes.aio; said = 'here'", "here"
    ),
    "operator: nothing of the pods": (
        OPERATOR.name, IS_THERE.format(names=("idla_trainer", "idla_server", "tensorflow", "numpy")),
        "[False, False, False, False]",
    ),
    "operator: user and what it can write": (OPERATOR.name, WRITE, "[10001, 10001, '/tmp']"),
    "trainer: tensorflow computes": (TRAINER.name, TENSORFLOW, "[True, 6.0]"),
    "trainer: the sample digits": (TRAINER.name, SAMPLE, "[1797, 65]"),
    "trainer: no scikit-learn, no operator": (
        TRAINER.name, IS_THERE.format(names=("sklearn", "idla", "kopf", "kubernetes")), "[False, False, False, False]"
    ),
    "trainer: user and what it can write": (TRAINER.name, WRITE, "[10001, 10001, '/tmp']"),
    "trainer: compiled": (TRAINER.name, COMPILED, "[True, 0, []]"),
    "server: its code": (SERVER.name, "import idla_server.app, ai_edge_litert; said = 'here'", "here"),
    "server: no tensorflow, no trainer, no samples": (
        SERVER.name,
        IS_THERE.format(names=("tensorflow", "keras", "idla_trainer"))
        + "\nfrom os.path import exists; said.append(exists('/opt/idla/samples'))",
        "[False, False, False, False]",
    ),
    "server: user and what it can write": (SERVER.name, WRITE, "[10001, 10001, '/tmp']"),
}  # fmt: skip


def run(namespace: Any, image: str, *arguments: str) -> tuple[str, str]:
    """Run a pod of the image to its end; return its phase and its termination message."""
    container = {
        "image": image,
        "command": None,  # the image's own
        "args": ["-I", *arguments],
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    pod = namespace.run("runs", "", container=container, volumes=[{"name": "tmp", "emptyDir": {}}])
    ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    return pod["status"]["phase"], str(ended.get("message", "")).strip()


@pytest.mark.parametrize("case", CASES)
def test_an_image_in_a_restricted_pod(namespace: Any, case: str) -> None:
    image, code, expected = CASES[case]
    result = run(namespace, image, "-c", f"{code}\n{SAY}")
    assert result == ("Succeeded", expected), namespace.kubectl("logs", "runs")
