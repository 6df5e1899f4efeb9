from datetime import date
from typing import Any

import pytest
from idla.core.cluster.capacity import find_impossible_pod, find_missing_claim
from idla.core.objects import SpecError, read_deployment_spec, read_spec, read_status
from idla_contract.task import Split

from tests.unit.core.world import NODE, World, model_deployment, requirements


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"data": {"storageUri": "sample://digits", "label": "x"}},
            '`spec.data.label`: there is no such field; check its name and its place (found "x")',
            id="an unknown field",
        ),
        pytest.param(
            {"data": {"storageUri": "sample://digits", "missingValues": [-999, None]}},
            "`spec.data.missingValues.0`: must be text: put it in quotes (found -999); "
            "`spec.data.missingValues.1`: must be text: put it in quotes (found null)",
            id="numbers and null in a list of texts",
        ),
        pytest.param(
            {"task": {"type": "TabularClassification", "positiveLabel": date(2024, 1, 31)}},
            '`spec.task.positiveLabel`: must be text: put it in quotes; YAML reads it as a date (found "2024-01-31")',
            id="a date without quotes",
        ),
        pytest.param(
            {"data": {"storageUri": "sample://digits", "columns": {"features": "a"}}},
            '`spec.data.columns.features`: must be a list, such as [a, b] (found "a")',
            id="a text for a list",
        ),
        pytest.param(
            {"data": {"storageUri": "sample://digits", "columns": ["a"]}},
            '`spec.data.columns`: must be a mapping of fields (found ["a"])',
            id="a list for a mapping",
        ),
        pytest.param(
            {"data": {"storageUri": "sample://digits", "split": {"testPercent": 60, "validationPercent": 60}}},
            "`spec.data.split.trainPercent`: is missing",
            id="a field that is missing",
        ),
        pytest.param(
            {"data": {"storageUri": "sample://digits", "header": "yes"}},
            '`spec.data.header`: must be true or false (found "yes")',
            id="a text for a truth value",
        ),
        pytest.param(
            {"data": {"storageUri": "sample://digits", "delimiter": ";;"}},
            '`spec.data.delimiter`: must have at most 1 character (found ";;")',
            id="two delimiters",
        ),
        pytest.param(
            {"model": {"selection": "Pinned"}},
            "`spec.model`: `selection: Auto` takes no `templateRefs`, `Shortlist` at least one, `Pinned` exactly one"
            ' (found {"selection": "Pinned"})',
            id="a rule over two fields",
        ),
        pytest.param(
            {"data": {"storageUri": 'https://user:can"ary@data.example/x'}},
            "`spec.data.storageUri`: must be sample://name, pvc://claim/path, s3://bucket/key or https://host/path"
            " without spaces, user and password, the claim in lower-case letters, digits, `-` and `.`"
            ' (found "https://***@data.example/x")',
            id="a password in an address",
        ),
    ],
)
def test_a_refused_spec_names_field_value_and_rule(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError) as error:
        requirements(**changes)
    assert str(error.value) == message


def test_a_missing_spec_is_refused() -> None:
    with pytest.raises(SpecError, match=r"`spec.data`: is missing"):
        read_spec({"metadata": {}})
    with pytest.raises(SpecError, match=r"`spec.model`: is missing"):
        read_deployment_spec({"metadata": {}})


def test_a_deployment_that_names_two_models_is_refused() -> None:
    model = {"workflowRef": {"name": "x"}, "storageUri": "pvc://c/x", "digest": "sha256:" + "00" * 32}
    with pytest.raises(SpecError, match="give exactly one of `workflowRef` and `storageUri`"):
        read_deployment_spec(model_deployment(model=model))


@pytest.mark.parametrize(
    ("resources", "requests", "maxima"),
    [
        pytest.param(None, {"cpu": "500m", "memory": "1Gi"}, {"memory": "4Gi"}, id="defaults"),
        pytest.param(
            {"requests": {"memory": "8Gi"}},
            {"cpu": "500m", "memory": "8Gi"},
            {},
            id="a request ends both defaults",
        ),
        pytest.param(
            {"limits": {"memory": "512Mi"}},
            {"cpu": "500m"},
            {"memory": "512Mi"},
            id="a limit ends both defaults",
        ),
        pytest.param(
            {"limits": {"nvidia.com/gpu": "1"}},
            {"cpu": "500m", "memory": "1Gi"},
            {"memory": "4Gi", "nvidia.com/gpu": "1"},
            id="a device",
        ),
    ],
)
def test_what_a_training_pod_asks_for(
    resources: dict[str, Any] | None, requests: dict[str, str], maxima: dict[str, str]
) -> None:
    wanted = requirements(**({"resources": resources} if resources else {}))
    assert (wanted.training_pod.requests, wanted.training_pod.limits) == (requests, maxima)
    assert (wanted.cpu_only_pod.requests, wanted.cpu_only_pod.limits) == (
        requests, {name: amount for name, amount in maxima.items() if "/" not in name},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        pytest.param({"suspend": True}, True, id="suspend"),
        pytest.param({"approval": "Manual"}, True, id="approval"),
        pytest.param({"ttlSecondsAfterFinished": 1}, True, id="expiry"),
        pytest.param({"activeDeadlineSeconds": 1}, True, id="deadline"),
        pytest.param({"deployment": {"mode": "CreateOrUpdate"}}, True, id="deployment"),
        pytest.param({"training": {"maxEpochs": 1}}, False, id="training"),
        pytest.param({"objectives": []}, False, id="objectives"),
        pytest.param({"resources": {"requests": {"cpu": "1"}}}, False, id="resources"),
        pytest.param({"outputs": {"storageUri": "pvc://x"}}, False, id="outputs"),
    ],
)
def test_what_takes_effect_at_once(changes: dict[str, Any], same: bool) -> None:  # noqa: FBT001  # a table's column
    assert (requirements(**changes).digest == requirements().digest) is same


