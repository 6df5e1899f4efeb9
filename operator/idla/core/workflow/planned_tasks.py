"""The tasks of a plan as pods are given them: the steps, the data, the model and the pod of each."""

import json
from collections.abc import Mapping, Sequence

from idla_contract.choice import FinishedTraining, SelectStep
from idla_contract.task import (
    Candidate,
    CompressStep,
    EvaluateStep,
    Gate,
    ModelSpec,
    OnGateFailure,
    ProfileStep,
    PublishStep,
    Recipe,
    RefitStep,
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
from idla_contract.uri import claim_uri

from idla.api.pod_template import TaskPodTemplate
from idla.api.training_workflow import Verdict
from idla.api.training_workflow_status import CandidateStatus, PlanStatus, SearchStatus
from idla.builders.task_job import TaskPod
from idla.core.kube.pod_template import with_pull_secrets
from idla.core.planning.content import content_hash
from idla.core.planning.feasibility import most_parameters
from idla.core.planning.graph import GraphError, StepKind, TaskNode
from idla.core.planning.plan import recipe_of, refit_step, training_task_name
from idla.core.planning.requirements import Requirements
from idla.core.planning.search import MINIMUM_STEPS, candidate_of
from idla.core.workflow.inputs import ReconcileInput
from idla.core.workflow.lineage import selection_of
from idla.core.workflow.stages import Planned, Stage, Trained, Undecided
from idla.core.workflow.tasks import TaskDefinition


def define_task(node: TaskNode, inputs: ReconcileInput, stage: Stage, *, image: str) -> TaskDefinition:
    """Return what a node's pod is given.

    Args:
        node: its dependencies have finished.
        inputs: the workflow.
        stage: how far it has come.
        image: the trainer's.

    Raises:
        GraphError: a step needs what this stage does not know; no graph that `read_graph` returned asks for that.
    """
    wanted = inputs.requirements
    steps = tuple(_build_step(kind, node, wanted, stage) for kind in node.steps)
    # The data are pinned by what the profile found, so the profile itself is not pinned.
    pinned = stage.plan.data_digest if isinstance(stage, Planned) and StepKind.PROFILE not in node.steps else None
    data = wanted.data if pinned is None else wanted.data.model_copy(update={"digest": pinned})
    return TaskDefinition(
        spec=TaskSpec(
            workflow=inputs.owner.name,
            task=node.name,
            content_hash=content_hash(wanted.problem, data, steps, image=image),
            problem=wanted.problem,
            data=data,
            artifact_uri=claim_uri(wanted.artifact_claim),
            steps=steps,
        ),
        pod=TaskPod(
            image=image,
            pull_policy=inputs.settings.pull_policy,
            store_claim=wanted.artifact_claim,
            data_claim=wanted.data_claim,
            data_secret=wanted.data_secret,
            egress=inputs.settings.egress,
            requests=node.resources.requests,
            limits=node.resources.limits,
            backoff_limit=wanted.backoff_limit,
            template=with_pull_secrets(inputs.spec.pod_template, inputs.settings.pull_secrets, kind=TaskPodTemplate),
        ),
    )


def _build_step(kind: StepKind, node: TaskNode, wanted: Requirements, stage: Stage) -> Step:  # noqa: PLR0911  # one each
    match kind, stage:
        case StepKind.PROFILE, _:
            return ProfileStep()
        case StepKind.TRAIN, Planned(plan=plan):
            return _train_step(node, plan)
        case StepKind.SEARCH, Planned(plan=PlanStatus(search=SearchStatus() as search) as plan):
            return SearchStep(
                trials=trials_of(plan.candidates, search, size_bytes=wanted.limits.size_bytes),
                rungs=rungs_of(search),
                max_seconds=search.max_seconds,
            )
        case StepKind.SELECT, Undecided(trained=trained):
            return SelectStep(
                candidates=tuple(
                    FinishedTraining(task=entry.name, content_hash=entry.content_hash) for entry in trained
                ),
                tolerance=wanted.tolerance,
                minimum=None if wanted.quality is None else wanted.quality.minimum,
            )
        case StepKind.COMPRESS, Trained():
            return _compress_step(wanted, stage)
        case StepKind.REFIT, Planned(plan=plan):
            return refit_step(wanted.spec, plan) or RefitStep()
        case StepKind.EVALUATE, Trained(selected=selected):
            return EvaluateStep(selection=selection_of(selected))
        case StepKind.VERIFY, _:
            return VerifyStep()
        case StepKind.PUBLISH, _:
            return PublishStep()
        case _:
            raise GraphError(f"task {node.name} cannot take the step {kind} before its dependencies have finished")


def _train_step(node: TaskNode, plan: PlanStatus) -> TrainStep:
    candidate = next(entry for entry in plan.candidates if training_task_name(entry.template) == node.name)
    return TrainStep(model=_build_model(candidate), training=Training.model_validate_json(candidate.training))


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


def _compress_step(wanted: Requirements, stage: Trained) -> CompressStep:
    candidate, settings, training = stage.selected.candidate, wanted.spec.compression, stage.training
    gate = None if settings is None else settings.gate
    maximum_drop = None if gate is None else gate.maximum_drop
    return CompressStep(
        candidate=Candidate(task=training.name, content_hash=training.content_hash, model=_build_model(candidate)),
        methods=candidate.methods,
        gate=Gate(
            maximum_drop=Gate().maximum_drop if maximum_drop is None else float(maximum_drop),
            strict=gate is not None and gate.verdict is Verdict.NON_INFERIORITY,
        ),
        recipe=recipe_of(wanted.spec, stage.plan) if candidate.methods else Recipe(),
        on_gate_failure=(settings and settings.on_gate_failure) or OnGateFailure.KEEP_UNCOMPRESSED,
        maximum_size_bytes=wanted.limits.size_bytes,
        maximum_latency_p95_milliseconds=wanted.limits.latency_p95_milliseconds,
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
