import dataclasses

from idla.builders.claim import build_artifact_claim
from idla.builders.egress import Egress
from idla.builders.identity import Owner
from idla.builders.serving import ServedModel, build_deployment, build_service

OWNER = Owner(kind="ModelDeployment", name="digits", namespace="vision", uid="u-1")
DIGEST = "sha256:" + "0a" * 32
MODEL = ServedModel(
    uri="pvc://digits-artifacts/models/x", digest=DIGEST, claim="digits-artifacts", image="idla/server:dev",
    pull_policy="IfNotPresent", replicas=2,
)  # fmt: skip


def test_the_service_finds_the_pods_of_the_deployment() -> None:
    deployment, service = build_deployment(OWNER, MODEL), build_service(OWNER)
    pod_labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert (
        service["spec"]["selector"]
        == deployment["spec"]["selector"]["matchLabels"]
        == {"idla.dev/deployment": "digits"}
    )
    assert service["spec"]["selector"].items() <= pod_labels.items()


def test_a_replaced_model_never_leaves_fewer_pods_answering() -> None:
    strategy = build_deployment(OWNER, MODEL)["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}


def test_only_the_fetch_sees_the_claim_and_only_for_reading() -> None:
    pod = build_deployment(OWNER, MODEL)["spec"]["template"]["spec"]
    store = {"name": "store", "mountPath": "/data", "readOnly": True}
    assert store in pod["initContainers"][0]["volumeMounts"]
    assert store not in pod["containers"][0]["volumeMounts"]
    without = build_deployment(OWNER, dataclasses.replace(MODEL, claim=None))["spec"]["template"]["spec"]
    assert [volume["name"] for volume in without["volumes"]] == ["model", "tmp"]


def test_only_the_fetch_has_the_way_out() -> None:
    egress = Egress(allowed_hosts="models.corp.example", ca_config_map="corp-ca")
    pod = build_deployment(OWNER, dataclasses.replace(MODEL, egress=egress))["spec"]["template"]["spec"]
    assert pod["initContainers"][0]["env"] == [
        {"name": "IDLA_ALLOWED_HOSTS", "value": "models.corp.example"},
        {"name": "IDLA_CA_FILE", "value": "/etc/idla-ca/ca.crt"},
    ]
    assert "env" not in pod["containers"][0]
    assert [volume["name"] for volume in pod["volumes"]] == ["model", "tmp", "store", "ca"]


def test_kubernetes_does_not_expand_a_uri() -> None:
    model = dataclasses.replace(MODEL, uri="https://models.example/$(SECRET)")
    arguments = build_deployment(OWNER, model)["spec"]["template"]["spec"]["initContainers"][0]["args"]
    assert "https://models.example/$$(SECRET)" in arguments


def test_artifacts_outlive_their_workflow() -> None:
    owner = dataclasses.replace(OWNER, kind="TrainingWorkflow")
    claim = build_artifact_claim(owner, "digits-artifacts", mebibytes=2048, storage_class=None)
    assert "ownerReferences" not in claim["metadata"]
    assert claim["spec"] == {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2048Mi"}}}
