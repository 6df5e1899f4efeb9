"""What users say of pods is added to what the operator says, and replaces nothing of it."""

from typing import Any

import pytest
from idla.api.pod_template import PodTemplate
from idla.builders.pod_template import build_pod_template

OURS = {"labels": {"idla.dev/managed": "true"}, "annotations": {"prometheus.io/port": "9090"}}
KEPT_OUT = {
    "labels": {"sidecar.istio.io/inject": "false"},
    "annotations": {"sidecar.istio.io/inject": "false", "linkerd.io/inject": "disabled"},
}
DEVICE = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
SPEC = {"restartPolicy": "Never"}


@pytest.mark.parametrize(
    ("said", "labels", "annotations"),
    [
        pytest.param(None, KEPT_OUT["labels"], KEPT_OUT["annotations"], id="nothing"),
        pytest.param(
            {"labels": {"team": "vision"}, "annotations": {"example.com/note": "x"}},
            {**KEPT_OUT["labels"], "team": "vision"},
            {**KEPT_OUT["annotations"], "example.com/note": "x"},
            id="of other things",
        ),
        pytest.param(
            {"annotations": {"sidecar.istio.io/inject": "true"}},
            {},
            {"linkerd.io/inject": "disabled", "sidecar.istio.io/inject": "true"},
            id="Istio by an annotation",
        ),
        pytest.param(
            {"labels": {"sidecar.istio.io/inject": "true"}, "annotations": {"linkerd.io/inject": "enabled"}},
            {"sidecar.istio.io/inject": "true"},
            {"linkerd.io/inject": "enabled"},
            id="Istio by a label, and Linkerd",
        ),
    ],
)
def test_sidecars_are_kept_out_unless_the_user_speaks_of_them(
    said: dict[str, Any] | None, labels: dict[str, str], annotations: dict[str, str]
) -> None:
    given = None if said is None else PodTemplate.model_validate({"metadata": said})
    made = build_pod_template(given, metadata=OURS, spec=SPEC, without_sidecars=True)
    assert made == {
        "metadata": {"labels": labels | OURS["labels"], "annotations": annotations | OURS["annotations"]},
        "spec": SPEC,
    }


def test_where_sidecars_are_welcome_nothing_is_said_of_them() -> None:
    assert build_pod_template(None, metadata=OURS, spec=SPEC) == {"metadata": OURS, "spec": SPEC}


SETTINGS = {
    "nodeSelector": {"pool": "gpu"}, "priorityClassName": "batch", "serviceAccountName": "trainer",
    "runtimeClassName": "nvidia", "imagePullSecrets": [{"name": "regcred"}],
    "tolerations": [{"key": "team", "value": "vision", "effect": "NoExecute", "tolerationSeconds": 60}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("said", "resources", "expected"),
    [
        pytest.param({}, ("cpu", "memory"), {}, id="nothing"),
        pytest.param({}, ("cpu", "nvidia.com/gpu", "nvidia.com/gpu"), {"tolerations": [DEVICE]}, id="a device"),
        pytest.param(SETTINGS, ("cpu",), {**SETTINGS, "serviceAccount": "trainer"}, id="everything"),
        pytest.param(
            SETTINGS,
            ("nvidia.com/gpu",),
            {**SETTINGS, "serviceAccount": "trainer", "tolerations": [*SETTINGS["tolerations"], DEVICE]},
            id="everything and a device",
        ),
        pytest.param({"tolerations": [DEVICE]}, ("nvidia.com/gpu",), {"tolerations": [DEVICE]}, id="a device twice"),
    ],
)
def test_where_pods_run(said: dict[str, Any], resources: tuple[str, ...], expected: dict[str, Any]) -> None:
    given = PodTemplate.model_validate({"spec": said})
    assert build_pod_template(given, metadata={}, spec=SPEC, resources=resources)["spec"] == {**SPEC, **expected}
