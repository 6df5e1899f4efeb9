"""kubectl as the user has it: one executable, one kubeconfig, one namespace."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast


class KubectlError(RuntimeError):
    """kubectl refused, failed or is not there; the message is what it said."""


class Kubectl:
    """Runs kubectl in one namespace, under the user's own rights."""

    def __init__(self, binary: Path, kubeconfig: Path, namespace: str, *, patience_seconds: float = 300.0) -> None:
        """Bind the cluster.

        Args:
            binary: the executable; a name without a folder is looked for on PATH.
            kubeconfig: with the current context.
            namespace: need not exist yet.
            patience_seconds: after which a command is given up.
        """
        self.binary = binary
        self.kubeconfig = kubeconfig
        self.namespace = namespace
        self.patience_seconds = patience_seconds
        self._words = [str(binary), "--kubeconfig", str(kubeconfig), "--namespace", namespace]

    def __call__(self, *words: str, stdin: str | None = None, seconds: float | None = None) -> str:
        """Return what kubectl printed.

        Args:
            words: behind the options that name the cluster.
            stdin: what it reads.
            seconds: after which it is given up. Default: the patience of all commands.

        Raises:
            KubectlError: it cannot be started, exited with another status than 0, or took too long.
        """
        command, limit = f"kubectl {' '.join(words)}", self.patience_seconds if seconds is None else seconds
        try:
            done = subprocess.run(  # noqa: S603  # the user's own kubectl
                [*self._words, *words], input=stdin, capture_output=True, text=True, check=False, timeout=limit
            )
        except subprocess.TimeoutExpired as error:
            raise KubectlError(f"{command}: no answer in {limit:.0f} s") from error
        except OSError as error:
            raise KubectlError(f"{command}: {error}; install kubectl or name another one") from error
        if done.returncode != 0:
            raise KubectlError(f"{command}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def patiently(self, *words: str) -> str:
        """Run what waits by itself, as `wait` or `rollout status` does, for as long as patience lasts."""
        limit = self.patience_seconds
        return self(*words, f"--timeout={limit:.0f}s", seconds=limit + 60)

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
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603
        try:
            found = re.search(r":(\d+) ->", cast("IO[str]", process.stdout).readline())
            if found is None:
                raise KubectlError(f"kubectl port-forward {target}: {process.communicate()[1].strip()}")
            yield f"http://127.0.0.1:{found.group(1)}"
        finally:
            process.terminate()
            process.communicate()
