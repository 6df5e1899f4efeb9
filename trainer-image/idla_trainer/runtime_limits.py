"""How many processors and how much memory this process may use, and what TensorFlow must know of them at its import."""

import math
import os
import resource
import sys
from contextlib import suppress
from pathlib import Path

from idla_trainer.task_store import write_atomically

_CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")
_MEMORY_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Of the control group as a pod sees it, in the second and the first version of Linux' control groups."""
_TENSORFLOW = 256 << 20
"""Bytes that TensorFlow takes for itself; 165 MB were measured after its import, the rest is for its threads."""
_THREADS = "threads"
"""File of a task's folder."""
_INTRAOP, _INTEROP = "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"
_MOST_THREADS = 4096


def prepare_tensorflow(work: Path, task: Path) -> None:
    """Set the environment that TensorFlow and Keras read when they are imported, and note the threads in the task.

    Sums are shared out among the threads, so their number decides how weights are rounded: a task that goes on where
    there are more or fewer processors keeps the number that it began with.

    Args:
        work: a writable folder, since the pod's home is not.
        task: the task's folder in the store.

    Raises:
        OSError: the number cannot be noted.
    """
    number = _noted(task / _THREADS)
    if number is None:
        number = threads() or str(cpu_count())
        write_atomically(task / _THREADS, number.encode())
    os.environ[_INTRAOP] = number
    os.environ.setdefault(_INTEROP, number)
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # else TensorFlow takes the whole GPU at its start
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("KERAS_HOME", str(work / "keras"))


def threads() -> str:
    """Return how many threads TensorFlow shares a sum out to, as `prepare_tensorflow` said; empty: nobody did."""
    return os.environ.get(_INTRAOP, "")


def _noted(file: Path) -> str | None:
    """Return the number of threads that an earlier attempt noted, or None where there is none that can be used."""
    try:
        number = int(file.read_bytes())
    except (OSError, ValueError):
        return None
    return str(number) if 0 < number <= _MOST_THREADS else None


def cpu_count(limit_file: Path = _CPU_LIMIT) -> int:
    """Return the processors that this process may keep busy: more threads than that are only throttled.

    Args:
        limit_file: `cpu.max` of the control group: microseconds or `max`, and the period that they are granted for.
    """
    available = len(os.sched_getaffinity(0))
    try:
        quota, period = limit_file.read_text().split()
        return max(1, min(available, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no such file, or `max`
        return available


def memory_bytes(*limit_files: Path) -> int:
    """Return how much memory this process can have at most: it is ended where it takes more.

    Args:
        limit_files: where the limit of the control group may stand: bytes or `max`. Default: where it does in a pod.
    """
    found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for file in limit_files or _MEMORY_LIMITS:
        with suppress(OSError, ValueError):  # no such file, or `max`
            found = min(found, int(file.read_text()))
    return found


def room_for_examples(*limit_files: Path) -> int:
    """Return how many bytes the examples may take: half of what is free, since checking them takes as much again.

    TensorFlow's own share is kept free, also where a task does without it: all tasks of a workflow read alike.

    Args:
        limit_files: as above.
    """
    page = os.sysconf("SC_PAGE_SIZE")
    found = [page * int(count) for count in Path("/proc/self/statm").read_text().split()]
    addressed, resident, own = found[0], found[1], found[5]
    free = [memory_bytes(*limit_files) - resident]
    for limit, taken in ((resource.RLIMIT_AS, addressed), (resource.RLIMIT_DATA, own)):
        most, _ = resource.getrlimit(limit)
        if most != resource.RLIM_INFINITY:
            free.append(most - taken)
    coming = 0 if "tensorflow" in sys.modules else _TENSORFLOW
    return max(0, (min(free) - coming) // 2)
