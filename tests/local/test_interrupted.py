"""Ctrl-C, SIGTERM, a closed terminal and a kill: what is finished is kept, and the same command goes on."""

import os
import signal
from collections.abc import Callable

import pytest
from idla.report.exit_status import ExitCode

from tests.local.orders import PROBE, Order
from tests.local.scene import Running, Scene

GOES_ON = "the same command goes on"
HOLDS = Order(holds=True)


def ctrl_c(command: Running) -> None:
    command.signal_as_a_terminal()


def terminated(command: Running) -> None:
    command.process.terminate()


def hung_up(command: Running) -> None:
    command.signal_as_a_terminal(signal.SIGHUP)


@pytest.mark.parametrize("interrupt", [ctrl_c, terminated, hung_up])
def test_tasks_end_well_and_the_same_command_goes_on_from_what_is_finished(
    scene: Scene, interrupt: Callable[[Running], None]
) -> None:
    scene.desk.give(train_vgg_small=HOLDS)
    with scene.running("--json") as command:
        scene.noted("holds", "train-vgg-small")
        interrupt(command)
        ended = command.ended()
    assert ended.code == ended.document["exitCode"] == ExitCode.INTERRUPTED
    assert ended.document == scene.read("result.json")
    assert ended.document["reason"] == "Interrupted"
    assert ended.document["message"].endswith(GOES_ON)
    assert "ending: tasks write their checkpoints, up to 60 s; again ends at once" in ended.err
    assert ended.err[-1] == f"idla: Interrupted: {ended.document['message']}"
    first = [
        "profile begins",
        "profile ends",
        "train-vgg-small begins",
        "train-vgg-small holds",
        "train-vgg-small asked",
    ]
    assert scene.story() == first
    scene.desk.give()
    assert scene.run("--quiet").code == ExitCode.DONE
    assert scene.story()[len(first) :] == [
        "profile found", "train-vgg-small begins", "train-vgg-small ends", "publish begins", "publish ends",
    ]  # fmt: skip


def test_every_task_at_work_is_asked_to_end(scene: Scene) -> None:
    scene.write(model={"selection": "Shortlist", "templateRefs": [{"name": "vgg-small"}, {"name": "resnet-small"}]})
    scene.desk.give(train_vgg_small=HOLDS, train_resnet_small=HOLDS)
    with scene.running("--jobs", "2") as command:
        for name in ("train-vgg-small", "train-resnet-small"):
            scene.noted("holds", name)
        command.signal_as_a_terminal()
        assert command.ended().code == ExitCode.INTERRUPTED
    assert sorted(scene.story()[-2:]) == ["train-resnet-small asked", "train-vgg-small asked"]


def test_a_second_one_ends_at_once_with_all_that_runs(scene: Scene) -> None:
    scene.desk.give(profile=Order(holds=True, deaf=True))
    with scene.running("--json") as command:
        scene.noted("holds", "profile")
        command.signal_as_a_terminal()
        deaf = scene.noted("asked", "profile").process
        command.signal_as_a_terminal()
        ended = command.ended()
    assert (ended.code, ended.err[-1]) == (ExitCode.INTERRUPTED, "idla: ended at once")
    assert (ended.document["reason"], ended.document["exitCode"]) == ("Interrupted", ExitCode.INTERRUPTED)
    with pytest.raises(ProcessLookupError):
        os.kill(deaf, 0)
    scene.desk.give()
    assert scene.run("--quiet").code == ExitCode.DONE


def test_before_anything_began_nothing_is_begun(scene: Scene) -> None:
    scene.desk.give(probe=HOLDS)
    with scene.running() as command:
        scene.noted("holds", PROBE)
        command.signal_as_a_terminal()
        scene.let_go(PROBE)
        ended = command.ended()
    assert (ended.code, ended.out.splitlines()[0]) == (
        ExitCode.INTERRUPTED, "Interrupted: ended before it was begun; the same command begins it",
    )  # fmt: skip
    assert scene.story() == ["probe holds"]


def test_what_the_caller_ignores_ends_nothing(scene: Scene) -> None:
    scene.desk.give(profile=HOLDS)
    with scene.running(ignored=(signal.SIGHUP,)) as command:
        scene.noted("holds", "profile")
        command.signal_as_a_terminal(signal.SIGHUP)
        scene.let_go("profile")
        assert command.ended().code == ExitCode.DONE


def test_a_trainer_that_somebody_else_asks_to_end_is_begun_again(scene: Scene) -> None:
    scene.desk.give(profile=Order(holds=True, once=True))
    with scene.running() as command:
        os.kill(scene.noted("holds", "profile").process, signal.SIGTERM)
        assert command.ended().code == ExitCode.DONE
    assert scene.story()[:5] == ["profile begins", "profile holds", "profile asked", "profile begins", "profile ends"]


def test_two_runs_do_not_share_a_folder(scene: Scene) -> None:
    scene.desk.give(profile=HOLDS)
    with scene.running() as first:
        scene.noted("holds", "profile")
        second = scene.run("--json")
        assert (second.code, second.document["reason"]) == (ExitCode.USAGE, "Usage")
        assert second.err == [f"idla: another run works in {scene.output}; wait for it, or choose another --output"]
        scene.desk.give()
        assert scene.run("-o", "other", "--quiet").code == ExitCode.DONE
        scene.let_go("profile")
        assert first.ended().code == ExitCode.DONE
    assert scene.story().count("profile begins") == 2


def test_a_kill_leaves_neither_a_lock_nor_a_trainer_behind(scene: Scene) -> None:
    scene.desk.give(profile=HOLDS)
    with scene.running() as command:
        scene.noted("holds", "profile")
        command.process.kill()
        assert command.ended().code == -signal.SIGKILL
    scene.noted("asked", "profile")
    scene.desk.give()
    assert scene.run("--quiet").code == ExitCode.DONE
    assert list(scene.output.glob("work/*")) == []
