import json
import math
from typing import Any

import numpy as np
import pytest
from idla_contract.columns import ReadAs
from idla_contract.problem import METRICS, Metric, Problem, TaskType
from idla_contract.result import FailureReason
from idla_contract.task import Columns, DataSource
from idla_preprocess import Classes
from idla_preprocess.tabular import TabularSpec
from idla_preprocess.value import Value
from idla_trainer.data.dataset import Dataset
from idla_trainer.data.spool import TextColumn, TextWriter
from idla_trainer.data.table import Table
from idla_trainer.failures import TaskError
from idla_trainer.problems.classification import Classification
from idla_trainer.problems.regression import Regression
from idla_trainer.problems.tabular.columns import feature_columns
from idla_trainer.problems.tabular.examples import prepare
from idla_trainer.problems.tabular.subgroups import SubgroupClassification

from tests.columns import objects
from tests.golden import Golden
from tests.unit.trainer.refusals import refused

CLASSIFICATION = TaskType.TABULAR_CLASSIFICATION
REGRESSION = TaskType.TABULAR_REGRESSION
ROWS = 120


def columns(rows: int = ROWS, seed: int = 0) -> dict[str, Any]:
    generator = np.random.default_rng(seed)
    return {
        "age": generator.normal(50, 10, rows),
        "ward": objects(generator.choice(["east", "west", ""], rows).tolist()),
        "label": objects(generator.choice(["ill", "well"], rows, p=[0.3, 0.7]).tolist()),
    }


def prepared(
    table: dict[str, Any],
    kind: TaskType = CLASSIFICATION,
    *,
    test: dict[str, Any] | None = None,
    missing: tuple[str, ...] = (),
    **roles: Any,
) -> Dataset:
    problem = Problem(type=kind, metric=METRICS[kind][0])
    source = DataSource(uri="sample://records", columns=Columns(**roles), missing_values=missing)
    held_out = None if test is None else Table(test)
    return prepare(Table(table), source, problem, digest="sha256:" + "0" * 64, test=held_out).described(table)


def test_records_are_split_by_class_and_fitted_on_the_training_part() -> None:
    table = columns()
    dataset = prepared(table)
    parts = dataset.parts
    assert sorted(np.concatenate([parts.train, parts.validation, parts.gate, parts.test]).tolist()) == list(range(ROWS))
    assert dataset.preprocess == TabularSpec.fitted({name: table[name][parts.train] for name in ("age", "ward")})[0]
    assert dataset.classes == ("ill", "well")
    assert dataset.answers == Classes(("ill", "well"))
    assert dataset.objective == Classification(metric=Metric.LOG_LOSS, classes=2, positive=0)
    missing = round(100 * np.count_nonzero(table["ward"] == "") / (2 * ROWS), 2)
    assert dict(dataset.facts) == {"numbers": 1, "categories": 1, "missingPercent": missing}
    assert dataset.shape == (2,)
    assert sorted(dataset.examples(parts.test).inputs) == ["categories", "numbers"]


def test_no_example_outside_the_training_part_changes_what_is_fitted() -> None:
    table = columns()
    before = prepared(table)
    table["age"][before.parts.test] += 1000.0
    after = prepared(table)
    np.testing.assert_array_equal(after.parts.train, before.parts.train)
    assert after.preprocess == before.preprocess


def test_equal_records_stay_together_whatever_their_labels_are() -> None:
    table = columns(60)
    doubled = {name: np.concatenate([values, values]) for name, values in table.items()}
    doubled["label"] = objects(["ill", "well"] * 60)
    dataset = prepared(doubled)
    for part in (dataset.parts.train, dataset.parts.validation, dataset.parts.test):
        assert {place % 60 for place in part.tolist()} == {place for place in range(60) if place in part}
    assert "60 records are copies of an earlier one; copies stay in the same split" in dataset.warnings


def test_a_patient_stays_in_one_part_and_is_no_input() -> None:
    patients = objects([f"p{place % 40}" for place in range(ROWS)])
    table = columns() | {"patient": patients}
    dataset = prepared(table, group="patient", label="label")
    parts = [
        set(patients[part].tolist()) for part in (dataset.parts.train, dataset.parts.validation, dataset.parts.test)
    ]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 40
    assert list(dataset.raw) == ["age", "ward"]
    assert (dataset.facts["groupColumn"], dataset.facts["groups"]) == ("patient", 40)


