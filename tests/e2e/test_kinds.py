"""Texts, intents, records, interactions and series: real pods make a model of each, and its endpoint answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from idla.cli.kubectl import Kubectl
from idla.endpoint import Endpoint
from idla_contract.inference import infer_request, tensor_document

from tests import generated
from tests.e2e.scene import ended, make_claim, ready, run_python, summary, until
from tools.waiting import PATIENCE, STORY

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(STORY)]

CLAIM = "datasets"
SMALL = {"requests": {"cpu": "100m", "memory": "512Mi"}, "limits": {"memory": "2Gi"}}
"""What lets the pods of all workflows run at the same time."""
FILMS = {"user": "userId", "item": "movieId", "timestamp": "timestamp"}
Tensors = dict[str, tuple[str, list[int], list[Any]]]
"""Type, shape and flat values by name."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A workflow on one of the generated files, a question to its endpoint and the form of the answer."""

    task: dict[str, Any]
    data: dict[str, Any]
    """`storageUri` is a path in the claim."""
    template: str
    question: Tensors
    answer: dict[str, tuple[str, list[int]]]
    """Type and shape by name."""
    parameters: dict[str, Any] = field(default_factory=dict)
    objectives: list[dict[str, str]] = field(default_factory=list)
    """Where empty, the first metric of the task."""


def texts(*values: str) -> tuple[str, list[int], list[Any]]:
    return "BYTES", [len(values)], list(values)


def numbers(*values: float) -> tuple[str, list[int], list[Any]]:
    return "FP32", [len(values)], list(values)


KINDS = {
    "messages": Kind(
        task={"type": "TextClassification", "positiveLabel": "spam"},
        data={"storageUri": "messages.tsv", "columns": {"label": "0", "text": "1"}},
        template="ngram-linear",
        question={"text": texts("claim the free prize now", "is my lunch at home tomorrow")},
        answer={"probabilities": ("FP32", [2, 2]), "label": ("BYTES", [2])},
    ),
    "intents": Kind(
        task={"type": "IntentDetection"},
        data={"storageUri": "intents/train.csv", "columns": {"text": "text", "label": "category"}},
        template="ngram-linear",
        question={"text": texts("is the weather sunny", "send my friend the pay")},
        answer={"probabilities": ("FP32", [2, 3]), "label": ("BYTES", [2]), "confidence": ("FP32", [2])},
    ),
    "tumours": Kind(
        task={"type": "TabularClassification", "positiveLabel": "4"},
        data={"storageUri": "tumours.csv", "columns": {"label": "9"}},
        template="tabular-linear",
        question={str(column): numbers(8, 2) for column in range(9)},
        answer={"probabilities": ("FP32", [2, 2]), "label": ("BYTES", [2])},
    ),
    "houses": Kind(
        task={"type": "TabularRegression"},
        data={"storageUri": "houses.csv", "columns": {"target": "price"}},
        template="tabular-linear",
        question={"area": numbers(150, 80), "district": texts("lake", "station")},
        answer={"value": ("FP32", [2])},
    ),
    "films": Kind(
        task={"type": "Recommendation"},
        data={"storageUri": "ratings.csv", "columns": FILMS | {"rating": "rating"}},
        template="collaborative-filtering",
        question={"user": texts("4", "4"), "item": texts("8", "28")},
        answer={"rating": ("FP32", [2])},
    ),
    "next-films": Kind(
        task={"type": "Recommendation"},
        data={"storageUri": "ratings.csv", "columns": FILMS},
        template="collaborative-filtering",
        question={"user": texts("4")},
        parameters={"k": 3},
        objectives=[{"metric": "ndcgAt10", "minimum": "0.01"}],
        answer={"items": ("BYTES", [1, 3]), "scores": ("FP32", [1, 3])},
    ),
    "traffic": Kind(
        task={"type": "Forecasting", "history": 12, "horizon": 6, "periodSeconds": 300},
        data={"storageUri": "speeds.csv", "header": True},
        template="series-linear",
        question={"series": ("FP32", [1, 12, 4], [60.0] * 48)},
        answer={"forecast": ("FP32", [1, 6, 4]), "quantiles": ("FP32", [1, 6, 4, 3])},
    ),
}


