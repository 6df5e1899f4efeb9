"""What the contract asks of a trainer's container, one check each; a check yields what it finds broken."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from idla_contract.choice import FinishedTraining, SelectStep
from idla_contract.exit_codes import ExitCode
from idla_contract.paths import artifact_folder
from idla_contract.result import FailureReason
from idla_contract.task import (
    Candidate,
    CompressStep,
    EarlyStopping,
    EvaluateStep,
    ProfileStep,
    PublishStep,
    RefitStep,
    TaskSpec,
    Training,
    TrainStep,
    VerifyStep,
)

from idla.local.conform.answers import Broken, check_answer, digest_of_file, explain_end, read_stored_result
from idla.local.conform.artifact import check_artifact
from idla.local.conform.subject import Ended, Subject, content_hash
from idla.local.errors import ServerError
from idla.local.machine import GRACE_SECONDS
from idla.local.progress import read_progress
from idla.local.serving import Server
from idla.local.task_process import TaskProcess

_REPORTS = ("profile", "train", "compress", "evaluate", "artifact")
_EPOCHS = 3
_WHOLE, _SELECTED = "whole", "selected"
_ENDLESS = 100_000
_TRAINING_SECONDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One promise of the contract."""

    name: str
    promise: str
    broken: Callable[[Subject], Broken]


def check_whole_way(subject: Subject) -> Broken:
    """One task from the data to a published artifact."""
    ended = _whole(subject)
    yield from check_answer(ended, ExitCode.SUCCEEDED, _WHOLE)
    result = ended.result
    if ended.code != ExitCode.SUCCEEDED or result is None:
        return
    wanted = [step.kind for step in _whole_spec(subject).steps]
    found = [step.kind for step in result.steps]
    if found and found != wanted:
        yield f"its answer names the steps {found}; allowed: {wanted}, the spec's, in their order"
    yield from _check_result(subject, wanted)
    yield from check_artifact(subject.paths().store, result.artifact, digest_of_file(subject.data))


def _check_result(subject: Subject, wanted: Sequence[str]) -> Broken:
    whole = read_stored_result(subject, _WHOLE)
    if isinstance(whole, str):
        yield whole
        return
    found, digest = [step.kind for step in whole.steps], digest_of_file(subject.data)
    if found != list(wanted):
        yield f"result.json names the steps {found}; allowed: {wanted}"
    missing = [name for name in _REPORTS if getattr(whole, name) is None]
    if missing:
        yield f"result.json lacks {', '.join(missing)}; allowed: the report of every step"
    if whole.profile is not None and whole.profile.digest != digest:
        yield f"profile.digest is {whole.profile.digest}; the data have {digest}"


def check_cached(subject: Subject) -> Broken:
    """The same task again: its result is in the store."""
    first, again = _whole(subject), _whole(subject)
    yield from check_answer(again, ExitCode.SUCCEEDED, _WHOLE)
    before, after = first.result, again.result
    if before is None or after is None or after.failure is not None:
        return
    if after.artifact != before.artifact:
        yield "its second answer names another artifact than its first"
    made = [step.kind for step in after.steps if not step.cached]
    if made:
        yield f"it did {', '.join(made)} again; what is finished is found in the store and marked as cached"


def check_served(subject: Subject) -> Broken:
    """The artifact is loaded and checked by the server."""
    result = _whole(subject).result
    if result is None or result.artifact is None or subject.server is None:
        yield "there is no artifact to serve"
        return
    digest, paths = result.artifact.digest, subject.paths()
    server = Server("conform", paths.store / artifact_folder(digest), digest, paths.output, subject.server)
    try:
        server.wait_until_ready()
    except ServerError as error:
        yield str(error)
    finally:
        server.end()


def check_repeatable(subject: Subject) -> Broken:
    """The same task in another store: equal seeds give equal artifacts on one machine."""
    one, other = _whole(subject), _whole(subject, store="other-store")
    digests = [
        ended.result.artifact.digest if ended.result and ended.result.artifact else None for ended in (one, other)
    ]
    if None in digests or digests[0] != digests[1]:
        yield f"two runs with equal seeds published {digests[0]} and {digests[1]}"


def check_selection(subject: Subject) -> Broken:
    """The training of the whole way beside itself: both are compared, and one of them is chosen."""
    _whole(subject)
    training = FinishedTraining(task=_WHOLE, content_hash=content_hash(_WHOLE))
    step = SelectStep(candidates=(training, training))
    ended = subject.run(_SELECTED, subject.spec(_SELECTED, step).to_json())
    yield from check_answer(ended, ExitCode.SUCCEEDED, _SELECTED)
    if ended.code != ExitCode.SUCCEEDED or ended.result is None or ended.result.failure is not None:
        return
    report, places = ended.result.select, range(len(step.candidates))
    if report is None:
        yield "its answer lacks select; allowed: the report of the step"
    elif len(report.compared) != len(places) or report.winner not in places or report.best not in places:
        found = f"{len(report.compared)} compared, the winner is {report.winner}, the best {report.best}"
        yield f"select has {found}; allowed: every candidate of the step in its order, and places among them"