def test_a_test_file_is_the_test_part_and_what_it_shares_is_not_learned_from() -> None:
    table, test = columns(), columns(30, seed=1)
    for name, values in test.items():
        values[0] = table[name][5]
    dataset = prepared(table, test=test)
    assert dataset.parts.test.tolist() == list(range(ROWS, ROWS + 30))
    assert 5 not in np.concatenate([dataset.parts.train, dataset.parts.validation, dataset.parts.gate])
    assert "1 records equal one of the test file; they are left out of the training" in dataset.warnings


def test_the_roles_of_columns_decide() -> None:
    table = columns() | {
        "code": np.arange(ROWS) % 3 + 0.0,
        "count": np.arange(ROWS) + 7.0,
        "matrix": np.eye(ROWS)[:, :2],
    }
    assert list(prepared(table, label="label").raw) == ["age", "ward", "code", "matrix.0", "matrix.1"]
    chosen = prepared(table, label="label", features=["code", "count"], categorical=["code"])
    assert [(tensor.name, tensor.datatype) for tensor in chosen.preprocess.inputs] == [
        ("code", "BYTES"),
        ("count", "FP32"),
    ]
    assert chosen.preprocess.arrays()["categories0"].tolist() == ["0", "1", "2"]


def test_records_without_a_group_stand_alone_and_are_told_of() -> None:
    table = columns() | {"patient": objects([f"p{row % 20}" if row % 3 else " " for row in range(ROWS)])}
    dataset = prepared(table, group="patient", label="label")
    assert dataset.facts["groups"] == 20 + ROWS // 3
    assert f"{ROWS // 3} of {ROWS} records have no group; each of them is one of its own" in dataset.warnings


def test_a_label_that_the_user_calls_missing_is_told_of() -> None:
    told = "the label 'ill' is a class, since data.missingValues is for inputs; leave its records out where it stands"
    assert [text for text in prepared(columns(), missing=("ill", "well ")).warnings if text.startswith(told)] != []


