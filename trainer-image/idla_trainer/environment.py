"""What a training runs on, for the lineage: where any of it differs, equal seeds may give other weights."""

import importlib.metadata
import platform
from pathlib import Path

from idla_trainer.runtime_limits import threads

_PACKAGES = {
    "idla-trainer": ("idla-trainer",),
    "tensorflow": ("tensorflow-cpu", "tensorflow"),
    "keras": ("keras",),
    "numpy": ("numpy",),
    "ai-edge-litert": ("ai-edge-litert",),
}
_PROCESSORS = Path("/proc/cpuinfo")
_LONGEST = 128
UNKNOWN = "unknown"


def describe_environment(processors: Path = _PROCESSORS) -> dict[str, str]:
    """Return the versions of Python and of the packages, the processor's model and the number of threads, by name.

    Args:
        processors: the kernel's list of processors; where it names none, the machine's kind stands for it.
    """
    found = {name: _version(*distributions) for name, distributions in _PACKAGES.items()}
    return found | {
        "python": platform.python_version(),
        "processor": _processor(processors)[:_LONGEST],
        "threads": threads()[:_LONGEST] or UNKNOWN,
    }


def _version(*distributions: str) -> str:
    for name in distributions:
        try:
            return importlib.metadata.version(name)[:_LONGEST]
        except importlib.metadata.PackageNotFoundError:
            continue
    return UNKNOWN


def _processor(file: Path) -> str:
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.machine() or UNKNOWN
