"""A recipe as the trainer's own pods carry it out: the network itself is made smaller, and what is served is told."""

from typing import Any

import pytest
from idla_contract.task import (
    Candidate,
    CompressStep,
    EvaluateStep,
    Gate,
    ModelSpec,
    PublishStep,
    Recipe,
    Training,
    TrainStep,
    VerifyStep,
)

pytestmark = pytest.mark.trainer

MODEL = ModelSpec(template="vgg-small", builder="vgg", hyperparameters={"width": 8, "blocks": 2, "dense": 32})
CANDIDATE = Candidate(task="train", content_hash="0123456789ab", model=MODEL)


def test_a_network_of_a_few_kilobytes_keeps_its_width(pods: Any) -> None:
    tiny = ModelSpec(template="vgg-small", builder="vgg", hyperparameters={"width": 4, "blocks": 1, "dense": 16})
    trained = pods.succeeds("tiny", TrainStep(model=tiny, training=Training(max_epochs=8, batch_size=32)))
    candidate = Candidate(task="tiny", content_hash="0123456789ab", model=tiny)
    recipe = Recipe(keep_percents=(75, 50), epochs=2)
    step = CompressStep(candidate=candidate, recipe=recipe, gate=Gate(maximum_drop=0.3))
    report = pods.run("ship-tiny", step, EvaluateStep(), VerifyStep(), PublishStep()).answer.compress
    assert report is not None
    assert [entry.name for entry in report.variants] == ["Float32", "DynamicRange", "Int8"]
    # Of conversions alone neither part has chosen any, so both judge them.
    assert all(" on 288 examples " in entry.message for entry in report.variants[1:])
    size = 4 * trained.answer.train.parameters
    assert report.unpruned == (f"the whole network: {size} bytes of weights leave next to nothing to save",)


def test_a_recipe_serves_a_smaller_network(pods: Any) -> None:
    pods.succeeds("train", TrainStep(model=MODEL, training=Training(max_epochs=12, batch_size=32)))
    step = CompressStep(
        candidate=CANDIDATE, recipe=Recipe(keep_percents=(75, 50), epochs=6, budget_seconds=300),
        gate=Gate(maximum_drop=0.2),
    )  # fmt: skip
    ended = pods.succeeds("ship", step, EvaluateStep(), VerifyStep(), PublishStep())
    report = ended.answer.compress
    assert report is not None
    variants = {variant.name: variant for variant in report.variants}
    assert list(variants)[:3] == ["Float32", "DynamicRange", "Int8"]
    assert report.choice.startswith("Keep")
    assert all(" on 144 examples " in entry.message for entry in report.variants[1:])
    assert variants[report.choice].pareto
    assert variants[report.choice].size_bytes < min(variants[name].size_bytes for name in list(variants)[:3])
    assert report.unpruned == ()
    assert ended.answer.evaluate.served_score > 0.6
