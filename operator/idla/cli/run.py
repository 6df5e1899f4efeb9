"""`idla run --local` and `idla plan`: a workflow's way on this machine, reported to people and to programs."""

import argparse
import contextlib
import fcntl
import io
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from idla_contract.paths import SAMPLES_ROOT, artifact_folder

from idla.api.training_workflow import APPROVED_PLAN, Approval
from idla.api.training_workflow_status import TrainingWorkflowStatus
from idla.cli.signals import Signals
from idla.core.objects import read_spec
from idla.core.planning.requirements import resolve_requirements
from idla.core.reconciliation import Manifest
from idla.core.settings import Settings
from idla.core.snapshot import Template
from idla.library import built_in_library
from idla.local.errors import LocalError, UsageError
from idla.local.machine import GRACE_SECONDS, Machine
from idla.local.run import MEASURE_SECONDS, Run
from idla.local.serving import Server
from idla.local.task_process import RunPaths
from idla.local.trainer import Trainer, find_trainer, samples_folder
from idla.local.workflow_file import LocalWorkflow, read_workflow
from idla.report.document import Document, document_of, lines_of, refusal
from idla.report.exit_status import ExitCode
from idla.report.narrate import narrate
from idla.report.terminal import Console

RESULT, WORKFLOW, MODEL, LOCK = "result.json", "workflow.json", "model", ".lock"


