"""The tasks of a plan as pods are given them: the steps, the data, the model and the pod of each."""

import json
from collections.abc import Mapping, Sequence

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
    Rung,
    SearchStep,
    Step,
    TaskSpec,
    Training,
    TrainStep,
    Trial,
    VerifyStep,
    Weights,
)

from idla.api.training_workflow import TrainingWorkflowSpec, Verdict
from idla.api.training_workflow_status import CandidateStatus, PlanStatus, SearchStatus
from idla.builders.task_job import TaskPod
from idla.core.planning.budget import recipe_for
from idla.core.planning.content import content_hash
from idla.core.planning.feasibility import most_parameters
from idla.core.planning.graph import StepKind, TaskNode
from idla.core.planning.plan import count_training_pods, refit_step, training_task_name
from idla.core.planning.requirements import Limits
from idla.core.planning.search import MINIMUM_STEPS, candidate_of
from idla.core.workflow.inputs import ReconcileInput
from idla.core.workflow.lineage import selection_of
from idla.core.workflow.stages import Planned, Stage, Trained
from idla.core.workflow.task_definition import TaskDefinition


def define_task(node: TaskNode, inputs: ReconcileInput, stage: Stage, *, image: str) -> TaskDefinition:
    """Return what a node's pod is given.

    Args:
        node: its dependencies have finished.
        inputs: the workflow.
        stage: how far it has come; the tasks of a plan need it, the publishing one a selected model too.
        image: the trainer's.
    """
    match node.kind, stage:
        case StepKind.TRAIN | StepKind.SEARCH, Planned():
            return _define_training(node, inputs, stage.plan, image)
        case StepKind.COMPRESS, Trained():
            steps = _publishing_steps(inputs.spec, stage, inputs.requirements.limits)
            return _define(node, inputs, image, steps, data=_select_data(inputs, stage.plan))
        case _:
            return _define(node, inputs, image, (ProfileStep(),), data=inputs.requirements.data)


def _define_training(node: TaskNode, inputs: ReconcileInput, plan: PlanStatus, image: str) -> TaskDefinition:
    step: Step
    if plan.search is not None:
        size = inputs.requirements.limits.size_bytes
        step = SearchStep(
            trials=trials_of(plan.candidates, plan.search, size_bytes=size),
            rungs=rungs_of(plan.search),
            max_seconds=plan.search.max_seconds,
        )
    else:
        candidate = next(entry for entry in plan.candidates if training_task_name(entry.template) == node.name)
        step = TrainStep(model=_build_model(candidate), training=Training.model_validate_json(candidate.training))
    return _define(node, inputs, image, (step,), data=_select_data(inputs, plan))


def rungs_of(search: SearchStatus) -> tuple[Rung, ...]:
    """Return how a search narrows its trials down."""
    return tuple(Rung(percent=rung.percent, kept=rung.kept, steps=MINIMUM_STEPS) for rung in search.rungs)


def trials_of(
    candidates: Sequence[CandidateStatus], search: SearchStatus, *, size_bytes: int | None = None
) -> tuple[Trial, ...]:
    """Return the models with the settings that a search tries, in its order.

    Args:
        candidates: of the plan.
        search: its trials.
        size_bytes: what the served model may have at most; None: any size.
    """
    named = {candidate.template: candidate for candidate in candidates}
    tried = (candidate_of(named[trial.template], trial) for trial in search.trials)
    return tuple(
        Trial(
            model=_build_model(candidate),
            training=Training.model_validate_json(candidate.training),
            maximum_parameters=size_bytes and most_parameters(size_bytes, candidate.methods),
        )
        for candidate in tried
    )


def _publishing_steps(spec: TrainingWorkflowSpec, stage: Trained, limits: Limits) -> tuple[Step, ...]:
    """Return the steps that compress, evaluate, verify and publish the selected model."""
    refit = refit_step(spec, stage.plan)
    return (
        _compress_step(spec, stage, limits),
        *(() if refit is None else (refit,)),
        EvaluateStep(selection=selection_of(stage.selected)),
        VerifyStep(),
        PublishStep(),
    )


def _compress_step(spec: TrainingWorkflowSpec, stage: Trained, limits: Limits) -> CompressStep:
    candidate, settings, training = stage.selected.candidate, spec.compression, stage.training
    gate = None if settings is None else settings.gate
    maximum_drop = None if gate is None else gate.maximum_drop
    return CompressStep(
        candidate=Candidate(task=training.name, content_hash=training.content_hash, model=_build_model(candidate)),
        methods=candidate.methods,
        gate=Gate(
            maximum_drop=Gate().maximum_drop if maximum_drop is None else float(maximum_drop),
            strict=gate is not None and gate.verdict is Verdict.NON_INFERIORITY,
        ),
        recipe=recipe_for(spec, count_training_pods(stage.plan)) if candidate.methods else Recipe(),
        on_gate_failure=(settings and settings.on_gate_failure) or OnGateFailure.KEEP_UNCOMPRESSED,
        maximum_size_bytes=limits.size_bytes,
        maximum_latency_p95_milliseconds=limits.latency_p95_milliseconds,
    )


def _build_model(candidate: CandidateStatus) -> ModelSpec:
    hyperparameters: Mapping[str, float | int | str] = json.loads(candidate.hyperparameters)
    given = candidate.weights
    return ModelSpec(
        template=candidate.template,
        builder=candidate.builder,
        hyperparameters=dict(hyperparameters),
        weights=given and Weights(uri=given.uri, sha256=given.sha256),
    )


def _select_data(inputs: ReconcileInput, plan: PlanStatus) -> DataSource:
    data = inputs.requirements.data
    return data if plan.data_digest is None else data.model_copy(update={"digest": plan.data_digest})


def _define(
    node: TaskNode, inputs: ReconcileInput, image: str, steps: tuple[Step, ...], *, data: DataSource
) -> TaskDefinition:
    wanted = inputs.requirements
    return TaskDefinition(
        spec=TaskSpec(
            workflow=inputs.owner.name,
            task=node.name,
            content_hash=content_hash(wanted.problem, data, steps, image=image),
            problem=wanted.problem,
            data=data,
            artifact_uri=f"pvc://{wanted.artifact_claim}",
            steps=steps,
        ),
        pod=TaskPod(
            image=image,
            pull_policy=inputs.settings.pull_policy,
            store_claim=wanted.artifact_claim,
            data_claim=wanted.data_claim,
            data_secret=wanted.data_secret,
            requests=node.resources.requests,
            limits=node.resources.limits,
            backoff_limit=wanted.backoff_limit,
        ),
    )
