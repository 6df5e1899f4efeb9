"""Networks of other packages: found by their entry point, imported late, and refused with their package's name."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from idla_contract.problem import Metric
from idla_contract.result import FailureReason
from idla_contract.task import ModelSpec
from idla_trainer.failures import TaskError
from idla_trainer.models.own import check_built, offered, own_entry
from idla_trainer.models.registry import REGISTRY, check_known, entry_of
from idla_trainer.problems.classification import Classification

from tests.golden import Golden
from tests.unit.trainer.refusals import refused

GOOD = """
from idla_preprocess.tabular import TabularSpec
from idla_trainer.models.entry import Entry
from idla_trainer.models.hyperparameters import Hyperparameter
NETWORK = Entry(print, (Hyperparameter("width", 8, 1, 64, "units"),), TabularSpec)
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def install(site: Path, name: str, code: str, *, builder: str = "perceptron") -> None:
    """Lay a package down as an installer does."""
    (site / f"{name}.py").write_text(code)
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[idla.builders]\n{builder} = {name}:NETWORK\n")


def model(builder: str = "perceptron", **hyperparameters: int) -> ModelSpec:
    return ModelSpec(template="own", builder=builder, hyperparameters=dict(hyperparameters))


def test_nothing_is_offered_where_nothing_is_installed() -> None:
    assert (offered(), own_entry("perceptron")) == ((), None)


def test_an_installed_network_is_found_with_its_settings(site: Path) -> None:
    install(site, "own_networks", GOOD)
    assert offered() == ("perceptron",)
    entry, values = entry_of(model(width=16))
    assert (entry.preprocess.kind, values) == ("tabular", {"width": 16})


def test_a_network_is_not_imported_to_look_for_it(site: Path) -> None:
    install(site, "own_networks", GOOD)
    check_known(model())
    assert "own_networks" not in sys.modules


def test_a_network_of_idla_cannot_be_replaced(site: Path) -> None:
    install(site, "own_networks", GOOD, builder="resnet")
    entry, _ = entry_of(model("resnet"))
    assert entry is REGISTRY["resnet"]


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import nothing_of_this_name\n", id="import"),
        pytest.param("raise SystemExit", id="exit"),
        pytest.param("OTHER = 1\n", id="name"),
        pytest.param("def NETWORK(): ...\n", id="kind"),
    ],
)
def test_a_package_that_offers_no_network_is_named(site: Path, code: str, golden: Golden) -> None:
    install(site, "own_networks", code)
    reason, said = refused(lambda: entry_of(model()))
    golden(said)
    assert reason == FailureReason.SPEC_INVALID


def test_two_packages_with_one_name_are_both_named(site: Path) -> None:
    install(site, "one", GOOD)
    install(site, "other", GOOD)
    with pytest.raises(TaskError, match=r"'perceptron' is offered by one, other; only one of them may be in the image"):
        entry_of(model())


def test_an_unknown_network_is_refused_with_all_that_there_are(site: Path) -> None:
    install(site, "own_networks", GOOD)
    with pytest.raises(
        TaskError,
        match=r"found 'alexnet'; this image knows boosted-trees, collaborative-filtering, .*, perceptron, .*, vgg",
    ):
        check_known(model("alexnet"))


def built(*, inputs: tuple[str, ...] = ("numbers",), logits: Any = (None, 2), outputs: int = 1) -> Any:
    layers = [] if logits is None else [SimpleNamespace(name="logits", output=SimpleNamespace(shape=logits))]
    return SimpleNamespace(
        inputs=[SimpleNamespace(name=name) for name in inputs], layers=layers, outputs=[None] * outputs
    )


@pytest.mark.parametrize(
    ("network", "message"),
    [
        pytest.param(built(inputs=("x",)), r"takes the inputs \['x'\]; allowed: \['numbers'\], ", id="input"),
        pytest.param(built(logits=None), r"has no layer named 'logits'; allowed: one, whose output", id="no logits"),
        pytest.param(built(logits=(None, 3)), r"a layer 'logits' of shape \[3\]; allowed: \[2\]", id="shape"),
        pytest.param(built(outputs=2), r"has 2 outputs; allowed: 1, `objective.finish` of 'logits'", id="outputs"),
    ],
)
def test_a_network_that_does_not_fit_is_refused_before_it_is_trained(network: Any, message: str) -> None:
    objective = Classification(metric=Metric.ACCURACY, classes=2)
    inputs = {"numbers": np.zeros((1, 4), np.float32)}
    check_built("perceptron", built(), inputs, objective)
    with pytest.raises(TaskError, match=message):
        check_built("perceptron", network, inputs, objective)
