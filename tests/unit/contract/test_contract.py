import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_contract.artifact import ArtifactManifest, FileEntry, TensorSpec, canonical_bytes, digest_of
from idla_contract.base import ContractModel
from idla_contract.choice import MOST_COMPARED, Comparison, SelectReport
from idla_contract.columns import ColumnProfile, ColumnRole, ColumnType
from idla_contract.lineage import Lineage
from idla_contract.paths import artifact_folder, task_folder
from idla_contract.result import (
    ArtifactRef,
    CompressReport,
    DataProfile,
    Epoch,
    Failure,
    FailureReason,
    SearchReport,
    StepResult,
    TaskResult,
    TrainReport,
    TrialReport,
    UnusableVariant,
    Variant,
)
from idla_contract.task import (
    Columns,
    DataSource,
    ModelSpec,
    PublishStep,
    Rung,
    SearchStep,
    TaskSpec,
    Training,
    TrainStep,
    Trial,
)
from pydantic import ValidationError

SCHEMAS = Path(__file__).parents[3] / "trainer-image/contract/idla_contract/schema"
DIGEST = "sha256:" + "0a" * 32


def a_spec() -> TaskSpec:
    return TaskSpec(
        workflow="digits",
        task="train-resnet-small",
        content_hash="0123456789ab",
        data=DataSource(uri="sample://digits"),
        artifact_uri="pvc://digits-artifacts",
        steps=(TrainStep(model=ModelSpec(template="resnet-small", builder="resnet")),),
    )


def a_report(epochs: int) -> TrainReport:
    point = Epoch(train_loss=0.123456789, validation_loss=0.23456789, validation_score=0.9876543, seconds=1.234567)
    return TrainReport(
        template="resnet-small", parameters=274_000, epochs=epochs, best_epoch=epochs, stopped="MaxEpochs",
        validation_score=0.98, validation_score_error=0.01, validation_loss=0.1, seconds=12.5,
        examples_per_second=1000.0, curve=(point,) * epochs,
    )  # fmt: skip


@pytest.mark.parametrize("kind", [TaskSpec, TaskResult, ArtifactManifest], ids=lambda kind: kind.__name__)
def test_a_change_of_the_contract_shows_in_its_golden_schema(kind: type[ContractModel]) -> None:
    golden = json.loads((SCHEMAS / f"{kind.__name__}.json").read_text())
    assert kind.model_json_schema() == golden, "run `make generate` and raise schema_version if old readers break"


def test_a_spec_survives_the_border() -> None:
    spec = a_spec()
    assert TaskSpec.model_validate_json(spec.to_json()) == spec


def test_what_later_versions_added_is_left_out_where_it_is_unset() -> None:
    written = DataSource(uri="pvc://c/d.csv").model_dump(mode="json")
    assert {"access", "encoding"}.isdisjoint(written)
    assert {"series", "known_covariates"}.isdisjoint(written["columns"])
    columns = Columns(series=("shop",), known_covariates=("promo",))
    written = DataSource(uri="pvc://c/d.csv", columns=columns).model_dump()["columns"]
    assert (written["series"], written["known_covariates"]) == (("shop",), ("promo",))


def test_steps_are_told_apart_by_their_kind() -> None:
    assert [step.kind for step in (*a_spec().steps, PublishStep())] == ["Train", "Publish"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        pytest.param({"contentHash": "XYZ"}, "contentHash", id="a hash that is no hex"),
        pytest.param({"steps": []}, "steps", id="no step"),
        pytest.param({"steps": [{"kind": "Dance"}]}, "steps", id="an unknown step"),
        pytest.param({"schemaVersion": 2}, "schemaVersion", id="a version from the future"),
        pytest.param({"surprise": 1}, "surprise", id="an unknown field"),
    ],
)
def test_a_broken_spec_is_refused_by_field(change: dict[str, object], field: str) -> None:
    document = json.loads(a_spec().to_json()) | change
    with pytest.raises(ValidationError) as refusal:
        TaskSpec.model_validate(document)
    assert {error["loc"][0] for error in refusal.value.errors()} == {field}


def test_a_short_result_is_kept_whole() -> None:
    result = TaskResult(task="train", content_hash="0123456789ab", train=a_report(epochs=3))
    assert result.shortened() == result