def test_thresholds_and_limits() -> None:
    target, minimum = {"metric": "accuracy", "target": "0.97"}, {"metric": "accuracy", "minimum": "0.9"}
    found = [requirements(objectives=entries).quality for entries in ([], [target], [minimum], [target | minimum])]
    assert [entry and (entry.target, entry.minimum) for entry in found] == [
        None, (0.97, 0.97), (None, 0.9), (0.97, 0.9),
    ]  # fmt: skip
    found_limits = requirements(constraints=[{"metric": "modelSizeMebibytes", "maximum": "0.5"}]).limits
    assert (found_limits.size_bytes, found_limits.latency_p95_milliseconds) == (524288, None)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param({}, Split(), id="none"),
        pytest.param(
            {"split": {"trainPercent": 70, "validationPercent": 15, "testPercent": 15, "seed": 7}},
            Split(train_percent=70, validation_percent=15, test_percent=15, seed=7),
            id="all",
        ),
        pytest.param(
            {"split": {"trainPercent": 90, "validationPercent": 10}, "testStorageUri": "pvc://c/test.csv"},
            Split(train_percent=90, validation_percent=10, test_percent=0),
            id="a test file needs no share",
        ),
    ],
)
def test_the_shares_of_the_examples(data: dict[str, Any], expected: Split) -> None:
    assert requirements(data={"storageUri": "pvc://c/d.csv", **data}).data.split == expected


def test_the_size_of_the_claim() -> None:
    outputs: list[dict[str, Any]] = [{}, {"size": "10G"}, {"size": "1Mi"}, {"storageUri": "pvc://x"}]
    assert [requirements(outputs=entry).artifact_mebibytes for entry in outputs] == [2048, 9537, 1, None]


SMALL: dict[str, Any] = {"metadata": {"name": "small"}, "status": {"allocatable": {"cpu": "16", "memory": "1Gi"}}}


@pytest.mark.parametrize(
    ("nodes", "resources", "message"),
    [
        pytest.param(None, {"limits": {"nvidia.com/gpu": "64"}}, None, id="nodes may not be seen"),
        pytest.param((NODE,), {"limits": {"nvidia.com/gpu": "2"}}, None, id="just fits"),
        pytest.param(
            (NODE,),
            {"limits": {"nvidia.com/gpu": "64"}},
            "`spec.resources`: no node has 64 nvidia.com/gpu; the largest has 2. Lower it or add such a node",
            id="GPUs",
        ),
        pytest.param(
            (SMALL,),
            {"limits": {"x/y": "1"}},
            "`spec.resources`: no node has 1 x/y; the largest has 0. Lower it or add such a node",
            id="a device nobody has",
        ),
        pytest.param(
            (NODE,),
            {"requests": {"cpu": "4500m"}},
            "`spec.resources`: no node has 4500m cpu; the largest has 4. Lower it or add such a node",
            id="CPU",
        ),
        pytest.param(
            (),
            None,
            "`spec.resources`: no node has 500m cpu; the cluster has no node. Lower it or add such a node",
            id="no nodes",
        ),
        pytest.param(
            (NODE, SMALL),
            {"requests": {"cpu": "8", "memory": "4Gi"}},
            "`spec.resources`: no node has 8 cpu and 4Gi memory at once. Lower it or add such a node",
            id="not on one node",
        ),
    ],
)
def test_impossible_pods(
    nodes: tuple[dict[str, Any], ...] | None, resources: dict[str, Any] | None, message: str | None
) -> None:
    found = find_impossible_pod(requirements(**({"resources": resources} if resources else {})).training_pod, nodes)
    assert (None if found is None else found.message) == message


def test_only_claims_that_the_spec_names_can_be_missing() -> None:
    named = {"spec.data.storageUri": "faces", "spec.outputs.storageUri": None}
    assert find_missing_claim(named, {"faces": {}}, namespace="vision") is None
    found = find_missing_claim(named, {}, namespace="vision")
    assert found is not None
    assert found.message == (
        "`spec.data.storageUri`: namespace vision has no PersistentVolumeClaim faces; create it or name another"
    )


def test_a_status_in_another_shape_keeps_its_artifact() -> None:
    world = World().profiled().train().publish()
    artifact = world.status["artifact"]
    world.workflow["status"] = {"artifact": artifact, "tasks": "of a later version"}
    assert read_status(world.workflow).artifact is not None
    world.workflow["status"] = {"artifact": "?", "tasks": "?"}
    assert read_status(world.workflow).artifact is None
