from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.manifests.argocd_health import CUSTOMIZATIONS, health

ROOT = Path(__file__).parents[3]
KINDS = ("TrainingWorkflow", "ModelDeployment")


def upstream_cases() -> list[Any]:
    """Return the cases in the format of Argo CD's own repository."""
    return [
        pytest.param(CUSTOMIZATIONS / kind / case["inputPath"], case["healthStatus"], id=f"{kind} {case['inputPath']}")
        for kind in KINDS
        for case in yaml.safe_load((CUSTOMIZATIONS / kind / "health_test.yaml").read_text())["tests"]
    ]


@pytest.mark.parametrize(("path", "expected"), upstream_cases())
def test_the_health_of_an_example(path: Path, expected: dict[str, str]) -> None:
    assert health(yaml.safe_load(path.read_text())) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_every_example_is_tried(kind: str) -> None:
    tried = {
        case["inputPath"] for case in yaml.safe_load((CUSTOMIZATIONS / kind / "health_test.yaml").read_text())["tests"]
    }
    assert tried == {f"testdata/{path.name}" for path in (CUSTOMIZATIONS / kind / "testdata").iterdir()}


def test_the_configuration_for_argo_cd_holds_the_same_scripts() -> None:
    data = yaml.safe_load((ROOT / "manifests/argocd/argocd-cm.yaml").read_text())["data"]
    scripts = {
        f"resource.customizations.health.idla.dev_{kind}": (CUSTOMIZATIONS / kind / "health.lua").read_text()
        for kind in KINDS
    }
    ignored = {
        f"resource.customizations.ignoreResourceUpdates.idla.dev_{kind}": "jsonPointers:\n- /status\n" for kind in KINDS
    }
    assert data == scripts | ignored


def test_the_applications_sync_in_order_and_compare_on_the_server() -> None:
    applications = {
        entry["metadata"]["name"]: entry
        for entry in yaml.safe_load_all((ROOT / "manifests/argocd/applications.yaml").read_text())
    }
    annotations = {name: entry["metadata"]["annotations"] for name, entry in applications.items()}
    compare = {"argocd.argoproj.io/compare-options": "ServerSideDiff=true"}
    assert annotations == {
        "idla": {"argocd.argoproj.io/sync-wave": "0", **compare},
        "idla-workloads": {"argocd.argoproj.io/sync-wave": "10", **compare},
    }
    for entry in applications.values():
        assert (ROOT / entry["spec"]["source"]["path"]).is_dir()
        assert "ServerSideApply=true" in entry["spec"]["syncPolicy"]["syncOptions"]
    assert "SkipDryRunOnMissingResource=true" in applications["idla-workloads"]["spec"]["syncPolicy"]["syncOptions"]
