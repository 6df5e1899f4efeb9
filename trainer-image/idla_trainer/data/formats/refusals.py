"""What a user is told of a file that cannot be used."""

from pathlib import Path

from idla_contract.result import FailureReason

from idla_trainer.failures import TaskError


def unreadable(path: Path, kind: str, why: str, remedy: str = "") -> TaskError:
    """Return the refusal of a file whose bytes are not what its format promises."""
    return invalid(f"{path.name} is no readable {kind} file ({why})" + (f"; {remedy}" if remedy else ""))


def too_large(path: Path, size: int, memory: int) -> TaskError:
    """Return the refusal of data that the task's memory cannot hold."""
    if memory <= 0:
        return invalid(
            "the memory of the task has no room for examples beside TensorFlow; raise spec.resources.limits.memory"
        )
    return invalid(
        f"the examples of {path.name} take {size} bytes of memory or more, the task has room for {memory}; raise "
        "spec.resources.limits.memory, or give it fewer or smaller examples"
    )


def invalid(message: str) -> TaskError:
    """Return the refusal of data that are not as they have to be."""
    return TaskError(FailureReason.DATA_INVALID, message)


def empty(message: str) -> TaskError:
    """Return the refusal of data without an example."""
    return TaskError(FailureReason.DATA_EMPTY, message)
