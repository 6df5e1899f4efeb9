"""A sidecar is asked to end by a real request, and nothing that it does costs the task anything."""

import json
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from idla_contract.exit_codes import ExitCode
from idla_trainer.sidecars import quit_sidecar
from typing_extensions import override

from tools.ports import held_port


@contextmanager
def sidecar(status: int = 200, location: str = "") -> Iterator[tuple[str, list[str]]]:
    """Run what answers every request so; give its address and what it is asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        @override
        def log_message(self, format: str, *args: object) -> None:
            pass

        @override
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline()
            if self.parse_request():
                asked.append(f"{self.command} {self.path} {self.headers['Content-Length']}")
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.send_header("Location", location)
                self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("path", ["/quitquitquit", "/shutdown/now", ""])
def test_an_empty_post_is_sent_to_the_address(path: str) -> None:
    with sidecar() as (address, asked):
        quit_sidecar({"IDLA_SIDECAR_QUIT_URL": address + path, "http_proxy": "http://127.0.0.1:1"})
    assert asked == [f"POST {path or '/'} 0"]


def test_a_redirection_is_not_followed(caplog: pytest.LogCaptureFixture) -> None:
    with sidecar() as (elsewhere, reached), sidecar(307, elsewhere) as (address, asked):
        quit_sidecar({"IDLA_SIDECAR_QUIT_URL": address})
    assert (asked, reached) == (["POST / 0"], [])
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.WARNING, f"the sidecar at {address} was asked to end and answers 307")
    ]


def test_nobody_is_asked_where_nothing_is_set(caplog: pytest.LogCaptureFixture) -> None:
    quit_sidecar({})
    assert not caplog.records


# name: the address, and what of the warning tells why
UNREACHED = {
    "nobody listens": ("http://127.0.0.1:{port}/quitquitquit", "was not asked to end (ConnectionRefusedError("),
    "another machine": ("http://10.0.0.1:15020/quitquitquit", "no sidecar is asked to end"),
    "a name that begins alike": ("http://localhost.example:15020/", "no sidecar is asked to end"),
    "a login": ("http://user:canary@127.0.0.1:15020/", "no sidecar is asked to end"),
    "a file": ("file:///etc/passwd", "no sidecar is asked to end"),
}


@pytest.mark.parametrize("name", UNREACHED)
def test_what_cannot_or_may_not_be_reached_is_a_warning(name: str, caplog: pytest.LogCaptureFixture) -> None:
    url, why = UNREACHED[name]
    quit_sidecar({"IDLA_SIDECAR_QUIT_URL": url.replace("{port}", str(held_port()))})
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert why in caplog.records[0].getMessage()


def test_a_silent_sidecar_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        quit_sidecar({"IDLA_SIDECAR_QUIT_URL": address}, seconds=0.05)
    assert [record.getMessage() for record in caplog.records] == [
        f"the sidecar at {address} was not asked to end (TimeoutError('timed out'))"
    ]


SPEC = {
    "workflow": "w", "task": "profile", "contentHash": "0123456789ab", "artifactUri": "pvc://claim",
    "data": {"uri": "pvc://claim/d.csv"}, "steps": [{"kind": "Profile"}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "code"), [pytest.param(40, ExitCode.SUCCEEDED, id="well"), pytest.param(0, ExitCode.BAD_INPUT, id="badly")]
)
def test_a_task_asks_however_it_has_ended(tmp_path: Path, rows: int, code: ExitCode) -> None:
    for name in ("store", "data", "samples"):
        (tmp_path / name).mkdir()
    (tmp_path / "data" / "d.csv").write_text("\n".join(f"{number},0,0,1,{number % 2}" for number in range(rows)))
    (tmp_path / "spec").write_text(json.dumps(SPEC))
    options = [
        f"--{name}={tmp_path / name}" for name in ("spec", "store", "data", "samples", "work", "termination-log")
    ]
    with sidecar() as (address, asked):
        variable = {"IDLA_SIDECAR_QUIT_URL": address + "/quitquitquit"}
        command = [sys.executable, "-I", "-m", "idla_trainer", *options, "--metrics-port=0"]
        ended = subprocess.run(command, env=os.environ | variable, capture_output=True, text=True, check=False)
    assert (ended.returncode, asked) == (code, ["POST /quitquitquit 0"]), ended.stderr
    assert "asked to end and answers 200" in ended.stdout + ended.stderr
    assert (tmp_path / "termination-log").is_file()
