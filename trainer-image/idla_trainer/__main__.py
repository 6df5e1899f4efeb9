"""Carries out the task of a pod: `python -I -m idla_trainer`; every option's default is the contract's path."""

import argparse
import logging
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from idla_contract.exit_codes import ExitCode
from idla_contract.metrics import METRICS_PORT
from idla_contract.paths import (
    DATA_MOUNT,
    DATA_SECRET_MOUNT,
    ENCODERS_ROOT,
    SAMPLES_ROOT,
    STORE_MOUNT,
    TASK_SPEC_FILE,
    TERMINATION_LOG,
)
from idla_contract.result import TaskResult

from idla_trainer.failures import PreemptedError, TaskError, explain
from idla_trainer.preemption import Preemption
from idla_trainer.sidecars import quit_sidecar
from idla_trainer.steps.context import Places
from idla_trainer.task import Task, check_spec, read_spec
from idla_trainer.task_log import kept_in, start_logging

ENCODERS = "IDLA_ENCODERS"
"""Variable of the environment; a run on a developer's machine has no image."""
_log = logging.getLogger("idla_trainer")
_UNREAD = TaskResult(task="unknown", content_hash="unknown")
"""The answer to a spec that cannot be read."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out the task; return the exit code of the contract."""
    preemption = Preemption()
    options = _options(arguments)
    start_logging()
    with ExitStack() as log:
        task: Task | None = None
        try:
            preemption.install()
            spec = read_spec(options.spec)
            places = Places(
                store=options.store,
                data=options.data,
                samples=options.samples,
                work=options.work,
                secret=options.data_secret,
                encoders=options.encoders,
            )
            task = Task(spec, places, preemption)
            log.enter_context(kept_in(task.folder))
            check_spec(spec)
            task.run(options.metrics_port, options.metrics_address)
            preemption.settle()
            result, code = task.result, ExitCode.SUCCEEDED
        except BaseException as error:  # noqa: BLE001  # whatever happens, the pod gives an answer
            preemption.settle()
            result, code = _answer_to(error, task, preemption)
        _write_answer(options.termination_log, result)
        _log.info("%s (exit code %d)", code.name, code)
        quit_sidecar(os.environ)
    return int(code)


def _answer_to(error: BaseException, task: Task | None, preemption: Preemption) -> tuple[TaskResult, ExitCode]:
    so_far = _UNREAD if task is None else task.result
    if isinstance(error, PreemptedError) or (preemption.requested and not isinstance(error, TaskError)):
        _log.info("asked to end; what is finished is in the store")
        return so_far, ExitCode.PREEMPTED
    failure, code = explain(error, None if task is None else task.volumes)
    _log.error("%s: %s", failure.reason, failure.message, exc_info=error if code is ExitCode.INTERNAL else None)
    return so_far.model_copy(update={"failure": failure}), code


def _write_answer(path: Path, result: TaskResult) -> None:
    """Write the termination message in place: in a pod the file is a mount that cannot be replaced."""
    try:
        path.write_text(result.shortened().to_json())
    except OSError as error:
        _log.warning("the termination message cannot be written to %s (%s)", path, error)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="idla_trainer", description=__doc__)
    parser.add_argument("--spec", type=Path, default=Path(TASK_SPEC_FILE), help="the TaskSpec as JSON")
    parser.add_argument("--store", type=Path, default=Path(STORE_MOUNT), help="root of the artifact store")
    parser.add_argument("--data", type=Path, default=Path(DATA_MOUNT), help="where the claim of pvc:// data is mounted")
    parser.add_argument(
        "--data-secret", type=Path, default=Path(DATA_SECRET_MOUNT), help="folder with keys and ca.crt of remote data"
    )
    parser.add_argument("--samples", type=Path, default=Path(SAMPLES_ROOT), help="folder of the sample:// data sets")
    parser.add_argument(
        "--encoders",
        type=Path,
        default=Path(os.environ.get(ENCODERS) or ENCODERS_ROOT),
        help=f"folder of the pretrained encoders; default: that of {ENCODERS}, else the image's",
    )
    parser.add_argument("--termination-log", type=Path, default=Path(TERMINATION_LOG), help="file for the short result")
    parser.add_argument("--metrics-port", type=int, default=METRICS_PORT, help="port of /metrics; 0 for none")
    parser.add_argument("--metrics-address", default="0.0.0.0", help="address of /metrics")  # noqa: S104  # in a pod the others scrape it
    parser.add_argument(
        "--work",
        type=Path,
        default=Path("/tmp/idla"),  # noqa: S108  # the pod's only writable folder, on a volume of its own
        help="folder for what need not outlive the process",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
