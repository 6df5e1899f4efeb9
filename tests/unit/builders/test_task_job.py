import dataclasses
import json

import pytest
from idla.api.pod_template import TaskPodTemplate
from idla.builders.egress import Egress
from idla.builders.identity import Owner
from idla.builders.task_job import TaskPod, build_task_job, job_name
from idla_contract.task import Columns, DataSource, ProfileStep, TaskSpec

OWNER = Owner(kind="TrainingWorkflow", name="digits", namespace="vision", uid="u-1")
POD = TaskPod(image="idla/trainer:dev", pull_policy="IfNotPresent", store_claim="digits-artifacts")
SPEC = TaskSpec(
    workflow="digits", task="profile", content_hash="0123456789abcdef", data=DataSource(uri="sample://digits"),
    artifact_uri="pvc://digits-artifacts", steps=(ProfileStep(),),
)  # fmt: skip
TEMPLATE = TaskPodTemplate.model_validate({"metadata": {"labels": {"team": "vision"}}})


def test_the_spec_travels_with_the_job() -> None:
    job = build_task_job(OWNER, SPEC, POD, attempt=1, generation=1, suspend=False)
    annotation = job["spec"]["template"]["metadata"]["annotations"]["idla.dev/task-spec"]
    assert TaskSpec.model_validate_json(annotation) == SPEC


def test_the_pod_is_restricted_and_has_no_token() -> None:
    pod = build_task_job(OWNER, SPEC, POD, attempt=1, generation=1, suspend=False)["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert [container["securityContext"] for container in pod["containers"]] == [
        {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    ]


def test_what_a_repetition_cannot_mend_ends_the_job_and_a_disruption_costs_nothing() -> None:
    rules = build_task_job(OWNER, SPEC, POD, attempt=1, generation=1, suspend=False)["spec"]["podFailurePolicy"][
        "rules"
    ]
    assert rules == [
        {"action": "FailJob", "onExitCodes": {"containerName": "task", "operator": "In", "values": [10, 11]}},
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "Ignore", "onExitCodes": {"containerName": "task", "operator": "In", "values": [14]}},
    ]


def test_a_data_claim_is_mounted_for_reading_only() -> None:
    pod = dataclasses.replace(POD, data_claim="faces")
    spec = build_task_job(OWNER, SPEC, pod, attempt=1, generation=1, suspend=False)["spec"]["template"]["spec"]
    assert {"name": "data", "persistentVolumeClaim": {"claimName": "faces"}} in spec["volumes"]
    assert {"name": "data", "mountPath": "/data", "readOnly": True} in spec["containers"][0]["volumeMounts"]


def test_keys_of_remote_data_are_files_of_a_secret_that_may_be_missing() -> None:
    pod = dataclasses.replace(POD, data_secret="s3-read")
    spec = build_task_job(OWNER, SPEC, pod, attempt=1, generation=1, suspend=False)["spec"]["template"]["spec"]
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "ca.crt")
    keys = [{"key": name, "path": name} for name in names]
    volume = {"secretName": "s3-read", "optional": True, "defaultMode": 0o440, "items": keys}
    assert {"name": "data-secret", "secret": volume} in spec["volumes"]
    mount = {"name": "data-secret", "mountPath": "/etc/idla-data-secret", "readOnly": True}
    assert mount in spec["containers"][0]["volumeMounts"]
    assert "env" not in spec["containers"][0]


EGRESS = Egress(
    proxy="http://proxy.example:3128", no_proxy=".svc", allowed_hosts="data.corp.example", ca_config_map="corp-ca",
    ca_key="bundle.pem", proxy_secret="proxy-login",
)  # fmt: skip


def test_the_way_out_is_variables_a_config_map_and_a_secret_that_may_be_missing() -> None:
    pod = dataclasses.replace(POD, egress=EGRESS)
    spec = build_task_job(OWNER, SPEC, pod, attempt=1, generation=1, suspend=False)["spec"]["template"]["spec"]
    assert spec["containers"][0]["env"] == [
        {"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"},
        {"name": "NO_PROXY", "value": ".svc"},
        {"name": "IDLA_ALLOWED_HOSTS", "value": "data.corp.example"},
        {"name": "IDLA_CA_FILE", "value": "/etc/idla-ca/ca.crt"},
        {"name": "IDLA_PROXY_LOGIN", "value": "/etc/idla-proxy"},
    ]
    certificates = {"name": "corp-ca", "optional": True, "items": [{"key": "bundle.pem", "path": "ca.crt"}]}
    keys = [{"key": name, "path": name} for name in ("username", "password")]
    login = {"secretName": "proxy-login", "optional": True, "defaultMode": 0o440, "items": keys}
    assert spec["volumes"][-2:] == [{"name": "ca", "configMap": certificates}, {"name": "proxy-login", "secret": login}]
    assert spec["containers"][0]["volumeMounts"][-2:] == [
        {"name": "ca", "mountPath": "/etc/idla-ca", "readOnly": True},
        {"name": "proxy-login", "mountPath": "/etc/idla-proxy", "readOnly": True},
    ]


