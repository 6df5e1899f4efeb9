"""`idla run --local` as the process that a person starts, with a stand-in for the trainer."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.local.orders import Desk, Note
from tools.waiting import PATIENCE, until

_IDLA = Path(sys.executable).with_name("idla")
_STAND_IN = Path(__file__).with_name("stand_in.py")
_SECONDS = re.compile(r"^ *\d+:\d\d  ", re.MULTILINE)
_HASH = re.compile(r"\b[0-9a-f]{10,64}\b")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: list[str]
    """Lines, without the time in front of them."""

    @property
    def document(self) -> dict[str, Any]:
        """Return what `--json` printed, which is all that stands on stdout."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


@dataclass(frozen=True)
class Running:
    """A command at work."""

    process: subprocess.Popen[bytes]
    files: tuple[Path, Path]

    def signal_as_a_terminal(self, number: signal.Signals = signal.SIGINT) -> None:
        """Send a signal to the command and to all that belongs to it, as Ctrl-C does."""
        os.killpg(self.process.pid, number)

    def said(self) -> str:
        """Return what stands on stderr."""
        return self.files[1].read_text()

    def ended(self) -> Ended:
        """Return how it ends."""
        code = self.process.wait(PATIENCE)
        out, err = (file.read_text() for file in self.files)
        return Ended(code, out, _SECONDS.sub("", err).splitlines())


@dataclass(frozen=True)
class Scene:
    """A folder with a workflow and a stand-in for the trainer."""

    root: Path

    @property
    def desk(self) -> Desk:
        """Return where the stand-in has its orders from."""
        return Desk(self.root)

    @property
    def output(self) -> Path:
        """Return the folder of the results."""
        return self.root / "out"

    @property
    def python(self) -> Path:
        """Return what IDLA_TRAINER_PYTHON names."""
        return self.root / "python"

    def prepare(self) -> None:
        """Write the stand-in and a workflow."""
        words = f'exec "{sys.executable}" -I "{_STAND_IN}" "{self.root}" "$@"'
        self.python.write_text(f"#!/bin/sh\n{words}\n")
        self.python.chmod(0o755)
        self.desk.give()
        self.write()

    def write(self, **spec: Any) -> None:
        """Write a workflow whose only candidate is vgg-small, with more in its spec."""
        document = {
            "apiVersion": "idla.dev/v1alpha1",
            "kind": "TrainingWorkflow",
            "metadata": {"name": "digits"},
            "spec": {
                "task": {"type": "ImageClassification"},
                "data": {"storageUri": "sample://digits"},
                "model": {"selection": "Shortlist", "templateRefs": [{"name": "vgg-small"}]},
                **spec,
            },
        }
        (self.root / "workflow.yaml").write_text(yaml.safe_dump(document))

    def run(self, *words: str, **environment: str) -> Ended:
        """Run the command to its end; the words are behind its own `--local -f workflow.yaml -o out`."""
        with self.running(*words, environment=environment) as command:
            return command.ended()

    def plan(self, *words: str) -> Ended:
        """Run `idla plan -f workflow.yaml` to its end."""
        with self.running(*words, command=("plan", "-f", "workflow.yaml")) as command:
            return command.ended()

    @contextmanager
    def running(
        self,
        *words: str,
        command: Sequence[str] = ("run", "--local", "-f", "workflow.yaml", "-o", "out"),
        ignored: Collection[signal.Signals] = (),
        environment: Mapping[str, str] | None = None,
    ) -> Iterator[Running]:
        """Run the command; what is left of it at the end of the block is ended.

        Args:
            words: behind the command's own.
            command: which one it is, with its file.
            ignored: the signals that its caller had ignored; no others, whoever started the tests.
            environment: changed variables.
        """
        number = sum(1 for _ in self.root.glob("*.err"))
        files = (self.root / f"{number}.out", self.root / f"{number}.err")

        def as_from_a_shell() -> None:
            for caught in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(caught, signal.SIG_IGN if caught in ignored else signal.SIG_DFL)

        with files[0].open("wb") as out, files[1].open("wb") as err:
            process = subprocess.Popen(
                [_IDLA, *command, *words],
                cwd=self.root,
                env={"PATH": os.environ["PATH"], "IDLA_TRAINER_PYTHON": str(self.python), **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
                preexec_fn=as_from_a_shell,  # noqa: PLW1509  # pytest's own threads fork nothing
            )
        try:
            yield Running(process, files)
        finally:
            for asked in (signal.SIGTERM, signal.SIGINT):  # the second one kills tasks that do not hear the first
                process.send_signal(asked)
            process.wait(PATIENCE)

    def noted(self, word: str, name: str) -> Note:
        """Return the last note of this kind, as soon as there is one."""
        return until(
            lambda: next(
                (note for note in reversed(self.desk.notes()) if (note.word, note.name) == (word, name)), None
            ),
            lambda: (f"{name} {word}", self.explain()),
            period=0.02,
        )

    def explain(self) -> Mapping[str, str]:
        """Return what was said and done, for the report of a failure."""
        said = [*self.root.glob("*.out"), *self.root.glob("*.err"), *self.output.glob("logs/*")]
        return {"story": ", ".join(self.story())} | {path.name: path.read_text() for path in sorted(said)}

    def let_go(self, name: str) -> None:
        """Let a task go on that holds."""
        os.kill(self.noted("holds", name).process, signal.SIGUSR1)

    def story(self) -> list[str]:
        """Return what the stand-ins did, in order."""
        return [f"{note.name} {note.word}" for note in self.desk.notes()]

    def files(self) -> set[str]:
        """Return what stands in the folder of the results, links and folders among it."""
        return {path.name for path in self.output.iterdir()} if self.output.exists() else set()

    def read(self, name: str) -> dict[str, Any]:
        """Return a document of the results."""
        found = json.loads((self.output / name).read_text())
        assert isinstance(found, dict)
        return found

    def plain(self, text: str) -> str:
        """Return a text without what differs from run to run."""
        return _HASH.sub("HASH", text.replace(str(self.root), "ROOT"))
