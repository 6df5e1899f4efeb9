"""What a task ends with where its input cannot be used."""

from collections.abc import Callable

import pytest
from idla_trainer.failures import TaskError


def refused(attempt: Callable[[], object]) -> tuple[str, str]:
    """Return reason and message of the refusal that an attempt has to end with."""
    with pytest.raises(TaskError) as refusal:
        attempt()
    return refusal.value.reason.value, str(refusal.value)
