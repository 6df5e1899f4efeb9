"""Evaluate: the float and the served model on the test split, once."""

from idla_contract.artifact import FLOAT_MODEL, MODEL
from idla_contract.result import EvaluateReport
from idla_server.runtime import Runtime

from idla_trainer.compression.artifact import FOLDER
from idla_trainer.judged import Judged
from idla_trainer.steps.context import Context, Outcome


def evaluate(context: Context) -> Outcome:
    """Measure both files of the artifact, and the naive answer."""
    dataset, artifact = context.dataset, context.folder.path / FOLDER
    objective, test = dataset.objective, dataset.examples(dataset.parts.test)
    judged = Judged(objective, test.targets, test.raw)
    plain = Runtime(artifact / FLOAT_MODEL).predict(test.inputs)
    served = Runtime(artifact / MODEL).predict(test.inputs)
    naive = objective.naive(dataset.targets[dataset.parts.train], test.raw)
    right = judged.right(served)
    float_scores, served_scores = judged.scores(plain), judged.scores(served)
    report = EvaluateReport(
        metric=objective.metric,
        test_examples=len(test),
        float_score=float_scores[objective.metric],
        served_score=served_scores[objective.metric],
        served_score_interval=judged.interval(served),
        baseline_score=judged.score(naive),
        served_correct=None if right is None else int(right.sum()),
        float_metrics=float_scores,
        served_metrics=served_scores,
    )
    return Outcome({"evaluate": report})
