from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from idla.core.snapshot import TaskProgress
from idla.local.progress import read_progress
from idla_contract import metrics
from typing_extensions import override

LINES = {metrics.TASK_STEP: "5", metrics.TASK_TOTAL_STEPS: "100", metrics.TASK_UPDATED_SECONDS: "1700000000"}
MOMENT = datetime.fromtimestamp(1_700_000_000, UTC)


@contextmanager
def page(text: str) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        @override
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("changes", "more", "expected"),
    [
        pytest.param({}, "", TaskProgress(step=5, total_steps=100, updated=MOMENT), id="steps alone"),
        pytest.param(
            {},
            f'{metrics.TASK_LOSS}{{split="train"}} NaN\n{metrics.TASK_LOSS}{{split="validation"}} 0.5',
            TaskProgress(step=5, total_steps=100, updated=MOMENT, validation_loss=0.5),
            id="a loss that is no number is left out",
        ),
        pytest.param({metrics.TASK_STEP: "1e300"}, "", None, id="more steps than can be counted"),
        pytest.param({metrics.TASK_STEP: "-1"}, "", None, id="less than no step"),
        pytest.param({metrics.TASK_TOTAL_STEPS: "+Inf"}, "", None, id="endless"),
        pytest.param({metrics.TASK_UPDATED_SECONDS: "1e15"}, "", None, id="a moment after the end of the calendar"),
        pytest.param({metrics.TASK_STEP: "five"}, "", None, id="a word"),
    ],
)
def test_the_progress_of_a_training_is_read_or_there_is_none(
    changes: dict[str, str], more: str, expected: TaskProgress | None
) -> None:
    text = "".join(f"{name} {value}\n" for name, value in (LINES | changes).items())
    with page(text + more + "\n") as port:
        assert read_progress(port) == expected
