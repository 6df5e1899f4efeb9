"""`--serve`: the published artifact behind a server, here a stand-in that answers whatever is asked."""

import os
import signal
import urllib.request

import pytest
from idla.report.exit_status import ExitCode

from tests.local.orders import SERVER, Order
from tests.local.scene import Scene
from tools.waiting import until


def test_the_artifact_is_served_until_ctrl_c(scene: Scene) -> None:
    with scene.running("--serve", "--json", "--quiet") as command:
        server = scene.noted("begins", SERVER).process
        until(lambda: "until Ctrl-C" in command.said(), command.said)
        url = command.said().partition("serves at ")[2].partition(" until")[0]
        with urllib.request.urlopen(url) as answer:
            assert answer.status == 200
        command.signal_as_a_terminal()
        ended = command.ended()
    assert ended.code == ended.document["exitCode"] == ExitCode.DONE
    serving = ended.document["serving"]
    assert (serving["url"], ended.err[1:]) == (
        url,
        [f"idla: serves at {url} until Ctrl-C; try", f"  {serving['curl']}"],
    )
    with pytest.raises(ProcessLookupError):
        os.kill(server, 0)


def test_a_server_that_does_not_start_is_no_wrong_command_line(scene: Scene) -> None:
    scene.desk.give(server=Order(code=1))
    ended = scene.run("--serve", "--json", "--quiet")
    says = f"the server does not answer; see {scene.output}/logs/server.log"
    assert (ended.code, ended.err) == (ExitCode.FAILED, [f"idla: {says}"])
    assert (ended.document["reason"], ended.document["message"]) == ("NotServed", says)
    assert scene.read("result.json")["succeeded"] is True


def test_a_server_that_dies_is_told(scene: Scene) -> None:
    with scene.running("--serve", "--json", "--quiet") as command:
        server = scene.noted("begins", SERVER).process
        until(lambda: "until Ctrl-C" in command.said(), command.said)
        os.kill(server, signal.SIGKILL)
        ended = command.ended()
    assert (ended.code, ended.document["succeeded"]) == (ExitCode.FAILED, True)
    assert ended.err[-1] == f"idla: the server has ended; see {scene.output}/logs/server.log"


def test_a_second_ctrl_c_does_not_wait_for_the_server_and_tells_no_second_result(scene: Scene) -> None:
    scene.desk.give(server=Order(deaf=True))
    with scene.running("--serve", "--json", "--quiet") as command:
        until(lambda: "until Ctrl-C" in command.said(), command.said)
        command.signal_as_a_terminal()
        server = scene.noted("asked", SERVER).process
        command.signal_as_a_terminal()
        ended = command.ended()
    assert (ended.code, ended.document["succeeded"]) == (ExitCode.INTERRUPTED, True)
    with pytest.raises(ProcessLookupError):
        os.kill(server, 0)


def test_what_is_not_published_is_not_served(scene: Scene) -> None:
    scene.write(approval="Manual")
    assert scene.run("--serve", "--quiet").code == ExitCode.WAITING
    assert "server begins" not in scene.story()
