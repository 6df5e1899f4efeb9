"""`down` leaves nothing of a cluster behind, and nothing of its neighbour is touched."""

import subprocess
import sys

import pytest

from tools.cluster.places import REPOSITORY, Places
from tools.waiting import PATIENCE

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(4 * PATIENCE)]
NAME = "removal-test"


def command(*words: str) -> str:
    run = subprocess.run(
        [sys.executable, "-m", "tools.cluster", *words], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def traces() -> list[str]:
    """Every process, mount, cgroup, link, route, namespace and rule that this machine has now."""
    mine = (f"/{NAME}", f"idla-{NAME}")
    found = []
    for words in (
        ["ps", "-eo", "pid,args"],
        ["mount"],
        ["find", "/sys/fs/cgroup", "-maxdepth", "2", "-name", f"*{NAME}*"],
    ):
        lines = subprocess.run(words, capture_output=True, text=True, check=False).stdout.splitlines()
        found += [line for line in lines if any(mark in line for mark in mine) and "pytest" not in line]
    return found


def links_and_rules() -> list[str]:
    shown = []
    for words in (["ip", "-br", "link"], ["ip", "route"], ["iptables-save", "-t", "nat"]):
        text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        shown += [line.split("[")[0] for line in text.splitlines() if not line.startswith("#")]
    return sorted(shown)


def test_a_second_cluster_comes_and_goes_without_a_trace() -> None:
    before = links_and_rules()
    try:
        command("up", "--name", NAME, "--without", "kwok,prometheus")
        assert len(traces()) > 5
    finally:
        command("down", "--name", NAME)
    assert (traces(), links_and_rules(), Places.of(NAME).home.exists()) == ([], before, False)
    assert command("status").rstrip().endswith("idla: ready")