def test_what_was_begun_before_there_were_settings_keeps_its_name() -> None:
    assert job_name(OWNER, SPEC, POD, 1) == "digits-profile-046dcfadae"


@pytest.mark.parametrize(
    "other",
    [
        pytest.param((dataclasses.replace(OWNER, uid="u-2"), SPEC, POD, 1), id="a re-created workflow"),
        pytest.param((OWNER, SPEC.model_copy(update={"content_hash": "f" * 16}), POD, 1), id="other content"),
        pytest.param((OWNER, SPEC, dataclasses.replace(POD, image="idla/trainer:2"), 1), id="another image"),
        pytest.param((OWNER, SPEC, dataclasses.replace(POD, limits={"memory": "8Gi"}), 1), id="other resources"),
        pytest.param((OWNER, SPEC, dataclasses.replace(POD, data_secret="s3-read"), 1), id="keys of remote data"),
        pytest.param((OWNER, SPEC, dataclasses.replace(POD, egress=EGRESS), 1), id="another way out"),
        pytest.param(
            (OWNER, SPEC, dataclasses.replace(POD, egress=Egress(proxy="http://p:1", proxy_secret="x")), 1),
            id="a login",
        ),
        pytest.param((OWNER, SPEC, dataclasses.replace(POD, template=TEMPLATE), 1), id="words of the user"),
        pytest.param((OWNER, SPEC, POD, 2), id="another attempt"),
    ],
)
def test_whatever_changes_the_template_changes_the_name(other: tuple[Owner, TaskSpec, TaskPod, int]) -> None:
    owner, spec, pod, attempt = other
    assert job_name(owner, spec, pod, attempt) != job_name(OWNER, SPEC, POD, 1)


def test_a_login_is_a_part_of_the_name_where_there_is_one() -> None:
    before, after = (dataclasses.replace(EGRESS, proxy_secret=name) for name in (None, "proxy-login"))
    (identity,) = before.identity()
    assert identity == (
        "Egress(proxy='http://proxy.example:3128', no_proxy='.svc', allowed_hosts='data.corp.example', "
        "ca_config_map='corp-ca', ca_key='bundle.pem')"
    )
    assert after.identity() == (identity, "proxy-login")


def test_a_job_of_the_version_before_keeps_its_name() -> None:
    """Else an upgrade would let every waiting Job give way to another."""
    gpu = dataclasses.replace(POD, limits={"nvidia.com/gpu": "1"})
    empty = dataclasses.replace(gpu, template=TaskPodTemplate())
    assert [job_name(OWNER, SPEC, pod, 1) for pod in (POD, gpu, empty)] == [
        "digits-profile-046dcfadae", "digits-profile-8a95c5ce31", "digits-profile-8a95c5ce31",
    ]  # fmt: skip


def test_the_pods_are_as_the_user_wants_them_and_as_their_devices_need() -> None:
    pod = dataclasses.replace(POD, limits={"nvidia.com/gpu": "1"}, template=TEMPLATE)
    template = build_task_job(OWNER, SPEC, pod, attempt=1, generation=1, suspend=False)["spec"]["template"]
    device = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    assert (template["metadata"]["labels"], template["spec"]["tolerations"]) == (
        {
            "sidecar.istio.io/inject": "false", "team": "vision",
            "idla.dev/managed": "true", "idla.dev/workflow": "digits", "idla.dev/task": "profile",
        },
        [device],
    )  # fmt: skip
    assert template["spec"]["automountServiceAccountToken"] is False


def test_the_pod_is_told_where_a_sidecar_is_asked_to_end() -> None:
    template = TaskPodTemplate(sidecar_quit_url="http://localhost:4191/shutdown")
    pod = dataclasses.replace(POD, egress=EGRESS, template=template)
    spec = build_task_job(OWNER, SPEC, pod, attempt=1, generation=1, suspend=False)["spec"]["template"]["spec"]
    assert spec["containers"][0]["env"][-2:] == [
        {"name": "IDLA_PROXY_LOGIN", "value": "/etc/idla-proxy"},
        {"name": "IDLA_SIDECAR_QUIT_URL", "value": "http://localhost:4191/shutdown"},
    ]
    assert job_name(OWNER, SPEC, pod, 1) != job_name(OWNER, SPEC, dataclasses.replace(pod, template=None), 1)


def test_suspension_changes_nothing_but_itself() -> None:
    held = build_task_job(OWNER, SPEC, POD, attempt=1, generation=1, suspend=True)
    free = build_task_job(OWNER, SPEC, POD, attempt=1, generation=1, suspend=False)
    assert held["spec"].pop("suspend") is True
    assert free["spec"].pop("suspend") is False
    assert json.dumps(held) == json.dumps(free)


def test_a_spec_that_no_annotation_holds_is_refused() -> None:
    data = DataSource(uri="sample://digits", columns=Columns(features=("x" * 250,) * 1000))
    with pytest.raises(ValueError, match=r"task profile has .* bytes; at most 131072 fit"):
        build_task_job(OWNER, SPEC.model_copy(update={"data": data}), POD, attempt=1, generation=1, suspend=False)
