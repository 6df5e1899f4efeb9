"""What is made of how kubectl ends, with a stand-in that does as it is told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from idla.cli.kubectl import Kubectl, KubectlError

ANSWER = '{"metadata": {"name": "digits"}}'


@pytest.fixture
def stand_in(tmp_path: Path) -> Callable[[str], Kubectl]:
    """Return a kubectl that runs a line of shell."""

    def make(shell: str) -> Kubectl:
        binary = tmp_path / "kubectl"
        binary.write_text(f"#!/bin/sh\n{shell}\n")
        binary.chmod(0o755)
        return Kubectl(binary, Path("config"), "here", patience_seconds=60)

    return make


CALLS: dict[str, tuple[str, Callable[[Kubectl], Any], Any]] = {
    "words behind cluster and namespace": (
        'echo "$@"', lambda kubectl: kubectl("get", "pods"), "--kubeconfig config --namespace here get pods\n",
    ),
    "what waits by itself is given the patience": (
        'echo "$5" "$6"', lambda kubectl: kubectl.patiently("wait"), "wait --timeout=60s\n",
    ),
    "stdin": ("cat", lambda kubectl: kubectl("apply", stdin="manifest"), "manifest"),
    "an object": (f"echo '{ANSWER}'", lambda kubectl: kubectl.get("twf", "digits"), {"metadata": {"name": "digits"}}),
    "no object": ("true", lambda kubectl: kubectl.get("twf", "digits"), None),
    "objects": (f"echo '{{\"items\": [{ANSWER}]}}'", lambda kubectl: len(kubectl.list("twf")), 1),
}  # fmt: skip


@pytest.mark.parametrize(("shell", "call", "expected"), CALLS.values(), ids=CALLS)
def test_what_kubectl_prints_is_returned(
    stand_in: Callable[[str], Kubectl], shell: str, call: Callable[[Kubectl], Any], expected: Any
) -> None:
    assert call(stand_in(shell)) == expected


@pytest.mark.parametrize(
    ("shell", "seconds", "message"),
    [
        pytest.param("echo no such thing >&2; exit 1", 60, "kubectl get pods: no such thing", id="it says why"),
        pytest.param("echo so it is; exit 1", 60, "kubectl get pods: so it is", id="it says so on stdout"),
        pytest.param("exec sleep 600", 0.1, "kubectl get pods: no answer in 0 s", id="it does not end"),
    ],
)
def test_a_failure_is_an_error_with_what_it_said(
    stand_in: Callable[[str], Kubectl], shell: str, seconds: float, message: str
) -> None:
    with pytest.raises(KubectlError) as refused:
        stand_in(shell)("get", "pods", seconds=seconds)
    assert str(refused.value) == message


def test_a_machine_without_kubectl_is_an_error_with_a_remedy() -> None:
    with pytest.raises(KubectlError, match="No such file or directory: '/absent'; install kubectl"):
        Kubectl(Path("/absent"), Path("config"), "here")("version")


def test_a_port_is_forwarded_for_a_block(stand_in: Callable[[str], Kubectl]) -> None:
    forwarding = stand_in("echo 'Forwarding from 127.0.0.1:4321 -> 8080'; exec sleep 600")
    with forwarding.forward("service/digits", 80) as url:
        assert url == "http://127.0.0.1:4321"
    with (
        pytest.raises(KubectlError, match="kubectl port-forward service/digits: no such service"),
        stand_in("echo no such service >&2").forward("service/digits", 80),
    ):
        pass