def a_workflow(name: str, kind: Kind) -> dict[str, Any]:
    spec: dict[str, Any] = {"objectives": kind.objectives} if kind.objectives else {}
    spec |= {
        "task": kind.task,
        "data": kind.data | {"storageUri": f"pvc://{CLAIM}/{kind.data['storageUri']}"},
        "preset": "Fast",
        "model": {"selection": "Pinned", "templateRefs": [{"name": kind.template}]},
        "training": {"maxEpochs": 30},
        "resources": SMALL,
        "deployment": {"mode": "CreateOrUpdate"},
    }
    return {
        "apiVersion": "idla.dev/v1alpha1", "kind": "TrainingWorkflow", "metadata": {"name": name}, "spec": spec,
    }  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def submitted(kubectl: Kubectl) -> None:
    """All workflows at the same time, on data that the same pod has made."""
    make_claim(kubectl, CLAIM)
    script = f'{Path(generated.__file__).read_text()}\n\nwrite(Path("/data"))\n'
    run_python(kubectl, "make-data", script, claim=CLAIM)
    kubectl.apply(*(a_workflow(name, kind) for name, kind in KINDS.items()))


@pytest.fixture(scope="module")
def answers(kubectl: Kubectl, submitted: None) -> Mapping[str, dict[str, list[Any]]]:
    """What the endpoints answer, as flat values by name, each of the type and shape that is promised."""
    del submitted
    found = {}
    for name, kind in KINDS.items():
        workflow = until(kubectl, "trainingworkflow", name, ended)
        assert summary(workflow) == ("True", "Completed"), kubectl("describe", "trainingworkflow", name)
        until(kubectl, "modeldeployment", name, ready)
        with kubectl.forward(f"service/{name}", 80) as url:
            inputs = [tensor_document(name, *values) for name, values in kind.question.items()]
            request = infer_request(inputs, parameters=kind.parameters)
            outputs = Endpoint(url, name, timeout_seconds=PATIENCE).infer(request)
        assert {output: (each["datatype"], each["shape"]) for output, each in outputs.items()} == kind.answer, name
        found[name] = {output: each["data"] for output, each in outputs.items()}
    return found


def learned(user: str) -> set[str]:
    """Return the films that a user met first, which no split takes from the part that models learn from."""
    return set([str(film) for person, film, *_ in generated.ratings() if str(person) == user][:12])


@pytest.mark.parametrize(
    ("name", "labels"),
    [("messages", ["spam", "ham"]), ("intents", ["weather", "transfer"]), ("tumours", ["4", "2"])],
)
def test_the_class_of_an_easy_example_is_served(
    name: str, labels: list[str], answers: Mapping[str, dict[str, list[Any]]]
) -> None:
    assert answers[name]["label"] == labels
    width = KINDS[name].answer["probabilities"][1][1]
    for row in range(2):
        assert sum(answers[name]["probabilities"][row * width :][:width]) == pytest.approx(1, abs=0.02)


def test_a_number_is_served_near_the_one_that_records_lead_to(answers: Mapping[str, dict[str, list[Any]]]) -> None:
    assert answers["houses"]["value"] == pytest.approx([400, 160], abs=50)


def test_a_user_is_served_a_higher_rating_of_what_all_like(answers: Mapping[str, dict[str, list[Any]]]) -> None:
    liked, other = answers["films"]["rating"]
    assert 5 >= liked > other + 1 >= 3


def test_a_user_is_served_new_items_the_best_first(answers: Mapping[str, dict[str, list[Any]]]) -> None:
    items, scores = answers["next-films"]["items"], answers["next-films"]["scores"]
    assert len(set(items)) == 3
    assert set(items) <= {str(film) for film in range(40)} - learned("4")
    assert scores == sorted(scores, reverse=True)


def test_a_series_is_served_as_it_may_go_on_within_its_quantiles(answers: Mapping[str, dict[str, list[Any]]]) -> None:
    forecast, quantiles = answers["traffic"]["forecast"], answers["traffic"]["quantiles"]
    assert all(30 < value < 90 for value in forecast)
    levels = [quantiles[start : start + 3] for start in range(0, len(quantiles), 3)]
    assert levels == [sorted(level) for level in levels]
