"""A network of one's own: the package of examples/bring-your-own, installed beside the trainer, found and trained."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
import yaml
from idla.local.trainer import find_trainer
from idla.report.exit_status import ExitCode
from idla_contract.artifact import ArtifactManifest
from idla_store import verify

pytestmark = pytest.mark.trainer

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def own_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Python that has all of this one's packages, and the example's."""
    root = tmp_path_factory.mktemp("own")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / "venv"], check=True)
    python = root / "venv/bin/python"
    [packages] = (root / "venv/lib").glob("python*/site-packages")
    (packages / "trainer.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    shutil.copytree(ROOT / "examples/bring-your-own", root / "source")
    build = [str(BIN / "uv"), "build", "--quiet", "--offline", "--no-build-isolation", "--wheel", "--out-dir"]
    subprocess.run([*build, str(root / "dist"), "--python", str(python), str(root / "source")], check=True)
    [wheel] = (root / "dist").glob("*.whl")
    subprocess.run([python, "-m", "zipfile", "-e", wheel, packages], check=True)  # as its Dockerfile does
    return python


def run(python: Path, folder: Path) -> tuple[int, dict[str, object]]:
    """Run the sample's template on a small table."""
    random = np.random.default_rng(0)
    values = random.normal(size=(300, 2))
    labels = np.where(values[:, 0] + random.normal(size=300) / 4 > 0, "ill", "well")
    lines = [f"{first:.4f},{second:.4f},{label}" for (first, second), label in zip(values, labels, strict=True)]
    (folder / "table.csv").write_text("\n".join(["a,b,label", *lines]))
    documents = list(yaml.safe_load_all((ROOT / "manifests/samples/own-builder.yaml").read_text()))
    spec = documents[1]["spec"]
    spec["data"] = {"storageUri": "table.csv"}
    spec["model"] = {"selection": "Pinned", "templateRefs": [{"name": "perceptron"}]}
    (folder / "workflow.yaml").write_text(yaml.safe_dump_all(documents))
    words = [str(BIN / "idla"), "run", "--local", "--json", "-f", "workflow.yaml", "-o", "out"]
    environment = {**os.environ, "IDLA_TRAINER_PYTHON": str(python)}
    ended = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    document: dict[str, object] = json.loads(ended.stdout.splitlines()[-1])
    return ended.returncode, document


def test_an_installed_network_is_trained_compressed_and_published(own_python: Path, tmp_path: Path) -> None:
    code, document = run(own_python, tmp_path)
    assert (code, document["template"]) == (ExitCode.DONE, "perceptron"), document["message"]
    artifact, tested, baseline = document["artifact"], document["test"], document["baseline"]
    assert isinstance(artifact, dict)
    assert isinstance(tested, dict)
    assert isinstance(baseline, dict)
    manifest: ArtifactManifest = verify(Path(artifact["path"]), artifact["digest"])
    assert manifest.made_with is not None
    assert (manifest.made_with.builder, manifest.made_with.hyperparameters) == ("perceptron", {"width": 64})
    assert tested["served"] < baseline["test"] / 2


def test_another_code_of_a_network_is_another_trainer(own_python: Path) -> None:
    """Results of the store are found again by the trainer: those of older code must not be."""

    def image() -> str:
        return find_trainer({"IDLA_TRAINER_PYTHON": str(own_python)}).image

    [code] = own_python.parents[1].glob("lib/python*/site-packages/own_networks.py")
    before, text = image(), code.read_text()
    code.write_text(text + "CHANGED = True\n")
    assert image() != before != find_trainer({"IDLA_TRAINER_PYTHON": sys.executable}).image
    code.write_text(text)
    assert image() == before


def test_an_installed_network_keeps_the_contract(own_python: Path, tmp_path: Path) -> None:
    words = ["conform", "-o", str(tmp_path / "out"), "--task", "TabularRegression", "--builder", "perceptron"]
    environment = {**os.environ, "IDLA_TRAINER_PYTHON": str(own_python)}
    ended = subprocess.run([str(BIN / "idla"), *words], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == ExitCode.DONE, ended.stdout + ended.stderr
    assert ended.stdout.splitlines()[-1].startswith("9 of 9 hold; ")


def test_an_image_without_the_package_says_what_it_knows(tmp_path: Path) -> None:
    code, document = run(Path(sys.executable), tmp_path)
    assert code == ExitCode.USAGE
    assert re.search(r"model.builder: found 'perceptron'; this image knows .*\befficient, ", str(document["message"]))
