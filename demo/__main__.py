"""`python -m demo`: applies the sample on the cluster of `make cluster`, shows what happens, and checks the result."""

import json
import sys
import time
from typing import Any

from idla.api.training_workflow import TrainingWorkflowSpec
from idla.core.kube.references import deployment_name
from idla_contract.task import DataSource

from demo import endpoint, story
from demo.checks import Check, checks
from demo.measuring import measure
from tools.cluster.commands import ClusterError
from tools.cluster.places import REPOSITORY
from tools.installing import OPERATOR_NAMESPACE, commands, kubectl_in, run
from tools.kubectl import Kubectl, KubectlError
from tools.waiting import PATIENCE, until

NAMESPACE = "idla-demo"
SAMPLE = REPOSITORY / "manifests" / "samples" / "digits.yaml"
_RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


class Narrator:
    """Prints lines with the time since the start; on a terminal, progress stays in one line."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._live = sys.stdout.isatty()
        self._shown = ""

    def say(self, text: str = "") -> None:
        """Print a line."""
        self._clear()
        print(f"{self._clock()}  {text}" if text else "", flush=True)

    def show(self, text: str) -> None:
        """Show how far the work is: in place on a terminal, else as a line whenever the percentage changed."""
        if self._live:
            self._clear()
            print(f"{self._clock()}  {text}", end="\r", flush=True)
            self._shown = text
        elif text.partition("%")[0] != self._shown.partition("%")[0]:
            self._shown = text
            print(f"{self._clock()}  {text}", flush=True)

    def _clear(self) -> None:
        if self._live and self._shown:
            print("\x1b[2K", end="\r")
            self._shown = ""

    def _clock(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        return f"{minutes:>2}:{seconds:02}"


def main() -> int:
    """Run the demonstration; return 0 where everything that is claimed was found to be so."""
    narrator = Narrator()
    try:
        _install(narrator)
        kubectl = kubectl_in(NAMESPACE)
        name = _apply(kubectl, narrator)
        status = _follow(kubectl, name, narrator)
        return _prove(kubectl, name, status, narrator)
    except (KubectlError, ClusterError, AssertionError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


def _install(narrator: Narrator) -> None:
    kubectl = kubectl_in(OPERATOR_NAMESPACE)
    for command in commands():
        narrator.say(f"kubectl {' '.join(command)}")
        run(kubectl, command)


def _apply(kubectl: Kubectl, narrator: Narrator) -> str:
    if kubectl.get("namespace", NAMESPACE) is not None:
        narrator.say(f"the namespace {NAMESPACE} of an earlier demonstration goes first")
        kubectl.patiently("delete", "namespace", NAMESPACE, "--wait=true")
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": _RESTRICTED}})
    narrator.say(f"kubectl apply -n {NAMESPACE} -f manifests/samples/digits.yaml")
    for line in SAMPLE.read_text().splitlines():
        print(f"         {line}")
    applied: dict[str, Any] = json.loads(kubectl("apply", "--server-side", "--output=json", f"--filename={SAMPLE}"))
    return str(applied["metadata"]["name"])


def _follow(kubectl: Kubectl, name: str, narrator: Narrator) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    def ended() -> dict[str, Any]:
        nonlocal seen
        status: dict[str, Any] = (kubectl.get("trainingworkflow", name) or {}).get("status", {})
        for line in story.told(seen, status):
            narrator.say(line)
        seen = status
        if story.condition(status, "Succeeded").get("status") in ("True", "False"):
            return status
        if shown := story.progress(status):
            narrator.show(shown)
        return {}

    return until(ended, lambda: f"see `kubectl describe twf {name}`", patience=6 * PATIENCE, period=1.0)


def _prove(kubectl: Kubectl, name: str, status: dict[str, Any], narrator: Narrator) -> int:
    workflow = kubectl.get("trainingworkflow", name)
    if workflow is None or story.condition(status, "Succeeded").get("status") != "True":
        print(kubectl("describe", "trainingworkflow", name), file=sys.stderr)
        return 1
    spec = TrainingWorkflowSpec.model_validate(workflow["spec"])
    served = deployment_name(workflow)
    assert served is not None
    source = DataSource(uri=spec.data.storage_uri)
    narrator.say("the artifact is measured again, in a pod that only reads it")
    measured = measure(kubectl, image=status["plan"]["image"], source=source, uri=status["artifact"]["uri"])
    narrator.say(f"{len(measured.labels)} digits that no model has seen go to the endpoint; the first is")
    for line in endpoint.drawn(measured.images[0], measured.maximum):
        print(f"         {line}")
    with kubectl.forward(f"service/{served}", 80) as url:
        answers = endpoint.labels(url, served, measured.images)
    narrator.say(f"the endpoint says: {answers[0]}")
    narrator.say()
    command = endpoint.example("http://localhost:8080", served, measured.images[0])
    return _report(kubectl, served, command, list(checks(status, measured, answers)))


def _report(kubectl: Kubectl, served: str, command: str, found: list[Check]) -> int:
    for check in found:
        print(f"  {'holds ' if check.holds else 'BROKEN'}  {check.name}\n          {check.found}")
    print(f"\n{kubectl('get', 'trainingworkflows,modeldeployments')}")
    print("Try next (kubectl and its configuration are in .cluster/):")
    print("  export KUBECONFIG=$PWD/.cluster/kubeconfig PATH=$PWD/.cluster/bin:$PATH")
    print(f"  kubectl -n {NAMESPACE} describe twf {served}")
    print(f"  kubectl -n {NAMESPACE} port-forward service/{served} 8080:80 &")
    print(f"  {command}")
    print(f"  kubectl -n {NAMESPACE} delete twf {served}    # the endpoint and its artifact stay")
    print("  make cluster-down")
    return 0 if all(check.holds for check in found) else 1


if __name__ == "__main__":
    sys.exit(main())
