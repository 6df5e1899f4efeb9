"""`idla conform`: whether a trainer keeps the contract, reported to people and to programs."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from idla_contract.problem import METRICS, Problem, TaskType
from idla_contract.task import ModelSpec

from idla.library import built_in_library
from idla.local.conform.checks import CHECKS, SERVED, Check
from idla.local.conform.examples import KINDS, write_examples
from idla.local.conform.subject import Subject
from idla.local.errors import LocalError, UsageError
from idla.local.trainer import Trainer, find_trainer
from idla.report.exit_status import ExitCode

_IMAGE = "conform"


@dataclass(frozen=True, slots=True)
class _Finding:
    """What came of a check."""

    check: Check
    broken: tuple[str, ...]
    seconds: float


def conform(options: argparse.Namespace) -> int:
    """Carry out the command; return its exit code."""
    try:
        subject = _subject(options)
        checks = _select_checks(options.only, served=subject.server is not None)
        findings = [_print_finding(_run_check(check, subject)) for check in checks]
    except (LocalError, OSError) as error:
        sys.stderr.write(f"idla: {error}\n")
        return int(error.code if isinstance(error, LocalError) else ExitCode.USAGE)
    broken = sum(1 for finding in findings if finding.broken)
    print(f"{len(findings) - broken} of {len(findings)} hold; logs are in {subject.paths().logs}")
    if options.json:
        print(json.dumps({"holds": not broken, "checks": [_document(finding) for finding in findings]}))
    return int(ExitCode.FAILED if broken else ExitCode.DONE)


def _subject(options: argparse.Namespace) -> Subject:
    kinds = [kind.value for kind in KINDS]
    if options.task not in kinds:
        raise UsageError(f"--task is {options.task!r}; allowed are {', '.join(kinds)}")
    kind, output = TaskType(options.task), options.output.resolve()
    if output.exists() and any(output.iterdir()):
        raise UsageError(f"--output {output} is not empty; results of an earlier trial would be found again in it")
    (output / "data").mkdir(parents=True)
    server = _server(needed=not options.words)
    trainer = Trainer(python=sys.executable, image=_IMAGE, command=tuple(options.words)) if options.words else server
    if trainer is None:
        raise UsageError("there is nothing to try; give a command behind `--`")
    return Subject(
        trainer=trainer,
        server=server,
        output=output,
        problem=Problem(type=kind, metric=METRICS[kind][0]),
        model=_model(kind, options.builder),
        data=write_examples(output / "data", kind),
    )


def _server(*, needed: bool) -> Trainer | None:
    """Return this machine's trainer, which has the server too, or None where there is none and none is needed."""
    try:
        return find_trainer()
    except UsageError:
        if needed:
            raise
        return None


def _model(kind: TaskType, builder: str | None) -> ModelSpec:
    """Return the named network with its own defaults, or the smallest of the library for a kind of task."""
    if builder is not None:
        return ModelSpec(template=_IMAGE, builder=builder)
    able = [entry for entry in built_in_library() if kind in entry.spec.tasks]
    smallest = min(able, key=lambda entry: entry.spec.profile.parameters)
    hyperparameters = {setting.name: setting.value for setting in smallest.spec.hyperparameters}
    return ModelSpec(template=smallest.name, builder=smallest.spec.builder, hyperparameters=hyperparameters)


def _select_checks(only: Sequence[str], *, served: bool) -> list[Check]:
    known = {check.name: check for check in CHECKS}
    unknown = [name for name in only if name not in known]
    if unknown:
        raise UsageError(f"--only is {unknown[0]!r}; the checks are {', '.join(known)}")
    chosen = [check for check in CHECKS if not only or check.name in only]
    return [check for check in chosen if served or check is not SERVED]


def _run_check(check: Check, subject: Subject) -> _Finding:
    began = time.monotonic()
    return _Finding(check, tuple(check.broken(subject)), time.monotonic() - began)


def _print_finding(finding: _Finding) -> _Finding:
    word = "BROKEN" if finding.broken else "holds "
    print(f"{word}  {finding.check.name:<16} {finding.check.promise} ({finding.seconds:.1f} s)")
    for problem in finding.broken:
        print(f"        {problem}")
    sys.stdout.flush()
    return finding


def _document(finding: _Finding) -> dict[str, object]:
    return {"name": finding.check.name, "promise": finding.check.promise, "broken": list(finding.broken)}
