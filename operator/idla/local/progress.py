"""What a running training says of itself at its /metrics."""

import http.client
import re
from collections.abc import Mapping

from idla.core.kube import pod_metrics
from idla.core.snapshot import TaskProgress

_LINE = re.compile(r'([a-z_]+)(?:\{split="([a-z]*)"\})? (\S+)')
_LIMIT = 256 * 1024
_SECONDS = 0.5


def read_progress(port: int) -> TaskProgress | None:
    """Return the progress of the training that answers at a port of this machine, or None where it reports none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        text = answer.read(_LIMIT).decode("utf-8", "replace") if answer.status == http.client.OK else ""
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    try:
        return pod_metrics.read_progress(_values(text))
    except pod_metrics.NotMeasuredError:
        return None


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
        values[found[1], found[2] or ""] = value
    return values