def check_refusal(subject: Subject, *, task: str, document: str, reasons: Sequence[FailureReason]) -> Broken:
    """A task that cannot work ends at once, with a reason."""
    ended = subject.run(task, document)
    yield from check_answer(ended, ExitCode.BAD_INPUT, None if document == "{" else task)
    result = ended.result
    if result is None:
        return
    found = None if result.failure is None else result.failure.reason
    if found not in reasons:
        yield f"failure.reason is {found}; allowed: {' or '.join(reasons)}"
    elif result.failure is not None and not result.failure.message.strip():
        yield "failure.message is empty; it says what was found, what is allowed and what to do"


def check_sigterm(subject: Subject) -> Broken:
    """SIGTERM during a training: a checkpoint is written, and the next attempt goes on from it."""
    training = Training(
        max_epochs=_ENDLESS,
        max_seconds=_TRAINING_SECONDS,
        batch_size=16,
        early_stopping=EarlyStopping(patience_epochs=_ENDLESS),
        checkpoint_period_seconds=1,
    )
    document = subject.spec("ended", TrainStep(model=subject.model, training=training)).to_json()
    seen = []

    def trains(process: TaskProcess) -> bool:
        progress = read_progress(process.port)
        if progress is not None and progress.step > 0:
            seen.append(progress)
        return bool(seen)

    ended = subject.interrupted("ended", document, until=trains)
    if not seen:
        needed = "idla_task_step, idla_task_total_steps and idla_task_updated_seconds"
        yield f"/metrics never reported {needed}{explain_end(ended)}"
        return
    if ended.code is None:
        yield f"it did not end in {GRACE_SECONDS:.0f} seconds after SIGTERM; the kubelet kills it then"
    elif ended.code != ExitCode.PREEMPTED:
        yield f"after SIGTERM it ended with {ended.code}; allowed: {ExitCode.PREEMPTED:d}{explain_end(ended)}"
    again = subject.run("ended", document)
    yield from check_answer(again, ExitCode.SUCCEEDED, "ended")
    train = again.result.train if again.result else None
    if again.code == ExitCode.SUCCEEDED and (train is None or train.resumed < 1):
        yield "its next attempt began anew: train.resumed is " + ("missing" if train is None else str(train.resumed))


def _unknown_builder(subject: Subject) -> Broken:
    model = subject.model.model_copy(update={"builder": "no-builder-of-this-name"})
    document = subject.spec("builder", TrainStep(model=model)).to_json()
    return check_refusal(subject, task="builder", document=document, reasons=(FailureReason.SPEC_INVALID,))


def _unreadable_spec(subject: Subject) -> Broken:
    return check_refusal(subject, task="unreadable", document="{", reasons=(FailureReason.SPEC_INVALID,))


def _missing_data(subject: Subject) -> Broken:
    document = subject.spec("missing", ProfileStep(), uri="pvc://data/nothing-here.csv").to_json()
    return check_refusal(subject, task="missing", document=document, reasons=(FailureReason.DATA_NOT_FOUND,))


def _other_data(subject: Subject) -> Broken:
    document = subject.spec("other", ProfileStep(), digest="sha256:" + "0" * 64).to_json()
    return check_refusal(subject, task="other", document=document, reasons=(FailureReason.DATA_DIGEST_MISMATCH,))


SERVED = Check(
    name="served", promise="the server loads the artifact and finds its golden inputs answered", broken=check_served
)
CHECKS = (
    Check(name="whole-way", promise="a task goes from the data to a published artifact", broken=check_whole_way),
    Check(name="found-again", promise="a finished task is answered from the store", broken=check_cached),
    SERVED,
    Check(name="repeatable", promise="equal seeds give equal artifacts", broken=check_repeatable),
    Check(name="selected", promise="trained candidates are compared, and one is chosen", broken=check_selection),
    Check(name="unreadable-spec", promise="a spec that is no JSON ends with 10", broken=_unreadable_spec),
    Check(name="unknown-builder", promise="a builder that it does not know ends with 10", broken=_unknown_builder),
    Check(name="missing-data", promise="data that are not there end with 10", broken=_missing_data),
    Check(name="other-data", promise="data with another digest end with 10", broken=_other_data),
    Check(
        name="asked-to-end",
        promise="SIGTERM costs no more than what the next attempt goes on from",
        broken=check_sigterm,
    ),
)


def _whole_spec(subject: Subject) -> TaskSpec:
    training = Training(max_epochs=_EPOCHS, batch_size=16)
    candidate = Candidate(task=_WHOLE, content_hash=content_hash(_WHOLE), model=subject.model)
    return subject.spec(
        _WHOLE,
        ProfileStep(),
        TrainStep(model=subject.model, training=training),
        CompressStep(candidate=candidate),
        RefitStep(),
        EvaluateStep(),
        VerifyStep(),
        PublishStep(),
    )


def _whole(subject: Subject, *, store: str = "store") -> Ended:
    """Carry out the whole way, which an earlier check may have done in this store."""
    return subject.run(_WHOLE, _whole_spec(subject).to_json(), store=store)
