"""`python -m demo`: applies the sample on the cluster of `make cluster`, shows what happens, and checks the result."""

import json
import sys
from typing import Any

from idla.api.meta import ConditionStatus
from idla.api.reasons import WorkflowCondition
from idla.api.training_workflow_status import TrainingWorkflowStatus
from idla.cli.kubectl import Kubectl, KubectlError
from idla.core.conditions import find_condition
from idla.endpoint import Endpoint, EndpointError
from idla.report.narrate import narrate
from idla.report.terminal import Console
from idla_contract.task import DataSource

from demo.checks import Check, checks
from demo.digits import ascii_image, labels, request_of
from demo.measuring import measure
from tools.cluster.commands import ClusterError
from tools.cluster.places import REPOSITORY
from tools.installing import OPERATOR_NAMESPACE, commands, kubectl_in, run
from tools.waiting import PATIENCE, until

NAMESPACE = "idla-demo"
SAMPLE = REPOSITORY / "manifests" / "samples" / "digits.yaml"
METRIC = "accuracy"
_RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


def main() -> int:
    """Run the demonstration; return 0 where everything that is claimed was found to be so."""
    console = Console(sys.stdout)
    try:
        _install(console)
        kubectl = kubectl_in(NAMESPACE)
        name = _apply(kubectl, console)
        summary = _follow(kubectl, name, console)
        console.line(f"{summary.reason}: {summary.message}")
        if summary.status != "True":
            print(kubectl("describe", "trainingworkflow", name), file=sys.stderr)
            return 1
        return _prove(kubectl, name, console)
    except (KubectlError, ClusterError, EndpointError, AssertionError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


def _install(console: Console) -> None:
    kubectl = kubectl_in(OPERATOR_NAMESPACE)
    for command in commands():
        console.line(f"kubectl {' '.join(command)}")
        run(kubectl, command)


def _apply(kubectl: Kubectl, console: Console) -> str:
    if kubectl.get("namespace", NAMESPACE) is not None:
        console.line(f"the namespace {NAMESPACE} of an earlier demonstration goes first")
        kubectl.patiently("delete", "namespace", NAMESPACE, "--wait=true")
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": _RESTRICTED}})
    console.line(f"kubectl apply -n {NAMESPACE} -f manifests/samples/digits.yaml")
    for line in SAMPLE.read_text().splitlines():
        print(f"         {line}")
    applied: dict[str, Any] = json.loads(kubectl("apply", "--server-side", "--output=json", f"--filename={SAMPLE}"))
    return str(applied["metadata"]["name"])


def _follow(kubectl: Kubectl, name: str, console: Console) -> ConditionStatus:
    """Show what happens until the workflow has ended; return how."""
    seen = TrainingWorkflowStatus()

    def ended() -> ConditionStatus | None:
        nonlocal seen
        workflow = kubectl.get("trainingworkflow", name) or {}
        before, seen = seen, TrainingWorkflowStatus.model_validate(workflow.get("status", {}))
        narrate(console, METRIC, before, seen)
        summary = find_condition(seen.conditions, WorkflowCondition.SUCCEEDED)
        return summary if summary is not None and summary.status != "Unknown" else None

    return until(ended, lambda: f"see `kubectl describe twf {name}`", patience=6 * PATIENCE, period=1.0)


def _prove(kubectl: Kubectl, name: str, console: Console) -> int:
    workflow = kubectl.get("trainingworkflow", name)
    assert workflow is not None, f"somebody deleted {name}"
    status = workflow["status"]
    served, source = status["deploymentRef"]["name"], DataSource(uri=workflow["spec"]["data"]["storageUri"])
    console.line("the artifact is measured again, in a pod that only reads it")
    measured = measure(kubectl, image=status["plan"]["image"], source=source, uri=status["artifact"]["uri"])
    console.line(f"the endpoint gets the {len(measured.labels)} test examples; the first is")
    for line in ascii_image(measured.images[0], measured.maximum):
        print(f"         {line}")
    with kubectl.forward(f"service/{served}", 80) as url:
        answers = labels(Endpoint(url, served), measured.images)
    console.line(f"its answer: {answers[0]}")
    print()
    example = json.dumps(request_of(measured.images[:1]), separators=(",", ":"))
    command = Endpoint("http://localhost:8080", served).curl(example)
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
