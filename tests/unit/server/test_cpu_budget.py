from pathlib import Path

import pytest
from idla_server.cpu_budget import available, shares

MIB = 1 << 20


def quota(group: str, microseconds: int) -> dict[str, str]:
    """Return the files of a group of v1."""
    return {f"{group}/cpu.cfs_quota_us": str(microseconds), f"{group}/cpu.cfs_period_us": "100000"}


ABOVE = {"pods/a/cpu.max": "max 100000", "pods/cpu.max": "300000 100000"}
# name: /proc/self/cgroup, files under the mount, processors of the affinity, expected
LIMITS: dict[str, tuple[str, dict[str, str], int, int]] = {
    "no cgroups": ("", {}, 4, 4),
    "v2 in a container": ("0::/\n", {"cpu.max": "150000 100000"}, 8, 2),
    "v2 without a limit": ("0::/\n", {"cpu.max": "max 100000"}, 8, 8),
    "v2 below one": ("0::/\n", {"cpu.max": "20000 100000"}, 8, 1),
    "v2 above the affinity": ("0::/\n", {"cpu.max": "800000 100000"}, 2, 2),
    "v2, the group's own path": ("0::/pods/a\n", {"pods/a/cpu.max": "200000 100000"}, 8, 2),
    "v2, a tighter group above": ("0::/pods/a\n", ABOVE, 8, 3),
    "v2, the host's path": ("0::/../../pods/a\n", {"cpu.max": "100000 100000"}, 8, 1),
    "v1": ("4:cpu,cpuacct:/a\n2:memory:/a\n", quota("cpu,cpuacct/a", 250000), 8, 3),
    "v1 by its short name": ("4:cpu,cpuacct:/a\n", quota("cpu/a", 100000), 8, 1),
    "v1, the host's path": ("4:cpu,cpuacct:/kubepods/x\n", quota("cpu,cpuacct", 200000), 8, 2),
    "v1 without a limit": ("4:cpu:/\n", quota("cpu", -1), 8, 8),
    "both, the limit in v1": ("1:cpu:/a\n0::/a\n", quota("cpu/a", 100000), 8, 1),
    "nonsense": ("0::/\n", {"cpu.max": "what"}, 8, 8),
}


@pytest.mark.parametrize("name", LIMITS)
def test_the_processors_are_those_of_the_cgroup(name: str, tmp_path: Path) -> None:
    own, files, affinity, expected = LIMITS[name]
    (tmp_path / "own").write_text(own)
    for path, text in files.items():
        (tmp_path / "mount" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mount" / path).write_text(text + "\n")
    assert available(tmp_path / "mount", tmp_path / "own", affinity) == expected


def test_this_machine_has_a_processor() -> None:
    assert available() >= 1


@pytest.mark.parametrize(
    ("processors", "model_bytes", "expected"),
    [
        (1, 300_000, (1, 1)),
        (4, 300_000, (4, 1)),
        (64, 300_000, (16, 4)),
        (8, 132 * MIB, (1, 8)),
        (8, 64 * MIB, (4, 2)),
        (8, 100 * MIB, (2, 4)),
        (2, 500 * MIB, (1, 2)),
        (2, 0, (2, 1)),
    ],
)
def test_small_models_get_copies_and_large_ones_threads(
    processors: int, model_bytes: int, expected: tuple[int, int]
) -> None:
    assert shares(processors, model_bytes) == expected