def run(options: argparse.Namespace) -> int:
    """Carry out the command; return its exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a locale without ± must not cost the result
    command = _Command(options, Console(io.StringIO() if options.quiet else sys.stderr), time.monotonic())
    with Signals() as signals, tempfile.TemporaryDirectory() as unkept:
        options.output = options.output or Path(unkept)
        try:
            return command.go(signals)
        except LocalError as error:
            return command.refuse(str(error), error.reason, error.code)
        except OSError as error:
            return command.refuse(f"{error}; check space and permissions", "OutputUnusable", ExitCode.FAILED)
        except KeyboardInterrupt:
            return command.refuse("ended at once", "Interrupted", ExitCode.INTERRUPTED)


@dataclass(slots=True)
class _Command:
    """One call of the command."""

    options: argparse.Namespace
    console: Console
    began: float
    """Of the monotonic clock."""
    reported: bool = False
    """Whether the result stands on stdout: a second one would spoil it for programs."""

    def go(self, signals: Signals) -> int:
        """Run the workflow; serve it where that is asked for."""
        workflow = self._read()
        for note in workflow.notes:
            self.console.line(f"note: {note}")
        trainer = find_trainer()
        paths = RunPaths(output=self.options.output.resolve(), data=workflow.data, samples=samples_folder(SAMPLES_ROOT))
        with _lock_folder(paths.output):
            paths.make()
            document = self._work(workflow, paths, trainer, signals)
            served = document["artifact"] is not None and document["succeeded"] and not signals.came
            if not self.options.serve or not served:
                return self._end(document, paths)
            return self._serve(document, paths, trainer, signals)

    def refuse(self, message: str, reason: str, code: ExitCode) -> int:
        """Report why the run could not begin or go on; return the exit code."""
        self.console.close()
        sys.stderr.write(f"idla: {message}\n")
        if self.options.json and not self.reported:
            _write_line(refusal(message, reason=reason, code=int(code), seconds=time.monotonic() - self.began))
        return int(code)

    def _read(self) -> LocalWorkflow:
        given = self.options.file
        try:
            text = sys.stdin.read() if given == "-" else Path(given).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"--file {given} cannot be read ({error})") from error
        folder = Path.cwd() if given == "-" else Path(given).resolve().parent
        workflow = read_workflow(text, folder=folder, data=self.options.data, name=self.options.name)
        if self.options.command == "plan":
            workflow.manifest["spec"]["approval"] = Approval.PLAN_ONLY
        if self.options.approve:
            workflow.manifest["metadata"]["annotations"][APPROVED_PLAN] = self.options.approve
        return workflow

    def _work(self, workflow: LocalWorkflow, paths: RunPaths, trainer: Trainer, signals: Signals) -> Document:
        machine = Machine(paths, trainer, parallelism=self.options.jobs)
        workflow_run = Run(
            workflow=workflow.manifest,
            library=_library(workflow.templates),
            worker=machine,
            settings=Settings(
                trainer_image=trainer.image,
                server_image=trainer.image,
                progress_period_seconds=MEASURE_SECONDS,
                approve_command="the same command with --approve {plan}",
                has_nodes=False,
            ),
            on_change=partial(narrate, self.console, _metric(workflow.manifest)),
            stopped=lambda: signals.came,
        )
        try:
            status = workflow_run.go()
            if signals.came:
                self.console.line(
                    f"ending: tasks write their checkpoints, up to {GRACE_SECONDS:.0f} s; again ends at once"
                )
        finally:
            machine.stop()
        return self._record(workflow.manifest, status, paths)

    def _record(self, manifest: Manifest, status: TrainingWorkflowStatus, paths: RunPaths) -> Document:
        """Write what was reached beside the store."""
        document = document_of(
            str(manifest["metadata"]["name"]),
            status,
            metric=_metric(manifest),
            store=paths.store,
            seconds=time.monotonic() - self.began,
        )
        _replace(paths.output / WORKFLOW, json.dumps({**manifest, "status": status.to_status()}, indent=1))
        _replace(paths.output / RESULT, json.dumps(document, indent=1))
        if status.artifact is not None:
            _link(paths.output / MODEL, Path("artifacts", artifact_folder(status.artifact.digest)))
        return document

    def _serve(self, document: Document, paths: RunPaths, trainer: Trainer, signals: Signals) -> int:
        artifact = document["artifact"]
        server = Server(document["workflow"], Path(artifact["path"]), artifact["digest"], paths.output, trainer)
        try:
            server.wait_until_ready()
            document["serving"] = {"url": server.url, "curl": server.curl()}
            code = self._end(document, paths)
            sys.stderr.write(f"idla: serves at {server.url} until Ctrl-C; try\n  {server.curl()}\n")
            sys.stderr.flush()
            while not signals.came:
                if not server.runs():
                    return self.refuse(f"the server has ended; see {server.log}", "NotServed", ExitCode.FAILED)
                time.sleep(0.1)
        finally:
            server.end()
        return code

    def _end(self, document: Document, paths: RunPaths) -> int:
        self.console.close()
        self.reported = True
        lines = list(lines_of(document))
        if self.options.json:
            sys.stderr.write("".join(f"idla: {line}\n" for line in lines[:1]))
            _write_line(document)
        else:
            sys.stdout.write("".join(f"{line}\n" for line in [*lines, *self._place(paths)]))
            sys.stdout.flush()
        return int(document["exitCode"])

    def _place(self, paths: RunPaths) -> Sequence[str]:
        return () if self.options.command == "plan" else (f"results    {paths.output}",)


def _metric(manifest: Manifest) -> str:
    """Return by what the quality of a workflow's models is counted."""
    return resolve_requirements(read_spec(manifest), str(manifest["metadata"]["name"])).problem.metric


def _library(own: Sequence[Template]) -> tuple[Template, ...]:
    """Return the packaged templates with those of the file, which replace ones of the same name."""
    merged = {entry.name: Template(name=entry.name, spec=entry.spec) for entry in built_in_library()}
    merged |= {entry.name: entry for entry in own}
    return tuple(merged[name] for name in sorted(merged))


@contextlib.contextmanager
def _lock_folder(output: Path) -> Iterator[None]:
    """Hold the folder of the results: two runs in it would take each other's files away.

    Raises:
        UsageError: another run holds it.
    """
    output.mkdir(parents=True, exist_ok=True)
    with (output / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(f"another run works in {output}; wait for it, or choose another --output") from error
        yield


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(path)


def _link(path: Path, target: Path) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    partial.symlink_to(target)
    partial.replace(path)


def _write_line(document: Document) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()
