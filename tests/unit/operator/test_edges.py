"""The process's edges: its log lines, its probes, and a start that is refused."""

import asyncio
import json
import logging
import os
import subprocess
import sys
import urllib.error
import urllib.request

from idla_operator.adapters import health
from idla_operator.adapters.logs import JsonFormatter
from idla_operator.handlers.settings import EndlessBackoff

from tools.ports import reserved
from tools.waiting import PATIENCE


def test_a_log_entry_is_one_line_of_json() -> None:
    try:
        json.loads("{")
    except ValueError:
        record = logging.LogRecord("idla", logging.ERROR, __file__, 1, "it %s\nbroke", ("really",), sys.exc_info())
    record.fields = {"key": "TrainingWorkflow vision/digits", "seconds": 1.5}
    line = JsonFormatter().format(record)
    assert "\n" not in line
    entry = json.loads(line)
    assert entry.pop("time").endswith("+00:00")
    assert "JSONDecodeError" in entry.pop("exception").splitlines()[-1]
    assert entry == {
        "level": "ERROR", "logger": "idla", "message": "it really\nbroke", "key": "TrainingWorkflow vision/digits",
        "seconds": 1.5,
    }  # fmt: skip


def fetch(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_the_probes_answer_with_what_is_wrong() -> None:
    async def main(port: int) -> list[tuple[int, str]]:
        async with health.served(port, liveness=lambda: (), readiness=lambda: ("no session", "no store")):
            paths = ("/healthz", "/readyz", "/metrics")
            return [await asyncio.to_thread(fetch, f"http://127.0.0.1:{port}{path}") for path in paths]

    with reserved() as port:
        alive, ready, unknown = asyncio.run(main(port))
    assert (alive, ready) == ((200, "ok"), (503, "no session\nno store"))
    assert unknown[0] == 404


def test_without_a_port_nothing_is_served() -> None:
    async def main() -> None:
        async with health.served(0, liveness=lambda: (), readiness=lambda: ()):
            pass

    asyncio.run(main())


def test_a_wrong_configuration_ends_the_process_at_once_with_every_mistake() -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("IDLA_")}
    run = subprocess.run(
        [sys.executable, "-I", "-m", "idla_operator"],
        env=environment | {"IDLA_HEALTH_PORT": "x"},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (run.returncode, run.stdout) == (2, "")
    assert [line.split()[0] for line in run.stderr.splitlines()] == [
        "IDLA_TRAINER_IMAGE", "IDLA_SERVER_IMAGE", "IDLA_HEALTH_PORT",
    ]  # fmt: skip


def test_kopf_is_never_without_another_pause() -> None:
    backoff = EndlessBackoff(cap=30.0)
    assert not hasattr(backoff, "__len__")
    for _ in range(2):
        pauses = iter(backoff)
        assert [next(pauses) for _ in range(8)] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
