"""What TensorFlow must know about the pod before it is imported."""

import math
import os
from pathlib import Path

_CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")
_MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")


def prepare_tensorflow(work: Path) -> None:
    """Set the environment that TensorFlow and Keras read when they are imported.

    Args:
        work: a writable folder, since the pod's home is not.
    """
    threads = str(cpu_count())
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", threads)
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", threads)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("KERAS_HOME", str(work / "keras"))


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


def memory_bytes(limit_file: Path = _MEMORY_LIMIT) -> int:
    """Return how much memory this process can have at most: it is ended where it takes more.

    Args:
        limit_file: `memory.max` of the control group: bytes or `max`.
    """
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(machine, int(limit_file.read_text()))
    except (OSError, ValueError):  # no such file, or `max`
        return machine