def test_a_long_curve_is_cut_first() -> None:
    result = TaskResult(
        task="train",
        content_hash="0123456789ab",
        train=a_report(epochs=500),
        steps=(StepResult(kind="Train", seconds=1),),
    )
    short = result.shortened()
    assert short == result.model_copy(update={"train": a_report(epochs=500).model_copy(update={"curve": ()})})
    assert len(short.to_json().encode()) <= 4096


def test_a_result_that_cannot_fit_loses_its_class_names_but_keeps_the_figures() -> None:
    profile = DataProfile(
        digest=DIGEST, examples=1, shape=(8, 8, 1), facts={"maximum": 1.0}, classes=("x" * 5000,), class_counts=(1,),
        train_examples=1, validation_examples=0, gate_examples=0, test_examples=0, baseline_score=1.0,
    )  # fmt: skip
    short = TaskResult(task="profile", content_hash="0123456789ab", profile=profile).shortened()
    expected = profile.model_copy(update={"classes": (), "class_counts": ()})
    assert short == TaskResult(task="profile", content_hash="0123456789ab", profile=expected)


def test_findings_stay_where_the_names_of_many_classes_do_not() -> None:
    profile = DataProfile(
        digest=DIGEST, examples=1, shape=(), facts={"classes": 500}, classes=tuple(f"class {n}" for n in range(500)),
        class_counts=(1,) * 500, train_examples=1, validation_examples=0, gate_examples=0, test_examples=0,
        baseline_score=1.0, warnings=("w" * 1000, "v" * 1000, "u" * 1000, "t" * 1000),
    )  # fmt: skip
    short = TaskResult(task="profile", content_hash="0123456789ab", profile=profile).shortened().profile
    assert short is not None
    assert (short.classes, short.facts) == ((), {"classes": 500})
    assert [len(warning) for warning in short.warnings] == [300] * 4


@pytest.mark.parametrize(
    ("count", "left", "examples"),
    [pytest.param(10, 10, 2, id="few"), pytest.param(24, 24, 0, id="many"), pytest.param(64, 16, 0, id="too many")],
)
def test_columns_lose_their_examples_before_they_go(count: int, left: int, examples: int) -> None:
    columns = tuple(
        ColumnProfile(
            name=f"column {place:03d} of many", type=ColumnType.NUMBER, role=ColumnRole.FEATURE, missing=1,
            distinct=999, examples=("1234.5", "2345.6"), note="a decimal comma: '1234,5' is 1234.5",
        )
        for place in range(count)
    )  # fmt: skip
    profile = DataProfile(
        digest=DIGEST, examples=1, shape=(count,), classes=(), class_counts=(), train_examples=1, validation_examples=0,
        gate_examples=0, test_examples=0, baseline_score=1.0, columns=columns, column_count=count,
    )  # fmt: skip
    short = TaskResult(task="profile", content_hash="0123456789ab", profile=profile).shortened().profile
    assert short is not None
    assert [(len(column.examples), column.distinct) for column in short.columns] == [(examples, 999)] * left
    assert short.column_count == count


def test_layers_that_kept_their_channels_give_way_before_the_variants() -> None:
    variant = Variant(
        name="Int8", size_bytes=1, gate_score=1.0, gate_drop=0.0, gate_drop_interval=(0.0, 0.0),
        latency_p50_milliseconds=1.0, latency_p95_milliseconds=1.0, passed=True, message="kept",
    )  # fmt: skip
    compress = CompressReport(
        choice="Int8",
        reason="GatePassed",
        variants=(variant,) * 8,
        unpruned=("a layer that is too long" * 30,) * 8,
        unusable=(UnusableVariant(name="Aware", message="why" * 60),) * 8,
    )
    short = TaskResult(task="publish", content_hash="0123456789ab", compress=compress).shortened()
    assert short.compress is not None
    assert [kept.gate_score for kept in short.compress.variants] == [1.0] * 8
    assert (short.compress.unpruned, short.compress.unusable) == ((), ())


def test_a_comparison_of_as_many_candidates_as_there_can_be_is_kept_whole() -> None:
    compared = Comparison(score=1234.123456, drop=-0.123456, drop_interval=(-0.123456, -0.123456))
    report = SelectReport(winner=15, best=14, examples=50_000, compared=(compared,) * MOST_COMPARED)
    result = TaskResult(
        task="s" * 253, content_hash="0" * 64, select=report, steps=(StepResult(kind="Select", seconds=123.456),)
    )
    assert result.shortened() == result


