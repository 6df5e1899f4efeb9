"""kubectl as a user has it: one binary, one kubeconfig, one namespace."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from tools.waiting import PATIENCE, until

T = TypeVar("T")
WORK = 3 * PATIENCE
"""Seconds for what takes minutes on a busy machine: a training, a replaced operator."""


class KubectlError(RuntimeError):
    """kubectl refused or failed; the message is what it said."""


class Kubectl:
    """Runs kubectl in one namespace."""

    def __init__(self, binary: Path, kubeconfig: Path, namespace: str) -> None:
        self.binary = binary
        self.kubeconfig = kubeconfig
        self.namespace = namespace
        self._words = [str(binary), "--kubeconfig", str(kubeconfig), "--namespace", namespace]

    def __call__(self, *words: str, stdin: str | None = None, seconds: float = PATIENCE) -> str:
        """Return what kubectl printed.

        Raises:
            KubectlError: it exited with another status than 0, or took longer than `seconds`.
        """
        try:
            done = subprocess.run(
                [*self._words, *words], input=stdin, capture_output=True, text=True, check=False, timeout=seconds
            )
        except subprocess.TimeoutExpired as error:
            raise KubectlError(f"kubectl {' '.join(words)}: no answer in {seconds:.0f} s") from error
        if done.returncode != 0:
            raise KubectlError(f"kubectl {' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def patiently(self, *words: str) -> str:
        """Run what waits by itself, as `wait` or `rollout status` does, for as long as patience lasts."""
        return self(*words, f"--timeout={PATIENCE:.0f}s", seconds=PATIENCE + 60)

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """Return an object, or None where there is none."""
        text = self("get", kind, name, "--ignore-not-found", "--output=json")
        found: dict[str, Any] | None = json.loads(text) if text.strip() else None
        return found

    def list(self, kind: str, *, selector: str = "") -> list[dict[str, Any]]:
        """Return the objects of a kind with these labels, in kubectl's order."""
        found: list[dict[str, Any]] = json.loads(self("get", kind, f"--selector={selector}", "--output=json"))["items"]
        return found

    def apply(self, *manifests: dict[str, Any]) -> None:
        """Apply objects on the server's side."""
        document = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
        self("apply", "--server-side", "--filename=-", stdin=document)

    @contextmanager
    def forward(self, target: str, port: int) -> Iterator[str]:
        """Forward a free port of this machine to `port` of e.g. `service/digits`; the value is the base URL.

        Raises:
            KubectlError: the forwarding ended before it began.
        """
        command = [*self._words, "port-forward", "--address=127.0.0.1", target, f":{port}"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            found = re.search(r":(\d+) ->", process.stdout.readline())
            if found is None:
                raise KubectlError(f"kubectl port-forward {target}: {process.stderr.read().strip()}")
            yield f"http://127.0.0.1:{found.group(1)}"
        finally:
            process.terminate()
            process.communicate()


def wait(check: Callable[[], T | None], what: Callable[[], object]) -> T:
    """Return what `check` returns as soon as that is true; the API server may be away meanwhile."""

    def look() -> T | None:
        try:
            return check()
        except KubectlError:
            return None

    return until(look, what, patience=WORK, period=0.5)
