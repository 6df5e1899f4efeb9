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

from idla.api.training_workflow import Verdict
from idla.api.training_workflow_status import BasisStatus, CandidateStatus, PlanStatus, SearchStatus
from idla.builders.task_job import TaskPod
from idla.core.kube.resources import PodResources
from idla.core.planning.budget import recipe_for
from idla.core.planning.content import content_hash
from idla.core.planning.feasibility import most_parameters
from idla.core.planning.plan import PROFILE, PUBLISH, SEARCH, refit_step, training_task_name
from idla.core.planning.search import LEAST_STEPS, candidate_of
from idla.core.workflow.inputs import ReconcileInput
from idla.core.workflow.lineage import selection_of
from idla.core.workflow.selection import Selected
from idla.core.workflow.task_definition import TaskDefinition


def define_profile_task(inputs: ReconcileInput, basis: BasisStatus) -> TaskDefinition:
    """Return the task that looks at the data."""
    wanted = inputs.requirements
    return _define_task(inputs, basis.image, PROFILE, (ProfileStep(),), wanted.cpu_only_pod, data=wanted.data)


def define_training_task(inputs: ReconcileInput, plan: PlanStatus, candidate: CandidateStatus) -> TaskDefinition:
    """Return the task that trains a candidate."""
    training = Training.model_validate_json(candidate.training)
    step = TrainStep(model=_build_model(candidate), training=training)
    name = training_task_name(candidate.template)
    return _define_task(
        inputs, plan.image, name, (step,), inputs.requirements.training_pod, data=_select_data(inputs, plan)
    )


def define_search_task(inputs: ReconcileInput, plan: PlanStatus, search: SearchStatus) -> TaskDefinition:
    """Return the task that searches among trials and trains the best one to its end."""
    step = SearchStep(
        trials=trials_of(plan.candidates, search, size_bytes=inputs.requirements.limits.size_bytes),
        rungs=rungs_of(search),
        max_seconds=search.max_seconds,
    )
    resources = inputs.requirements.training_pod
    return _define_task(inputs, plan.image, SEARCH, (step,), resources, data=_select_data(inputs, plan))


def rungs_of(search: SearchStatus) -> tuple[Rung, ...]:
    """Return how a search narrows its trials down."""
    return tuple(Rung(percent=rung.percent, kept=rung.kept, steps=LEAST_STEPS) for rung in search.rungs)


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


def define_publish_task(inputs: ReconcileInput, plan: PlanStatus, selected: Selected) -> TaskDefinition:
    """Return the task that compresses, evaluates, verifies and publishes the selected candidate."""
    candidate = selected.candidate
    settings = inputs.spec.compression
    pods = len(plan.candidates) if plan.search is None else 1
    gate = None if settings is None else settings.gate
    maximum_drop = None if gate is None else gate.maximum_drop
    maxima = inputs.requirements.limits
    searched = plan.search and define_search_task(inputs, plan, plan.search)
    trained = (searched or define_training_task(inputs, plan, candidate)).spec
    compress = CompressStep(
        candidate=Candidate(task=trained.task, content_hash=trained.content_hash, model=_build_model(candidate)),
        methods=candidate.methods,
        gate=Gate(
            maximum_drop=Gate().maximum_drop if maximum_drop is None else float(maximum_drop),
            strict=gate is not None and gate.verdict is Verdict.NON_INFERIORITY,
        ),
        recipe=recipe_for(inputs.spec, pods) if candidate.methods else Recipe(),
        on_gate_failure=(settings and settings.on_gate_failure) or OnGateFailure.KEEP_UNCOMPRESSED,
        maximum_size_bytes=maxima.size_bytes,
        maximum_latency_p95_milliseconds=maxima.latency_p95_milliseconds,
    )
    refit = refit_step(inputs.spec, plan)
    rest = (EvaluateStep(selection=selection_of(selected)), VerifyStep(), PublishStep())
    steps: tuple[Step, ...] = (compress, *rest) if refit is None else (compress, refit, *rest)
    trains = refit is not None or compress.recipe.keep_percents
    resources = inputs.requirements.training_pod if trains else inputs.requirements.cpu_only_pod
    return _define_task(inputs, plan.image, PUBLISH, steps, resources, data=_select_data(inputs, plan))


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


def _define_task(
    inputs: ReconcileInput, image: str, task: str, steps: tuple[Step, ...], resources: PodResources, *, data: DataSource
) -> TaskDefinition:
    wanted = inputs.requirements
    return TaskDefinition(
        spec=TaskSpec(
            workflow=inputs.owner.name,
            task=task,
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
            requests=resources.requests,
            limits=resources.limits,
            backoff_limit=wanted.backoff_limit,
        ),
    )
