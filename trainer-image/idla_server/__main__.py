"""`python -m idla_server fetch|serve`: what runs in the containers of a serving pod."""

import argparse
import logging
import signal
import sys
from pathlib import Path
from typing import Any

from idla_contract.exit_codes import ExitCode
from idla_contract.paths import DATA_MOUNT, MODEL_MOUNT, TERMINATION_LOG

from idla_server.logs import start_logging


def main(words: list[str] | None = None) -> int:
    """Run one command and return the exit code of the contract."""
    options = vars(_parser().parse_args(words))
    command = options.pop("command")
    # The first process of a container would else ignore it until it is killed; what is not fetched is no success.
    ended = ExitCode.PREEMPTED if command == "fetch" else ExitCode.SUCCEEDED
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(ended))
    start_logging()
    try:
        return _run(command, options)
    except Exception:
        logging.getLogger(__name__).exception("an error of ours ended the process")
        return ExitCode.INTERNAL


def _run(command: str, options: dict[str, Any]) -> ExitCode:
    """Run a command; its options have the names of what it takes."""
    if command == "fetch":
        from idla_server.fetch import fetch

        return fetch(**options)
    from idla_server.serve import ServeOptions, serve

    return serve(ServeOptions(**options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="idla_server", description="Brings an artifact into a pod and serves it.")
    commands = parser.add_subparsers(dest="command", required=True)
    fetch = commands.add_parser("fetch", help="copy an artifact into a folder and verify it")
    fetch.add_argument("--uri", required=True, help="pvc://claim/folder or https://host/folder")
    fetch.add_argument("--into", type=Path, default=Path(MODEL_MOUNT), help="folder for it")
    fetch.add_argument("--mount", type=Path, default=Path(DATA_MOUNT), help="where the claim of pvc:// is mounted")
    serve = commands.add_parser("serve", help="answer the Open Inference Protocol v2 until SIGTERM")
    serve.add_argument("--model-dir", type=Path, default=Path(MODEL_MOUNT), help="folder of the artifact")
    serve.add_argument("--name", required=True, help="the model's name in the protocol")
    serve.add_argument("--host", default="", help="address to listen on; default: every address of the pod")
    serve.add_argument("--port", type=int, default=8080, help="0 takes a free one")
    serve.add_argument("--drain-seconds", type=float, default=5, help="answering goes on so long after SIGTERM")
    serve.add_argument("--finish-seconds", type=int, default=20, help="requests may take so long after that")
    for command in (fetch, serve):
        command.add_argument("--digest", required=True, help="the artifact's digest, sha256:<64 hex>")
        command.add_argument("--termination-message", type=Path, default=Path(TERMINATION_LOG), help="file for it")
    return parser


if __name__ == "__main__":
    sys.exit(main())
