"""How many processors this pod may use, and how inference shares them."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")

_RUNTIME_BYTES = 256 << 20
_MOST_WORKERS = 16


def available(cgroups: Path = CGROUPS, own: Path = OWN_CGROUP, affinity: int | None = None) -> int:
    """Return the whole processors that the process may use: the cgroup's limit, rounded up, or those of its affinity.

    Args:
        cgroups: where the cgroup file system is mounted, version 1 or 2.
        own: the file that names the process's own groups.
        affinity: processors on which it may run; default asks the kernel.
    """
    if affinity is None:
        affinity = len(os.sched_getaffinity(0))
    limits = [limit for limit in _limits(cgroups, own) if limit > 0]
    return max(1, min([affinity, *(math.ceil(limit) for limit in limits)]))


def shares(processors: int, model_bytes: int) -> tuple[int, int]:
    """Return workers that each hold a copy of the model, and the threads of one inference.

    One thread in each of many workers answers most requests per second; a large model gets fewer copies (256 MiB of
    them by the size of its file) and more threads for each.
    """
    workers = max(1, min(processors, _MOST_WORKERS, _RUNTIME_BYTES // max(1, model_bytes)))
    return workers, max(1, processors // workers)


def _limits(cgroups: Path, own: Path) -> Iterator[float]:
    """Yield the limits of the process's groups and of all groups above them, in processors."""
    for line in (_text(own) or "").splitlines():
        _, controllers, path = line.split(":", maxsplit=2)
        mounts = [cgroups / controllers, cgroups / "cpu"] if controllers else [cgroups]
        if controllers and "cpu" not in controllers.split(","):
            continue
        for mount in mounts:
            # Inside a container the path may be the host's, of which only the mount itself is visible.
            group = mount / path.lstrip("/")
            for folder in [group, *group.parents]:
                if folder.is_relative_to(mount):
                    yield from _limit(folder)


def _limit(folder: Path) -> Iterator[float]:
    quota, _, period = (_text(folder / "cpu.max") or "").partition(" ")
    if not quota:
        quota = _text(folder / "cpu.cfs_quota_us") or ""
        period = _text(folder / "cpu.cfs_period_us") or ""
    if quota.isdigit() and period.isdigit() and int(period) > 0:
        yield int(quota) / int(period)


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
