"""The samples for texts, records, series and interactions run to a model with small data at the place they name."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests import generated
from tools.waiting import PATIENCE, WHOLE

pytestmark = [pytest.mark.trainer, pytest.mark.gate, pytest.mark.timeout(WHOLE)]

SAMPLES = Path(__file__).parents[2] / "manifests" / "samples"
SHORT = {"preset": "Fast", "training": {"maxEpochs": 5}}
"""What is merged into a sample; all else runs as users read it."""
RUN = {
    "text": ("messages", "f1", {"text-network", "ngram-linear"}),
    "intents": ("intents", "accuracy", {"text-network", "ngram-linear"}),
    "tabular": ("tumours", "logLoss", {"tabular-network", "tabular-linear"}),
    "forecasting": ("traffic", "rmse", {"graph-forecaster", "series-linear"}),
    "recommendation": ("films", "rmse", {"collaborative-filtering"}),
    "ranking": ("next-films", "ndcgAt10", {"collaborative-filtering"}),
}
"""Name, metric, and the models of which one is chosen."""
LESS_IS_BETTER = {"logLoss", "rmse"}


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that stands for the claim `datasets`."""
    folder = tmp_path_factory.mktemp("datasets")
    generated.write(folder)
    return folder


@pytest.mark.parametrize("sample", RUN)
def test_a_sample_ends_with_a_model_that_betters_the_naive_answer(sample: str, datasets: Path, tmp_path: Path) -> None:
    name, metric, models = RUN[sample]
    workflow = yaml.safe_load((SAMPLES / f"{sample}.yaml").read_text())
    workflow["spec"] |= SHORT
    (tmp_path / "workflow.yaml").write_text(yaml.safe_dump(workflow))
    command = [sys.executable, "-m", "idla.cli", "run", "--local", "--json", "--quiet", f"--data={datasets}"]
    ended = subprocess.run(
        [*command, "--output", str(tmp_path / "out"), "--file", str(tmp_path / "workflow.yaml")],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    answer = json.loads(ended.stdout.splitlines()[-1])
    assert (answer["workflow"], answer["metric"], answer["reason"]) == (name, metric, "Completed")
    assert answer["template"] in models
    served, naive = answer["test"]["served"], answer["baseline"]["test"]
    assert served < naive if metric in LESS_IS_BETTER else served > naive
