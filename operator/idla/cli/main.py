"""The command `idla`: its words, its help, its exit codes."""

import argparse
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from idla.report.exit_status import ExitCode

_DESCRIPTION = "IDLA chooses, trains, compresses and serves a model from data and a target."
_EPILOG = "See `idla COMMAND --help` for the options, files and exit codes of a command."
_RUN = """\
Carry out a TrainingWorkflow as processes on this machine: look at the data, choose models, train them, compress the
best, measure it on the test split and publish it, with the same task specs as in the cluster. Neither a cluster nor
root is needed.

The data may be sample://name, https://…, s3://bucket/key, a path (relative to the file) or file:///path; for
pvc://claim/path, --data names the folder that stands for the claim. ModelTemplates in the same file are added to
the library.
"""
_RUN_EPILOG = """\
folder of the results:
  DIR/model          the published artifact (a link), with its model card
  DIR/result.json    what --json prints
  DIR/workflow.json  the workflow with the status that the operator would write
  DIR/logs           the log of each task
  DIR/artifacts      the store: trainings, checkpoints, artifacts; the same command goes on from it

environment:
  IDLA_TRAINER_PYTHON  the Python that has idla-trainer and TensorFlow (default: the one that runs this command)
  IDLA_SAMPLES         the folder of the sample:// data sets (default: /opt/idla/samples)
  IDLA_ENCODERS        the folder of the pretrained encoders (default: /opt/idla/encoders)
  HTTPS_PROXY          http://host:port, or http://user:password@host:port, that https:// and s3:// data are fetched
                       through; NO_PROXY: hosts without it
  IDLA_CA_FILE         a file of certificates (PEM) to trust beside the public ones
  IDLA_ALLOWED_HOSTS   hosts and networks to fetch from although they are not public, with commas between them
  AWS_...              keys, region and endpoint of s3:// data, as the tools of AWS read them

exit codes:
{codes}
example:
  idla run --local -f workflow.yaml --output out --json | tail -n 1
"""


_PLAN = """\
Look at the data of a TrainingWorkflow and make its plan: how each column is read, what is noticed, and which models
would be trained. Nothing is trained and nothing is kept.

`data.columns` of the workflow says otherwise: roles by name, and `types: {column: Number, Category or Ignored}`.
"""
_CONFORM = """\
Check that a trainer's container keeps the contract, and name what it breaks. The command gets tasks on small generated
data, with the folders and files of a pod; its exit codes, answers and artifacts are checked.

The command is started once for each task, with the options of `python -m idla_trainer --help` behind its own words.
Without a command, the trainer of this machine is checked, and with --builder a network of your own.
"""
_CONFORM_EPILOG = """\
examples:
  idla conform -o dist/conform --task TabularClassification --builder perceptron
  idla conform -o /tmp/c -- docker run --rm --network host --volume /tmp/c:/tmp/c own/trainer:1 -I -m idla_trainer

environment:
  IDLA_TRAINER_PYTHON  the Python that has idla-trainer and its server (default: the one that runs this command)

exit codes:
    0  everything holds
    2  the command line is wrong, or nothing can be started
    6  something of the contract is broken
"""


def main(words: Sequence[str] | None = None) -> int:
    """Carry out a command line; return the exit code."""
    options = _parser().parse_args(words)
    from idla.cli.conform import conform
    from idla.cli.run import run

    return conform(options) if options.command == "conform" else run(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="idla", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("--version", action="version", version=f"idla {metadata.version('idla')}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, dest="command")
    _add_run(commands)
    _add_plan(commands)
    _add_conform(commands)
    return parser


def _add_plan(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    plan = commands.add_parser(
        "plan",
        help="how the data are understood and what would be trained, on this machine",
        description=_PLAN,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_workflow(plan)
    plan.set_defaults(output=None, jobs=1, approve=None, serve=False)


def _add_workflow(command: argparse.ArgumentParser) -> None:
    """Add which workflow is meant, and how it is reported."""
    command.add_argument("-f", "--file", required=True, metavar="FILE", help="the workflow's YAML; `-` reads stdin")
    command.add_argument("--name", help="which TrainingWorkflow of the file, where it holds several")
    command.add_argument("--data", type=Path, metavar="DIR", help="the folder that stands for the claim of pvc:// data")
    command.add_argument("--json", action="store_true", help="end stdout with one line: the result as a JSON object")
    command.add_argument("--quiet", action="store_true", help="no lines of progress on stderr")


def _add_run(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    run = commands.add_parser(
        "run",
        help="from a workflow's YAML to a published model, on this machine",
        description=_RUN,
        epilog=_RUN_EPILOG.format(codes="".join(f"  {code:>3}  {code.meaning}\n" for code in ExitCode)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.add_argument(
        "--local", action="store_true", required=True, help="on this machine; for a cluster, kubectl apply"
    )
    _add_workflow(run)
    run.add_argument(
        "-o", "--output", required=True, type=Path, metavar="DIR", help="folder of the results; made if missing"
    )
    run.add_argument("--jobs", type=_count, default=1, metavar="N", help="tasks at the same time (default: 1)")
    run.add_argument("--approve", metavar="HASH", help="the plan that may run, for `approval: Manual`")
    run.add_argument("--serve", action="store_true", help="then serve the model on 127.0.0.1 until Ctrl-C")


def _add_conform(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    conform = commands.add_parser(
        "conform",
        help="check that a trainer's image, or a network of your own, keeps the contract",
        description=_CONFORM,
        epilog=_CONFORM_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    conform.add_argument(
        "-o", "--output", required=True, type=Path, metavar="DIR", help="folder of stores and logs; empty or missing"
    )
    conform.add_argument(
        "--task", default="ImageClassification", metavar="TYPE", help="kind of task (default: ImageClassification)"
    )
    conform.add_argument("--builder", metavar="NAME", help="network that is trained (default: one of the library)")
    conform.add_argument("--only", action="append", default=[], metavar="CHECK", help="this check alone; repeatable")
    conform.add_argument("--json", action="store_true", help="end stdout with one line: the findings as a JSON object")
    conform.add_argument(
        "words", nargs="*", metavar="-- COMMAND", help="what is tried (default: this machine's trainer)"
    )


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 64:  # noqa: PLR2004  # more candidates than a plan can have
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to 64")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
