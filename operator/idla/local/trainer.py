"""The Python that carries out tasks: whether it can, and which code it has."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from idla.local.errors import UsageError

PYTHON = "IDLA_TRAINER_PYTHON"
SAMPLES = "IDLA_SAMPLES"
_PROBE = """
import hashlib, importlib.metadata, importlib.util, pathlib, sys
digest = hashlib.sha256()
for name in ("idla_contract", "idla_preprocess", "idla_store", "idla_artifact", "idla_server", "idla_trainer"):
    found = importlib.util.find_spec(name)
    if found is None:
        sys.exit(f"it has no module {name}")
    root = pathlib.Path(next(iter(found.submodule_search_locations)))
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
for point in sorted(importlib.metadata.entry_points(group="idla.builders"), key=lambda point: point.name):
    digest.update(f"{point.name}={point.value}".encode())
    found = importlib.util.find_spec(point.module.partition(".")[0])
    roots = [] if found is None else [pathlib.Path(root) for root in found.submodule_search_locations or ()]
    files = [pathlib.Path(found.origin)] if found is not None and found.origin and not roots else []
    for path in sorted([*files, *(path for root in roots for path in root.rglob("*.py"))]):
        digest.update(path.read_bytes())
for name in ("tensorflow", "tensorflow-cpu", "keras", "numpy", "ai-edge-litert"):
    try:
        digest.update(f"{name}=={importlib.metadata.version(name)}".encode())
    except importlib.metadata.PackageNotFoundError:
        pass
print(digest.hexdigest()[:16])
"""
_PATIENCE_SECONDS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainer:
    """What runs tasks."""

    python: str
    image: str
    """Stands for the trainer's image: another code is another image, so that no result of older code is reused."""
    command: tuple[str, ...] = ()
    """What is started with the options of a task; default: the trainer of `python`."""

    @property
    def words(self) -> tuple[str, ...]:
        """Return the command line of a task, without its options."""
        return self.command or (self.python, "-I", "-m", "idla_trainer")


def find_trainer(environment: Mapping[str, str] = os.environ) -> Trainer:
    """Return the trainer of the Python that IDLA_TRAINER_PYTHON names, by default of this one.

    Raises:
        UsageError: it is not there, or has not what a trainer needs.
    """
    python = environment.get(PYTHON) or sys.executable
    remedy = f"install idla-trainer there, or set {PYTHON} to a Python that has it"
    try:
        # The interpreter is the user's own choice, as the command itself is.
        # Its own session: Ctrl-C ends this command and says so, not that the interpreter cannot run tasks.
        found = subprocess.run(  # noqa: S603
            [python, "-I", "-c", _PROBE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
            start_new_session=True,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"{python} cannot run tasks ({error}); {remedy}") from error
    if found.returncode != 0:
        said = (found.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise UsageError(f"{python} cannot run tasks ({said}); {remedy}")
    return Trainer(python=python, image=f"local/idla-trainer:{found.stdout.strip()}")


def samples_folder(default: str, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder behind `sample://`: IDLA_SAMPLES, by default the one of the trainer's image."""
    return Path(environment.get(SAMPLES) or default)