@given(
    message=st.text(max_size=1024),
    task=st.text(max_size=300),
    uri=st.text(max_size=2000),
    classes=st.lists(st.text(max_size=200), max_size=60).map(tuple),
    notes=st.lists(st.text(max_size=400), max_size=5).map(tuple),
)
def test_whatever_a_task_answers_fits_into_the_termination_message(
    message: str, task: str, uri: str, classes: tuple[str, ...], notes: tuple[str, ...]
) -> None:
    result = TaskResult(
        task=task,
        content_hash="0123456789ab",
        failure=Failure(reason=FailureReason.INTERNAL, message=message),
        artifact=ArtifactRef(uri=uri, digest=DIGEST, size_bytes=1),
        train=a_report(epochs=40),
        profile=DataProfile(
            digest=DIGEST, examples=1, shape=(8, 8, 1), facts={"maximum": 1.0}, classes=classes,
            class_counts=(1,) * len(classes),
            train_examples=1, validation_examples=0, gate_examples=0, test_examples=0, baseline_score=1.0,
            warnings=notes,
        ),
    )  # fmt: skip
    short = result.shortened()
    assert len(short.to_json().encode()) <= 4096
    assert TaskResult.model_validate_json(short.to_json()) == short
    assert short.failure is not None
    assert short.failure.message[:20] == message[:20]


def a_manifest(name: str = "model.tflite") -> ArtifactManifest:
    return ArtifactManifest(
        task_type="ImageClassification",
        inputs=(TensorSpec(name="image", datatype="FP32", shape=(-1, 8, 8, 1)),),
        outputs=(TensorSpec(name="probabilities", datatype="FP32", shape=(-1, 10)),),
        labels=tuple("0123456789"),
        variant="Int8",
        files=(FileEntry(name=name, digest=DIGEST, size_bytes=3),),
        lineage=Lineage(
            data_digest=DIGEST, template="resnet-small", image="idla/trainer:dev", seed=1, code_version="0.1.0",
            tensorflow_version="2.21.0",
        ),
    )  # fmt: skip


def test_equal_manifests_have_equal_digests() -> None:
    again = ArtifactManifest.model_validate_json(canonical_bytes(a_manifest()))
    assert digest_of(canonical_bytes(again)) == digest_of(canonical_bytes(a_manifest()))


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", ".hidden", "a/b", ""])
def test_a_file_name_never_leaves_its_folder(name: str) -> None:
    with pytest.raises(ValidationError):
        a_manifest(name)


def test_the_store_is_keyed_by_content() -> None:
    assert task_folder("profile", "0123456789ab") == "tasks/profile-0123456789ab"
    assert artifact_folder(DIGEST) == "models/sha256-" + "0a" * 32


def test_the_largest_search_loses_nothing_but_its_curve_in_the_termination_message() -> None:
    trial = TrialReport(
        rung=1, epochs=10_000, parameters=123_456_789, validation_score=0.987654, validation_score_error=0.012345,
        validation_loss=12.345678, seconds=12345.678901, stopped="EarlyStopping",
    )  # fmt: skip
    search = SearchReport(winner=15, trials=(trial,) * 16, seconds=123456.789012)
    result = TaskResult(
        task="search", content_hash="0123456789abcdef", steps=(StepResult(kind="Search", seconds=123456.789),),
        train=a_report(epochs=200), search=search,
    )  # fmt: skip
    short = result.shortened()
    assert short.search == search
    assert short.train == a_report(epochs=200).model_copy(update={"curve": ()})


MODEL = ModelSpec(template="resnet-small", builder="resnet")


@pytest.mark.parametrize(
    "rungs",
    [
        pytest.param(((33, 1), (11, 1)), id="a rung that takes back"),
        pytest.param(((11, 1), (100, 3)), id="a rung that keeps more"),
        pytest.param(((11, 3), (33, 1)), id="no trial is trained to its end"),
        pytest.param(((100, 2),), id="two winners"),
    ],
)
def test_a_search_that_narrows_nothing_down_is_refused(rungs: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ValidationError, match=r"rungs: found .* % keeps .*; allowed: each takes more percent"):
        SearchStep(
            trials=(Trial(model=MODEL, training=Training()),),
            rungs=tuple(Rung(percent=percent, kept=kept) for percent, kept in rungs),
        )
