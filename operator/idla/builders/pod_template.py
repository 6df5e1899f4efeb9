"""A pod template of ours with what users say of it; theirs is added, and replaces nothing."""

from collections.abc import Iterable, Mapping
from typing import Any

from idla.api.pod_template import PodTemplate

_ISTIO, _LINKERD = "sidecar.istio.io/inject", "linkerd.io/inject"
_KEPT_OUT = {"labels": {_ISTIO: "false"}, "annotations": {_ISTIO: "false", _LINKERD: "disabled"}}
"""What keeps sidecars out: of a label Istio is not even asked, and Linkerd and old Istio know annotations alone."""


def describe_template(given: PodTemplate | None) -> dict[str, Any]:
    """Return what a user says of pods as Kubernetes has it; empty for nothing."""
    return {} if given is None else given.model_dump(mode="json", by_alias=True, exclude_none=True)


def build_pod_template(
    given: PodTemplate | None,
    *,
    metadata: Mapping[str, Mapping[str, str]],
    spec: Mapping[str, Any],
    resources: Iterable[str] = (),
    without_sidecars: bool = False,
) -> dict[str, Any]:
    """Return a pod template.

    Args:
        given: what a user says of the pods, or None.
        metadata: the operator's own labels and annotations.
        spec: the operator's own, without any field that users may set.
        resources: names of what the pods ask for.
        without_sidecars: whether Istio and Linkerd are asked to inject none, where the user does not speak of it.
    """
    said = describe_template(given)
    added = said.get("metadata", {})
    named = {key for entries in added.values() for key in entries}
    tolerations = tolerations_of(given, resources)
    return {
        "metadata": {
            part: {
                **{key: value for key, value in _KEPT_OUT[part].items() if without_sidecars and key not in named},
                **added.get(part, {}),
                **entries,
            }
            for part, entries in metadata.items()
        },
        "spec": {
            **spec,
            **_with_old_name(said.get("spec", {})),
            **({"tolerations": tolerations} if tolerations else {}),
        },
    }


def _with_old_name(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said of pods, the ServiceAccount by its older name too.

    The API server fills that one in, and would keep the account by it when the newer one is no longer said.
    """
    account = settings.get("serviceAccountName")
    return dict(settings) | ({} if account is None else {"serviceAccount": account})


def tolerations_of(given: PodTemplate | None, resources: Iterable[str]) -> list[dict[str, Any]]:
    """Return the taints that pods tolerate: those that the user names, then those of the devices that they ask for.

    A device's taint is expected to have its name as key, as with the admission plugin ExtendedResourceToleration.

    Args:
        given: what a user says of the pods, or None.
        resources: names of what the pods ask for.
    """
    said: list[dict[str, Any]] = describe_template(given).get("spec", {}).get("tolerations", [])
    devices = sorted({name for name in resources if "/" in name})
    theirs = [{"key": name, "operator": "Exists", "effect": "NoSchedule"} for name in devices]
    return [*said, *(entry for entry in theirs if entry not in said)]
