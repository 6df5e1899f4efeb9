"""kubectl in a namespace of the end-to-end tests, which tells what goes on there when a test is red."""

from idla.cli.kubectl import Kubectl

from tests.red_reports import end_of, part

OPERATOR_LINES = 60
POD_LINES = 30
KINDS = ("trainingworkflows", "modeldeployments", "jobs", "pods")
SOON = "--request-timeout=30s"
"""An API server that does not answer must not hold the report up."""


class ExplainedKubectl(Kubectl):
    """As `kubectl`, and able to explain."""

    def __init__(self, kubectl: Kubectl, operator: Kubectl) -> None:
        super().__init__(
            kubectl.binary, kubectl.kubeconfig, kubectl.namespace, patience_seconds=kubectl.patience_seconds
        )
        self._operator = operator

    def explain(self) -> dict[str, str]:
        """Return what the operator, the pods and the events of the namespace say, and its objects."""
        told = _logs(self._operator, OPERATOR_LINES, "operator ") | _logs(self, POD_LINES, "")
        told["events"] = part(lambda: self("get", "events", "--sort-by=.lastTimestamp", SOON))
        told["pods"] = part(lambda: self("get", "pods", "--output=wide", SOON))
        for kind in KINDS:
            told[f"{kind} in whole"] = part(lambda kind=kind: self("get", kind, "--output=yaml", SOON))  # type: ignore[misc]
        return told


def _logs(kubectl: Kubectl, lines: int, whose: str) -> dict[str, str]:
    told: dict[str, str] = {}
    names = part(lambda: kubectl("get", "pods", "--output=name", SOON))
    for name in names.split():
        if not name.startswith("pod/"):
            return {f"{whose}pods": names}
        words = ("logs", name, "--all-containers", "--prefix", f"--tail={lines}", SOON)
        told[f"log of {whose}{name}"] = part(lambda words=words: end_of(kubectl(*words), lines))  # type: ignore[misc]
    return told
