"""The shipped ModelTemplates fit the trainer: it knows their builders and settings, and counts as many weights."""

import json
from pathlib import Path

import pytest
import yaml
from idla.api.model_template import ModelTemplateSpec
from idla.api.training_workflow import TrainingWorkflowSpec
from idla.core.library import Choice, choose
from idla.core.snapshot import Template
from idla_contract.task import ModelSpec
from idla_preprocess import ImageSpec
from idla_trainer.models.registry import entry_of

pytestmark = pytest.mark.trainer

FILES = sorted((Path(__file__).parents[2] / "manifests/library").glob("*-*.yaml"))
DIGITS = ImageSpec(height=8, width=8, channels=1, maximum=16)
CLASSES = 10
ASKED = TrainingWorkflowSpec.model_validate(
    {"task": {"type": "ImageClassification"}, "data": {"storageUri": "sample://digits"}}
)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_template_has_as_many_weights_as_it_says(file: Path) -> None:
    document = yaml.safe_load(file.read_text())
    template = Template(name=document["metadata"]["name"], spec=ModelTemplateSpec.model_validate(document["spec"]))
    choice = choose(ASKED, [template], DIGITS.shape)
    assert isinstance(choice, Choice), choice
    [candidate] = choice.candidates
    model = ModelSpec(
        template=candidate.template,
        builder=candidate.builder,
        hyperparameters=json.loads(candidate.hyperparameters),
    )
    entry, values = entry_of(model)
    assert set(model.hyperparameters) == set(values), "a template says every setting of its builder"
    counted = entry.build(DIGITS, CLASSES, values).count_params()
    assert candidate.parameters == pytest.approx(counted, rel=0.1)
