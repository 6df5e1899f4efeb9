"""Evaluate: the float and the served model on the test split, once; then the artifact is sealed with its model card."""

from dataclasses import replace
from pathlib import Path

from idla_artifact.runtime import Runtime
from idla_contract.artifact import FLOAT_MODEL, MODEL, PREPROCESS, PREPROCESS_ARRAYS
from idla_contract.result import EvaluateReport, TaskResult
from idla_contract.task import EvaluateStep
from idla_preprocess import Signature
from idla_preprocess.arrays import unpack

from idla_trainer.card import Told, render_card
from idla_trainer.compression.artifact import FOLDER, SEALED, read_draft, seal
from idla_trainer.data.dataset import Dataset
from idla_trainer.evaluation.paired import PairedEvaluation
from idla_trainer.problems.text.intents import OUT_OF_SCOPE_AUROC, as_received
from idla_trainer.steps.context import Context, Outcome


def evaluate(context: Context, step: EvaluateStep, so_far: TaskResult) -> Outcome:
    """Measure both files of the artifact, and the baseline.

    Args:
        context: what the step is given.
        step: what the card tells of the choice.
        so_far: what the steps before came to.
    """
    refitted = so_far.refit is not None and so_far.refit.shipped
    artifact = context.folder.path / FOLDER
    signature = _signature(artifact)
    dataset = replace(context.whole() if refitted else context.dataset, preprocess=signature.preprocess)
    objective, test = dataset.objective, dataset.examples(dataset.parts.test)
    evaluation = PairedEvaluation(as_received(objective, signature.answers), test.targets, test.raw)
    plain = Runtime(artifact / FLOAT_MODEL).predict(test.inputs)
    served = Runtime(artifact / MODEL).predict(test.inputs)
    naive = objective.naive(dataset.targets[dataset.parts.train], test.raw)
    right = evaluation.right(served)
    float_scores, served_scores = evaluation.scores(plain), evaluation.scores(served)
    report = EvaluateReport(
        metric=objective.metric,
        test_examples=len(test),
        float_score=float_scores[objective.metric],
        served_score=served_scores[objective.metric],
        served_score_interval=evaluation.interval(served),
        baseline_score=objective.score(test.targets, naive, test.raw),
        served_correct=None if right is None else int(right.sum()),
        float_metrics=float_scores,
        served_metrics=served_scores | _of_light_model(context.dataset),
    )
    told = Told(
        spec=context.spec,
        dataset=context.dataset,
        refit=so_far.refit,
        manifest=read_draft(context.folder.path),
        selection=step.selection,
        compress=so_far.compress,
        evaluate=report,
    )
    seal(context.folder.path, render_card(told))
    return Outcome({"evaluate": report}, SEALED)


def _of_light_model(dataset: Dataset) -> dict[str, float]:
    """Return how well intents that were held out are told from known ones, where there are intents."""
    found = dataset.facts.get(OUT_OF_SCOPE_AUROC)
    return {OUT_OF_SCOPE_AUROC: float(found)} if found is not None else {}


def _signature(artifact: Path) -> Signature:
    """Return both halves of the artifact's border: how its model looks at the data, and the threshold of a refusal."""
    arrays = unpack((artifact / PREPROCESS_ARRAYS).read_bytes())
    return Signature.restored((artifact / PREPROCESS).read_bytes(), arrays)
