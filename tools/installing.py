"""The operator of this checkout on the cluster of `make cluster`, or on the one that KUBECONFIG names."""

from pathlib import Path

from idla.cli.kubectl import Kubectl

from tools.cluster import existing, kind
from tools.cluster.places import REPOSITORY, Places
from tools.waiting import PATIENCE

OPERATOR_NAMESPACE = "idla-system"
_TIMEOUT = f"--timeout={PATIENCE:.0f}s"


def kubectl_in(namespace: str) -> Kubectl:
    """Return kubectl for the cluster, in a namespace that need not exist yet.

    Raises:
        ClusterError: `IDLA_CLUSTER=existing` and the cluster does not answer.
    """
    if existing.wanted():
        return Kubectl(Path("kubectl"), Path(existing.check()), namespace, patience_seconds=PATIENCE)
    places = Places.of()
    return Kubectl(places.shown / "bin" / "kubectl", places.kubeconfig, namespace, patience_seconds=PATIENCE)


def commands() -> tuple[tuple[str, ...], ...]:
    """Return what a user types, in order: the CRDs first, since the model library is of a kind that they bring."""
    overlay = "kind" if existing.wanted() or kind.usable() else "local"
    apply = ("apply", "--server-side", "--force-conflicts")
    deployment = "deployment/idla-operator"
    return (
        (*apply, "-k", "crds"),
        ("wait", "--for=condition=Established", "crd/modeltemplates.idla.dev", _TIMEOUT),
        (*apply, "-k", f"manifests/overlays/{overlay}"),
        # The images keep their tag `dev` when the code changes: only a restart takes the new ones.
        ("rollout", "restart", deployment),
        ("rollout", "status", deployment, _TIMEOUT),
    )


def run(kubectl: Kubectl, command: tuple[str, ...]) -> None:
    """Run one of `commands`, whose folders are relative to the repository.

    Args:
        kubectl: in OPERATOR_NAMESPACE.
        command: one of `commands()`.

    Raises:
        KubectlError: it failed.
    """
    words = [
        str(REPOSITORY / word) if before == "-k" else word
        for before, word in zip(("", *command), command, strict=False)
    ]
    kubectl(*words, seconds=PATIENCE + 60)
