"""How a container ended and what it left: its termination message, and its whole result in the store."""

from collections.abc import Iterator
from pathlib import Path

from idla_contract.artifact import digest_of
from idla_contract.exit_codes import ExitCode
from idla_contract.paths import TERMINATION_LIMIT, task_folder
from idla_contract.result import TaskResult
from pydantic import ValidationError

from idla.local.conform.subject import Ended, Subject, content_hash

Broken = Iterator[str]
_SHOWN = 300


def check_answer(ended: Ended, code: ExitCode, task: str | None) -> Broken:
    """Yield what is wrong with how a container ended and with its termination message.

    Args:
        ended: how it did.
        code: how it has to.
        task: whose answer it is; None where it cannot know.
    """
    if ended.code is None:
        yield f"it had not ended after {ended.seconds:.0f} seconds"
        return
    if ended.code != code:
        yield f"it ended with {ended.code}; allowed: {code:d} ({code.name}){explain_end(ended)}"
    if not ended.message:
        yield "it left no termination message; its answer goes into the file of --termination-log"
        return
    if len(ended.message) > TERMINATION_LIMIT:
        yield f"its termination message has {len(ended.message)} bytes; allowed: {TERMINATION_LIMIT}"
    result = ended.result
    if result is None:
        yield f"its termination message is no TaskResult: {ended.message[:_SHOWN].decode('utf-8', 'replace')!r}"
        return
    if task is not None and (result.task, result.content_hash) != (task, content_hash(task)):
        yield f"its answer is to {result.task} {result.content_hash}; asked was {task} {content_hash(task)}"
    if ended.code == ExitCode.SUCCEEDED and result.failure is not None:
        yield f"it ended with 0 and reports a failure: {result.failure.message[:_SHOWN]}"
    if ended.code not in {ExitCode.SUCCEEDED, ExitCode.PREEMPTED} and result.failure is None:
        yield "it failed and its answer names no failure"


def explain_end(ended: Ended) -> str:
    """Return why a container ended, by its own words."""
    failure = ended.result.failure if ended.result else None
    said = failure.message if failure else ended.said.strip().rpartition("\n")[2]
    return f"; it says: {said[:_SHOWN]}" if said else ""


def read_stored_result(subject: Subject, task: str) -> TaskResult | str:
    """Return the whole result in the store, or what is wrong with it."""
    path = subject.paths().store / task_folder(task, content_hash(task)) / "result.json"
    try:
        return TaskResult.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        return f"{path.relative_to(subject.output)} in the store cannot be read ({first_line(error)})"


def digest_of_file(path: Path) -> str:
    """Return `sha256:<hex>` of a file."""
    return digest_of(path.read_bytes())


def first_line(error: Exception) -> str:
    """Return what an error says, without the lists that follow."""
    return str(error).partition("\n")[0]
