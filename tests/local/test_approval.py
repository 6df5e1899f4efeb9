"""A plan is shown before it runs: by `idla plan`, and by `approval: Manual`, which lets this very plan run alone."""

from idla.report.exit_status import ExitCode

from tests.local.scene import Scene

WAITS = "plan HASH waits for: the same command with --approve HASH"


def test_a_plan_waits_until_this_very_plan_is_approved(scene: Scene) -> None:
    scene.write(approval="Manual")
    asked = scene.run("--json", "--quiet")
    plan = asked.document["plan"]
    wrong = scene.run("--json", "--quiet", "--approve", "0123456789abcdef")
    for ended, says in ((asked, WAITS), (wrong, f"another plan was approved; {WAITS}")):
        assert (ended.code, [scene.plain(line) for line in ended.err]) == (
            ExitCode.WAITING,
            [f"idla: WaitingForApproval: {says}"],
        )
        assert ended.document["message"].endswith(f"--approve {plan}")
        assert (ended.document["plan"], ended.document["artifact"]) == (plan, None)
    assert scene.story() == ["profile begins", "profile ends", "profile found"]
    assert scene.run("--json", "--quiet", "--approve", plan).code == ExitCode.DONE
    assert scene.story()[3:] == [
        "profile found", "train-vgg-small begins", "train-vgg-small ends", "publish begins", "publish ends",
    ]  # fmt: skip


def test_what_was_approved_is_asked_for_again_when_the_plan_is_another(scene: Scene) -> None:
    scene.write(approval="Manual")
    plan = scene.run("--json", "--quiet").document["plan"]
    scene.write(approval="Manual", training={"seed": 7})
    ended = scene.run("--json", "--quiet", "--approve", plan)
    assert (ended.code, ended.document["plan"] == plan) == (ExitCode.WAITING, False)
    assert not any(name.startswith("train") for name in scene.story())


def test_a_plan_is_shown_and_nothing_is_trained_or_kept(scene: Scene) -> None:
    ended = scene.plan()
    says = "PlanReady: plan HASH: train vgg-small, then publish the best"
    assert (ended.code, scene.plain(ended.out)) == (ExitCode.DONE, f"{says}\n")
    assert scene.plan("--json", "--quiet").document["reason"] == "PlanReady"
    assert (scene.files(), {name.split()[0] for name in scene.story()}) == (set(), {"profile"})