def test_few_texts_in_a_column_of_numbers_are_missing_and_told_of() -> None:
    written = [str(number % 7) for number in range(ROWS)]
    written[3:5] = ["-", "<40"]
    table = {"size": objects(written), "code": objects(written), "label": columns()["label"]}
    other = ["-", *map(str, range(100, 100 + ROWS // 2 - 1))]
    test = {"size": objects(other), "code": objects(other), "label": columns(ROWS // 2)["label"]}
    dataset = prepared(table, test=test, categorical=["code"])
    assert np.isnan(dataset.raw["size"]).nonzero()[0].tolist() == [3, 4, ROWS]
    assert dataset.raw["code"][3:5].tolist() == ["-", "<40"]
    assert dataset.warnings[0] == (
        f"'size' holds numbers; 3 of {ROWS + ROWS // 2} cells have none and count as missing: '-' in example 3 and "
        "'<40' in example 4 (counted from 0); if it holds names, set data.columns.types: {size: Category}"
    )


def test_the_user_says_how_columns_are_read() -> None:
    texts = {
        "code": [f"00{row % 7}" for row in range(ROWS)],
        "count": ["-" if row % 4 else f"{row}" for row in range(ROWS)],
        "id": [f"{row * 7 % 101}" for row in range(ROWS)],
    }
    table = columns() | {name: objects(cells) for name, cells in texts.items()} | {"level": np.arange(ROWS) % 3.0}
    types = {
        "code": ReadAs.NUMBER, "count": ReadAs.NUMBER, "id": ReadAs.IGNORED, "level": ReadAs.CATEGORY,
    }  # fmt: skip
    spec = prepared(table, types=types).preprocess
    assert isinstance(spec, TabularSpec)
    found = {column.name: type(column).__name__ for column in spec.columns}
    assert found == {"age": "Number", "ward": "Category", "code": "Number", "count": "Number", "level": "Category"}
    with pytest.raises(TaskError, match=r"data\.columns\.types: the column 'ward' holds no numbers, such as '"):
        prepared(table, types={"ward": ReadAs.NUMBER})


def test_what_stands_for_a_missing_value_is_missing_in_training_and_in_requests() -> None:
    table = columns() | {
        "dose": np.where(np.arange(ROWS) % 10 == 0, -999.0, np.arange(ROWS) % 7),
        "size": objects(["unknown" if row % 3 == 0 else f"{row % 5},5" for row in range(ROWS)]),
        "state": objects([" unknown " if row % 4 == 0 else "ab"[row % 2] for row in range(ROWS)]),
        "whole": np.where(np.arange(ROWS) % 20 == 0, -999, np.arange(ROWS) % 7),
    }
    dataset = prepared(table, missing=("unknown", "-999"))
    shown = {column.name: column.missing for column in dataset.columns}
    assert shown.items() >= {"dose": ROWS // 10, "size": ROWS // 3, "state": ROWS // 4, "whole": ROWS // 20}.items()
    spec = dataset.preprocess
    assert isinstance(spec, TabularSpec)
    kinds = {column.name: type(column).__name__ for column in spec.columns}
    assert kinds == {
        "age": "Number", "ward": "Category", "dose": "Number", "size": "Number", "state": "Category", "whole": "Number"
    }  # fmt: skip
    restored = TabularSpec.restored(json.loads(json.dumps(spec.content())), spec.arrays())
    asked = {"age": [50.0, 50.0], "ward": ["east", "east"], "dose": [-999.0, np.nan], "size": [np.nan, np.nan],
             "state": ["unknown", ""], "whole": [-999.0, np.nan]}  # fmt: skip
    tensors = restored.to_tensors({name: np.array(values, None if name != "state" else object)
                                   for name, values in asked.items()})  # fmt: skip
    for tensor in tensors.values():
        np.testing.assert_array_equal(tensor[0], tensor[1])


def test_texts_in_a_file_that_stand_for_a_missing_value_are_emptied_there() -> None:
    writer = TextWriter()
    writer.write(["a", " unknown ", "b"])
    table: dict[str, Any] = {"state": writer.column(), "label": objects(["x", "y", "x"])}
    [found] = feature_columns(Table(table), Columns(), answer="label", group=None, missing=("unknown",)).values()
    assert isinstance(found, TextColumn)
    assert found.tolist() == ["a", "", "b"]


def test_each_column_is_described() -> None:
    table = {
        "row": np.arange(ROWS, dtype=np.float64),
        "size": objects(["1,5", "-", *(f"{row},25" for row in range(ROWS - 2))]),
        "same": objects(["x"] * ROWS),
        "visits": np.array([np.nan, *np.arange(ROWS - 1) % 9.0]),
        "ward": columns()["ward"],
        "patient": objects([f"p{row // 2}" for row in range(ROWS)]),
        "label": objects(["NA", "NA", "well", "well"] * (ROWS // 4)),
        "x": np.zeros((ROWS, 2)) + np.arange(ROWS)[:, np.newaxis] % 5,
    }
    wards = [text for text in dict.fromkeys(table["ward"].tolist()) if text]
    found = prepared(table, group="patient", label="label", types={"ward": ReadAs.CATEGORY}).columns
    assert [
        (column.name, column.type, column.role, column.missing, column.distinct, column.examples, column.note)
        for column in found
    ] == [
        ("row", "Number", "-", 0, ROWS, ("0", "1"),
         "it only counts the rows; name it in data.columns.features to keep it"),
        ("size", "Number", "feature", 1, ROWS, ("1,5", "-"),
         "a decimal comma: '1,5' is 1.5; 1 cells hold no number: '-'"),
        ("same", "Text", "-", 0, 1, ("x",), "one value alone, or names that hardly ever occur twice"),
        ("visits", "Number", "feature", 1, 9, ("0", "1"), ""),
        ("ward", "Category", "feature", int(np.count_nonzero(table["ward"] == "")), 2, tuple(wards), ""),
        ("patient", "Category", "group", 0, ROWS // 2, ("p0", "p1"), ""),
        ("label", "Category", "label", 0, 2, ("NA", "well"), ""),
        ("x", "Array", "feature", 0, 0, (), ""),
    ]  # fmt: skip


def test_a_matrix_is_as_many_columns() -> None:
    generator = np.random.default_rng(0)
    dataset = prepared({"x": generator.normal(size=(ROWS, 2)), "y": np.arange(ROWS) % 2})
    assert list(dataset.raw) == ["x.0", "x.1"]
    assert dataset.classes == ("0", "1")


def test_the_metric_is_told_for_every_value_of_a_column_that_is_named_categorical() -> None:
    table = columns() | {"sex": objects(["f", "m"] * (ROWS // 2)), "rare": objects(["a"] * 5 + ["b"] * (ROWS - 5))}
    dataset = prepared(table, label="label", categorical=["sex", "rare"])
    objective = dataset.objective
    assert isinstance(objective, SubgroupClassification)
    probabilities = np.tile(np.array([0.25, 0.75], np.float32), (ROWS, 1))
    scores = objective.scores(dataset.targets, probabilities, dataset.raw)
    found = {name: score for name, score in scores.items() if "[" in name}
    assert sorted(found) == ["logLoss[rare=b]", "logLoss[sex=f]", "logLoss[sex=m]"]
    women = dataset.raw["sex"] == "f"
    ill = np.mean(dataset.targets[women] == 0)
    assert found["logLoss[sex=f]"] == pytest.approx(-ill * math.log(0.25) - (1 - ill) * math.log(0.75))
    assert "sensitivityAtSpecificity95" in scores


def test_numbers_are_predicted_in_their_unit() -> None:
    table = columns() | {"target": np.arange(ROWS) * 10.0}
    dataset = prepared(table, REGRESSION)
    train = dataset.targets[dataset.parts.train]
    assert dataset.answers == Value()
    assert dataset.objective == Regression(
        metric=Metric.RMSE, center=float(train.astype(float).mean()), scale=float(train.astype(float).std())
    )
    assert (dataset.classes, dataset.targets.dtype.name) == ((), "float32")
    naive = dataset.objective.naive(train, {"age": np.zeros(ROWS)})
    scores = dataset.objective.scores(dataset.targets, naive, dataset.raw)
    assert sorted(scores) == ["mae", "r2", "rmse"]
    assert scores["r2"] == pytest.approx(0, abs=0.05)


ONE_CLASS = columns() | {"label": objects(["ill"] * ROWS)}


@pytest.mark.parametrize(
    ("table", "kind", "roles", "reason"),
    [
        pytest.param(columns(), CLASSIFICATION, {"label": "class"}, FailureReason.DATA_INVALID, id="label"),
        pytest.param(columns(), CLASSIFICATION, {"features": ["agee"]}, FailureReason.DATA_INVALID, id="feature"),
        pytest.param(columns(), CLASSIFICATION, {"group": "patient"}, FailureReason.DATA_INVALID, id="group"),
        pytest.param(columns(), CLASSIFICATION, {"features": ["age", "label"]}, FailureReason.DATA_INVALID, id="leak"),
        pytest.param({"label": columns()["label"]}, CLASSIFICATION, {}, FailureReason.DATA_INVALID, id="no-feature"),
        pytest.param({"n": np.arange(ROWS), "label": columns()["label"]}, CLASSIFICATION, {},
                     FailureReason.DATA_INVALID, id="row-numbers"),
        pytest.param({"a": np.zeros(ROWS), "label": columns()["label"]}, CLASSIFICATION, {},
                     FailureReason.TOO_FEW_EXAMPLES, id="constant"),
        pytest.param({"a": objects([b"x"] * 2), "label": objects(["a", "b"])}, CLASSIFICATION, {},
                     FailureReason.DATA_INVALID, id="bytes"),
        pytest.param(ONE_CLASS, CLASSIFICATION, {}, FailureReason.SINGLE_CLASS, id="one-class"),
        pytest.param(columns(6), CLASSIFICATION, {}, FailureReason.TOO_FEW_EXAMPLES, id="few"),
        pytest.param(columns() | {"age": np.array([*range(ROWS - 60), *[math.inf] * 60])}, CLASSIFICATION, {},
                     FailureReason.DATA_INVALID, id="infinite"),
        pytest.param(columns(), REGRESSION, {}, FailureReason.DATA_INVALID, id="texts-to-estimate"),
        pytest.param(columns() | {"rent": objects(["ask"] + ["9", "7"] * (ROWS // 2 - 1) + [""])}, REGRESSION, {},
                     FailureReason.DATA_INVALID, id="a-text-among-numbers-to-estimate"),
        pytest.param({"a": np.random.default_rng(0).normal(size=20), "y": np.array([math.nan] + [1.0, 2.0] * 9 + [3])},
                     REGRESSION, {}, FailureReason.NOT_FINITE, id="nan-to-estimate"),
        pytest.param({"a": np.random.default_rng(0).normal(size=20), "y": np.ones(20)}, REGRESSION, {},
                     FailureReason.DATA_INVALID, id="constant-target"),
        pytest.param({"a": np.arange(9) ** 2, "y": np.arange(9)}, REGRESSION, {}, FailureReason.TOO_FEW_EXAMPLES,
                     id="few-to-estimate"),
    ],
)  # fmt: skip
def test_records_that_cannot_be_used_are_refused(
    table: dict[str, Any], kind: TaskType, roles: dict[str, Any], reason: FailureReason, golden: Golden
) -> None:
    found, said = refused(lambda: prepared(table, kind, **roles))
    golden(said)
    assert found == reason


@pytest.mark.parametrize(
    ("test", "message"),
    [
        pytest.param({"age": np.zeros(3), "label": objects(["ill"] * 3)}, "its file has no column 'ward'",
                     id="missing"),
        pytest.param(columns(3) | {"age": objects(["old"] * 3)}, "its column 'age' has 'old' in row 0 .counted",
                     id="texts"),
    ],
)  # fmt: skip
def test_a_test_file_of_another_layout_is_refused(test: dict[str, Any], message: str) -> None:
    with pytest.raises(TaskError, match=message):
        prepared(columns(), test=test)
