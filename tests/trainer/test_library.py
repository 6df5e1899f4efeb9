"""The shipped ModelTemplates fit the trainer: it knows their builders and settings, and counts as many weights."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from idla.api.model_template import Measure, ModelTemplateSpec
from idla.api.training_workflow import TrainingWorkflowSpec
from idla.api.training_workflow_status import CandidateStatus
from idla.core.planning.candidates import Choice, nominate_candidates
from idla.core.planning.expectation import expected_parameters
from idla.core.planning.requirements import resolve_requirements
from idla.core.snapshot import Template
from idla_contract.problem import Metric, Problem, TaskType
from idla_contract.task import DataSource, ModelSpec
from idla_preprocess import ImageSpec, Preprocess
from idla_preprocess.interactions import InteractionsSpec
from idla_preprocess.tabular import TabularSpec
from idla_preprocess.text import TextSpec
from idla_trainer.data.table import Table
from idla_trainer.models.registry import check_takes, entry_of
from idla_trainer.objective import Objective
from idla_trainer.problems.classification import Classification
from idla_trainer.problems.recommendation.ratings import Ratings
from idla_trainer.problems.series.examples import prepare

from tools.encoders import encoders_folder

pytestmark = pytest.mark.trainer

FILES = sorted((Path(__file__).parents[2] / "manifests/library").glob("*-*.yaml"))
DIGITS = ImageSpec(height=8, width=8, channels=1, maximum=16)
NGRAMS = {"ngram-linear": 100_000, "text-network": 1 << 16, "sentence-encoder": 100_000}
"""How many n-grams a template's count of weights is for."""
COLUMNS = 10
SENSORS = 200
USERS = 5000
"""And as many items."""
WEEK_OF_STEPS = 7 * 24 * 12
GAPS = 0.1
"""Share of missing values; the count of weights depends on whether there are any, and on the cycles seen twice."""


def of_ngrams(count: int) -> TextSpec:
    """Return what texts with so many n-grams become."""
    return TextSpec(
        words=2, characters=(2, 5), length=256, maximum_characters=2048, hashes=np.arange(count, dtype=np.uint32),
        idf=np.ones(count, np.float32),
    )  # fmt: skip


def of_people(users: int, items: int) -> InteractionsSpec:
    """Return what so many users and items become."""
    return InteractionsSpec(
        users=np.sort(np.arange(users).astype("U")), items=np.sort(np.arange(items).astype("U")), rates=True
    )


def data_of(template: str, kind: TaskType) -> tuple[Preprocess, Objective]:
    """Return data of the sizes that a template's count of weights is for."""
    if kind is TaskType.IMAGE_CLASSIFICATION:
        return DIGITS, Classification(metric=Metric.ACCURACY, classes=10)
    if kind is TaskType.TEXT_CLASSIFICATION:
        return of_ngrams(NGRAMS[template]), Classification(metric=Metric.ACCURACY, classes=2)
    random = np.random.default_rng(0)
    if kind is TaskType.TABULAR_CLASSIFICATION:
        columns, _ = TabularSpec.fitted({f"c{number}": random.normal(size=1000) for number in range(COLUMNS)})
        return columns, Classification(metric=Metric.LOG_LOSS, classes=2)
    if kind is TaskType.RECOMMENDATION:
        return of_people(USERS, USERS), Ratings(metric=Metric.RMSE, center=3.0, scale=1.0, lowest=1.0, highest=5.0)
    assert kind is TaskType.FORECASTING
    values = random.normal(50, 5, (SENSORS, WEEK_OF_STEPS))
    values[random.random(values.shape) < GAPS] = np.nan
    series = {f"s{number}": row for number, row in enumerate(values)}
    problem = Problem(
        type=kind, metric=Metric.RMSE, history=12, horizon=12, period_seconds=300, quantiles=(0.1, 0.5, 0.9)
    )
    dataset = prepare(Table(series), DataSource(uri="sample://x"), problem, digest="sha256:" + "0" * 64)
    return dataset.preprocess, dataset.objective


def chosen(file: Path) -> tuple[CandidateStatus, ModelSpec, TaskType]:
    """Return the candidate that the operator makes of a template, as the trainer gets it."""
    document = yaml.safe_load(file.read_text())
    template = Template(name=document["metadata"]["name"], spec=ModelTemplateSpec.model_validate(document["spec"]))
    kind = template.spec.tasks[0]
    asked = TrainingWorkflowSpec.model_validate({"task": {"type": kind}, "data": {"storageUri": "sample://digits"}})
    choice = nominate_candidates(resolve_requirements(asked, "digits"), [template], None)
    assert isinstance(choice, Choice), choice
    [candidate] = choice.candidates
    model = ModelSpec(
        template=candidate.template,
        builder=candidate.builder,
        hyperparameters=json.loads(candidate.hyperparameters),
    )
    return candidate, model, kind


def weights_of(model: ModelSpec, preprocess: Preprocess, objective: Objective) -> int:
    """Return how many weights a model has, those of a frozen front among them."""
    entry, values = entry_of(model)
    viewed = preprocess if entry.view is None else entry.view(preprocess, values, encoders_folder())
    trained = int(entry.build(viewed, objective, values).count_params())
    return trained if entry.front is None else trained + int(entry.front.build(encoders_folder()).count_params())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_template_says_every_setting_of_its_builder(file: Path) -> None:
    _, model, _ = chosen(file)
    _, values = entry_of(model)
    assert set(model.hyperparameters) == set(values), "a template says every setting of its builder"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_template_has_as_many_weights_as_it_says(file: Path) -> None:
    candidate, model, kind = chosen(file)
    preprocess, objective = data_of(model.template, kind)
    check_takes(model, preprocess)
    counted = weights_of(model, preprocess, objective)
    assert candidate.parameters == pytest.approx(counted, rel=0.1)


@pytest.mark.parametrize(
    ("template", "classes", "others"),
    [
        pytest.param("ngram-linear", 77, {Measure.NGRAMS: 500}, id="ngrams and many classes, linear"),
        pytest.param("sentence-encoder", 77, {Measure.NGRAMS: 500}, id="ngrams and many classes, encoded"),
        pytest.param("text-network", 77, {Measure.NGRAMS: 500}, id="ngrams and many classes"),
        pytest.param("resnet-small", 3, {Measure.CHANNELS: 3}, id="colours, residual"),
        pytest.param("efficient-small", 3, {Measure.CHANNELS: 3}, id="colours, inverted residual"),
        pytest.param("vgg-small", 3, {Measure.CHANNELS: 3}, id="colours, plain"),
    ],
)
def test_the_terms_of_a_template_count_the_weights_of_other_data(
    template: str, classes: int, others: dict[Measure, int]
) -> None:
    file = next(path for path in FILES if path.stem == template)
    spec = ModelTemplateSpec.model_validate(yaml.safe_load(file.read_text())["spec"])
    _, model, _ = chosen(file)
    preprocess = (
        of_ngrams(others[Measure.NGRAMS])
        if Measure.NGRAMS in others
        else ImageSpec(height=8, width=8, channels=others[Measure.CHANNELS], maximum=255)
    )
    counted = weights_of(model, preprocess, Classification(metric=Metric.ACCURACY, classes=classes))
    known = {Measure.CLASSES: classes, **others}
    assert expected_parameters(spec.profile, known) == counted
