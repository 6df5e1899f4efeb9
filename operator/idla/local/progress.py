"""What a running training says of itself at its /metrics."""

import http.client
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from idla_contract import metrics

from idla.core.snapshot import TaskProgress

_LINE = re.compile(r'([a-z_]+)(?:\{split="([a-z]*)"\})? (\S+)')
_LIMIT = 256 * 1024
_SECONDS = 0.5


def read_progress(port: int) -> TaskProgress | None:
    """Return the progress of the training that answers at a port of this machine, or None where it tells none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        text = answer.read(_LIMIT).decode("utf-8", "replace") if answer.status == http.client.OK else ""
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return progress_of(text)


def progress_of(text: str) -> TaskProgress | None:
    """Return the progress that a page of metrics tells; steps, total and time are needed, or it tells none."""
    values = dict(_values(text))
    step, total = values.get((metrics.TASK_STEP, "")), values.get((metrics.TASK_TOTAL_STEPS, ""))
    updated = values.get((metrics.TASK_UPDATED_SECONDS, ""))
    if step is None or total is None or updated is None:
        return None
    return TaskProgress(
        step=int(step),
        total_steps=int(total),
        train_loss=values.get((metrics.TASK_LOSS, "train")),
        validation_loss=values.get((metrics.TASK_LOSS, "validation")),
        validation_score=values.get((metrics.TASK_SCORE, "validation")),
        examples_per_second=values.get((metrics.TASK_EXAMPLES_PER_SECOND, "")),
        updated=datetime.fromtimestamp(updated, UTC),
    )


def _values(text: str) -> Mapping[tuple[str, str], float]:
    values: dict[tuple[str, str], float] = {}
    for line in text.splitlines():
        found = _LINE.fullmatch(line.strip())
        if found is None:
            continue
        try:
            value = float(found[3])
        except ValueError:
            continue
        if math.isfinite(value):
            values[found[1], found[2] or ""] = value
    return values
