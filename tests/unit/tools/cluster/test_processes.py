"""A process that was killed is gone when nothing of it is left that could hold a port."""

import socket
import sys
from pathlib import Path

from tools.cluster.processes import Processes, recipe
from tools.ports import held_port
from tools.waiting import PATIENCE

ROUNDS = 8
"""Without a look at its threads, two of three who came after it were refused the port."""
LISTENING = """
import socket, sys, threading, time
kept = bytearray(200_000_000)  # takes the kernel a moment to take back
one = socket.socket()
one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
one.bind(("127.0.0.1", int(sys.argv[1])))
for _ in range(200):
    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
one.listen()
time.sleep(1000)
"""


def answers(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def test_where_a_killed_process_listened_another_one_can_at_once(tmp_path: Path) -> None:
    processes, port = Processes(tmp_path / "pids", tmp_path / "logs"), held_port()
    listening = recipe("listening", [sys.executable, "-c", LISTENING, str(port)])
    try:
        for _ in range(ROUNDS):
            assert processes.ensure(listening)
            processes.wait(lambda: answers(port), "listening", alive=["listening"], seconds=PATIENCE, beat=lambda: None)
            processes.kill("listening")
            with socket.socket() as one:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                one.bind(("127.0.0.1", port))
                one.listen()
    finally:
        processes.stop("listening")
