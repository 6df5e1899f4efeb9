"""The plan: what is done to reach what was asked for, frozen so that later changes around it disturb nothing."""

import hashlib
import json
from collections.abc import Mapping

from idla_contract.task import (
    Candidate,
    CompressStep,
    DataSource,
    EvaluateStep,
    Gate,
    ModelSpec,
    OnGateFailure,
    ProfileStep,
    PublishStep,
    Recipe,
    Step,
    TaskSpec,
    Training,
    TrainStep,
    VerifyStep,
)

from idla.api.training_workflow import Preset, Verdict
from idla.api.training_workflow_status import BasisStatus, CandidateStatus, PlannedTaskStatus, PlanStatus
from idla.builders.identity import child_name
from idla.builders.task_job import TaskPod
from idla.core.content import content_hash
from idla.core.library import Choice
from idla.core.references import artifact_claim, data_claim
from idla.core.requirements import PodAmounts, data_source, light_amounts, limits, problem_of, training_amounts
from idla.core.situation import Situation
from idla.core.tasks import Work

PROFILE = "profile"
PUBLISH = "publish"
_PUBLISH_STEPS = ("Compress", "Evaluate", "Verify", "Publish")
_DEFAULT_BACKOFF_LIMIT = 3
_KEPT_PERCENTS = (85, 70, 60, 50, 35, 25, 15)
RECIPES = {
    Preset.FAST: Recipe(),
    Preset.BALANCED: Recipe(keep_percents=_KEPT_PERCENTS, epochs=10, budget_seconds=600),
    Preset.BEST: Recipe(keep_percents=_KEPT_PERCENTS, epochs=20, budget_seconds=1800),
}
"""How far a network is made smaller, by the preset."""


def training_task(template: str) -> str:
    """Return the name of the task that trains a template."""
    return child_name("train", template)


def make_plan(choice: Choice, basis: BasisStatus, *, data_digest: str | None) -> PlanStatus:
    """Return the plan for the chosen candidates; equal decisions on an equal basis have an equal hash.

    Args:
        choice: the candidates.
        basis: the image and the spec.
        data_digest: of the data that were profiled. It is frozen with the plan: without it, data that change under
            the same address would be trained on by half, and a result of the old ones would be taken for theirs.
    """
    trainings = tuple(training_task(candidate.template) for candidate in choice.candidates)
    tasks = (
        PlannedTaskStatus(name=PROFILE, steps=("Profile",)),
        *(PlannedTaskStatus(name=name, depends_on=(PROFILE,), steps=("Train",)) for name in trainings),
        PlannedTaskStatus(name=PUBLISH, depends_on=trainings, steps=_PUBLISH_STEPS),
    )
    document = {
        "basis": basis.to_status(),
        "data": data_digest,
        "candidates": [candidate.to_status() for candidate in choice.candidates],
        "tasks": [task.to_status() for task in tasks],
    }
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]
    return PlanStatus(
        hash=digest, image=basis.image, data_digest=data_digest, candidates=choice.candidates, tasks=tasks
    )


def profile_work(situation: Situation, basis: BasisStatus) -> Work:
    """Return the task that looks at the data."""
    data = data_source(situation.spec)
    return _work(situation, basis.image, PROFILE, (ProfileStep(),), light_amounts(situation.spec), data=data)


def training_work(situation: Situation, plan: PlanStatus, candidate: CandidateStatus) -> Work:
    """Return the task that trains a candidate."""
    training = Training.model_validate_json(candidate.training)
    step = TrainStep(model=_model(candidate), training=training)
    name = training_task(candidate.template)
    return _work(
        situation, plan.image, name, (step,), training_amounts(situation.spec), data=_profiled(situation, plan)
    )


def publish_work(situation: Situation, plan: PlanStatus, candidate: CandidateStatus) -> Work:
    """Return the task that compresses, evaluates, verifies and publishes the selected candidate."""
    settings = situation.spec.compression
    gate = None if settings is None else settings.gate
    maximum_drop = None if gate is None else gate.maximum_drop
    maxima = limits(situation.spec)
    trained = training_work(situation, plan, candidate).spec
    compress = CompressStep(
        candidate=Candidate(task=trained.task, content_hash=trained.content_hash, model=_model(candidate)),
        methods=candidate.methods,
        gate=Gate(
            maximum_drop=Gate().maximum_drop if maximum_drop is None else float(maximum_drop),
            strict=gate is not None and gate.verdict is Verdict.NON_INFERIORITY,
        ),
        recipe=RECIPES[situation.spec.preset or Preset.BALANCED] if candidate.methods else Recipe(),
        on_gate_failure=(settings and settings.on_gate_failure) or OnGateFailure.KEEP_UNCOMPRESSED,
        maximum_size_bytes=maxima.size_bytes,
        maximum_latency_p95_milliseconds=maxima.latency_p95_milliseconds,
    )
    steps = (compress, EvaluateStep(), VerifyStep(), PublishStep())
    amounts = training_amounts(situation.spec) if compress.recipe.keep_percents else light_amounts(situation.spec)
    return _work(situation, plan.image, PUBLISH, steps, amounts, data=_profiled(situation, plan))


def _model(candidate: CandidateStatus) -> ModelSpec:
    hyperparameters: Mapping[str, float | int | str] = json.loads(candidate.hyperparameters)
    return ModelSpec(template=candidate.template, builder=candidate.builder, hyperparameters=dict(hyperparameters))


def _profiled(situation: Situation, plan: PlanStatus) -> DataSource:
    data = data_source(situation.spec)
    return data if plan.data_digest is None else data.model_copy(update={"digest": plan.data_digest})


def _work(
    situation: Situation, image: str, task: str, steps: tuple[Step, ...], amounts: PodAmounts, *, data: DataSource
) -> Work:
    spec, claim = situation.spec, artifact_claim(situation.workflow)
    backoff_limit = None if spec.training is None else spec.training.backoff_limit
    problem = problem_of(spec)
    return Work(
        spec=TaskSpec(
            workflow=situation.owner.name,
            task=task,
            content_hash=content_hash(problem, data, steps, image=image),
            problem=problem,
            data=data,
            artifact_uri=f"pvc://{claim}",
            steps=steps,
        ),
        pod=TaskPod(
            image=image,
            pull_policy=situation.settings.pull_policy,
            store_claim=claim,
            data_claim=data_claim(situation.workflow),
            requests=amounts.requests,
            limits=amounts.limits,
            backoff_limit=_DEFAULT_BACKOFF_LIMIT if backoff_limit is None else backoff_limit,
        ),
    )
