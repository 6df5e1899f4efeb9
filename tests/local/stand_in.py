"""Stands for the Python of IDLA_TRAINER_PYTHON: it is started by the same words and answers without any training.

Its first word is the folder of its orders; the words that the local runner gives to a Python follow.
"""

import http.server
import signal
import sys
from pathlib import Path

from typing_extensions import override

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.local.orders import PROBE, SERVER, Desk


class Ready(http.server.BaseHTTPRequestHandler):
    """Answers whatever is asked."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    @override
    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


def probed(desk: Desk) -> int:
    """Tell which code a Python has."""
    order = desk.order(PROBE)
    if order.holds:
        desk.hold(PROBE, order)
    print("0123456789abcdef")
    return 0


def serve(desk: Desk, options: dict[str, str]) -> int:
    """Be a server, if it is not told to fail."""
    order = desk.order(SERVER)
    if order.code:
        return order.code
    if order.deaf:
        signal.signal(signal.SIGTERM, lambda *_: desk.note("asked", SERVER))
    desk.note("begins", SERVER)
    http.server.HTTPServer((options["host"], int(options["port"])), Ready).serve_forever()
    return 0


def main(words: list[str]) -> int:
    """Be what is asked for."""
    desk = Desk(Path(words[0]))
    match words[1:]:
        case ["-I", "-c", _]:
            return probed(desk)
        case ["-I", "-m", "idla_trainer", *given]:
            from tests.local.answering import carry_out  # not at the top: it takes longer than the probe

            return carry_out(desk, options_of(given))
        case ["-I", "-m", "idla_server", "serve", *given]:
            return serve(desk, options_of(given))
        case _:
            raise SystemExit(f"no Python is started so: {words}")


def options_of(given: list[str]) -> dict[str, str]:
    """Return options of the form --name=value."""
    return dict(word.removeprefix("--").split("=", 1) for word in given)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
