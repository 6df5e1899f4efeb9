"""What a person wants to see of a TrainingWorkflow that works: one line for each thing that changed."""

from collections.abc import Iterator, Mapping
from typing import Any

Status = Mapping[str, Any]


def told(before: Status, after: Status) -> Iterator[str]:
    """Yield a line for each decision, task and condition of `after` that `before` did not have."""
    if after.get("data") and not before.get("data"):
        yield _data(after["data"])
    yield from _tasks(before, after)
    known = {decision["name"]: decision["choice"] for decision in before.get("decisions", ())}
    for decision in after.get("decisions", ()):
        if known.get(decision["name"]) != decision["choice"]:
            yield from _decision(decision)
    yield from _conditions(before, after)


def progress(status: Status) -> str:
    """Return one line that says how far the work is, or an empty text."""
    found = status.get("progress")
    if not found:
        return ""
    words = [f"{found['percent']:>3} %", found.get("currentTask", "")]
    remaining = found.get("estimatedRemainingSeconds")
    if remaining is not None:
        words.append(f"about {duration(remaining)} left")
    words += [
        f"{metric['name'].partition('/')[0]} is right on {percent(metric['value'])} of validation"
        for metric in found.get("metrics", ())
        if metric["name"].endswith("/validationScore")
    ]
    return ", ".join(word for word in words if word)


def duration(seconds: float) -> str:
    """Return seconds as people say them."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def condition(status: Status, kind: str) -> Mapping[str, Any]:
    """Return a condition of a status, empty where there is none."""
    found: Iterator[Mapping[str, Any]] = (entry for entry in status.get("conditions", ()) if entry["type"] == kind)
    return next(found, {})


def _data(data: Status) -> str:
    return (
        f"data: {data['examples']} examples of {data['shape']}, {data['classes']} classes; "
        f"always the largest class would be right on {percent(data['baselineScore'])}"
    )


def percent(share: str | float) -> str:
    """Return a share from 0 to 1 as percent with one decimal."""
    return f"{100 * float(share):.1f} %"


def _tasks(before: Status, after: Status) -> Iterator[str]:
    known = {task["name"]: task["state"] for task in before.get("tasks", ())}
    for task in after.get("tasks", ()):
        if known.get(task["name"], "Pending") != task["state"]:
            found = " (found, not made again)" if task.get("cached") else ""
            message = f": {task['message']}" if task.get("message") else ""
            yield f"{task['name']}: {task['state']}{found}{message}"


def _decision(decision: Status) -> Iterator[str]:
    yield f"decision {decision['name']}: {decision['choice']} ({decision['reason']}): {decision['message']}"
    for other in decision.get("alternatives", ()):
        yield f"    not {other['choice']} ({other['reason']}): {other['message']}"


def _conditions(before: Status, after: Status) -> Iterator[str]:
    for kind in ("Succeeded", "Stalled"):
        was, now = condition(before, kind), condition(after, kind)
        if now and (was.get("status"), was.get("reason")) != (now["status"], now["reason"]):
            yield f"{kind} is {now['status']}: {now['reason']}: {now['message']}"
