"""What an administrator does to etcd, by its JSON gateway."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tools.cluster import ControlPlane
from tools.waiting import PATIENCE


def compact(plane: ControlPlane) -> int:
    """Forget every version before the newest; return its revision."""
    revision = _header(plane)["revision"]
    _ask(plane, "kv/compaction", revision=revision, physical=True)
    return int(revision)


@contextmanager
def full(plane: ControlPlane) -> Iterator[None]:
    """Let every write fail, as etcd does when its database has reached the quota."""
    alarm = {"memberID": _header(plane)["member_id"], "alarm": "NOSPACE"}
    _ask(plane, "maintenance/alarm", action="ACTIVATE", **alarm)
    try:
        yield
    finally:
        _ask(plane, "maintenance/alarm", action="DEACTIVATE", **alarm)


def _header(plane: ControlPlane) -> dict[str, str]:
    header: dict[str, str] = _ask(plane, "kv/range", key=base64.b64encode(b"x").decode())["header"]
    return header


def _ask(plane: ControlPlane, path: str, **content: object) -> dict[str, Any]:
    request = urllib.request.Request(f"{plane.setting.endpoints.etcd_url}/v3/{path}", json.dumps(content).encode())
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        found: dict[str, Any] = json.loads(answer.read())
    return found
