"""Inputs on which the product failed (`../shared/cases`), as far as their data are read: what each looks like now.

A case stands here with what its `expected.md` asks of the data; what else is asked is in the modules of `ELSEWHERE`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from idla.core.objects import read_spec
from idla.core.planning.requirements import resolve_requirements
from idla.local.workflow_file import read_workflow
from idla_contract.result import DataProfile
from idla_trainer.data.profile import profile
from idla_trainer.data.source import Origin
from idla_trainer.failures import TaskError
from idla_trainer.problems.registry import load_dataset

from tests.shared_cases import CASES

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.gate,
    pytest.mark.skipif(not CASES.is_dir(), reason=f"the inputs are in {CASES}, which is not here"),
]


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What is said of a case's data."""

    classes: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()
    """Not looked at if empty."""
    facts: Mapping[str, float | str] = field(default_factory=dict)
    """Some of them."""
    warns: tuple[str, ...] = ()
    """Parts of its warnings."""
    refuses: str = ""
    """A part of its refusal; it is read if empty."""


READ = {
    "01-decimal-comma/workflow": Expected(
        facts={"numbers": 3}, warns=("'gewicht' has numbers with a decimal comma: '2,1' is 2.1", "'preis' has numbers")
    ),
    "01-decimal-comma/workflow-delimiter": Expected(
        facts={"numbers": 2}, warns=("'preis' has numbers with a decimal",)
    ),
    "01-decimal-comma/workflow-regression": Expected(
        facts={"numbers": 2}, warns=("'preis' has numbers with a decimal",)
    ),
    "01-decimal-comma/workflow-fewer": Expected(facts={"numbers": 3}),
    "02-thousands-separator/workflow": Expected(
        facts={"numbers": 3}, warns=("'lot' has numbers with commas between thousands: '2,753' is 2753",)
    ),
    "02-thousands-separator/workflow-target": Expected(
        facts={"numbers": 3}, warns=("'price' has numbers with commas between thousands: '333,235' is 333235",)
    ),
    "04-excel-sep-line/workflow": Expected(shape=(2,)),
    "05-utf16-from-excel/workflow": Expected(classes=("gelé", "liquide")),
    "06-windows-1252-and-gbk/workflow": Expected(classes=("bon", "mauvais"), warns=("windows-1252", "data.encoding")),
    "06-windows-1252-and-gbk/workflow-gbk": Expected(classes=("好", "差"), warns=("GB18030", "data.encoding")),
    "07-trailing-delimiter/workflow": Expected(classes=("left", "right"), shape=(2,)),
    "07-trailing-delimiter/workflow-both": Expected(classes=("left", "right"), shape=(2,)),
    "08-comment-lines-on-top/workflow": Expected(shape=(2,), warns=("3 lines above the table are left out",)),
    "09-class-named-NA/workflow": Expected(classes=("APAC", "EU", "NA"), warns=("the label 'NA' is a class of",)),
    "10-zip-codes-with-leading-zeros/workflow": Expected(facts={"numbers": 1, "categories": 1}),
    "11-label-codes-with-leading-zeros/workflow": Expected(classes=("007", "042")),
    "11-label-codes-with-leading-zeros/workflow-positive": Expected(classes=("007", "042")),
    "12-day-first-dates/workflow": Expected(facts={"sensors": 1, "periodSeconds": 3600}),
    "13-dates-as-whole-numbers/workflow": Expected(facts={"sensors": 1, "periodSeconds": 86400}),
    "15-autumn-hour-twice/workflow": Expected(
        refuses="'2023-10-29 02:00' stands twice, in the rows 216 and 217 .*end of summer time"
    ),
    "16-timestamps-with-jitter/workflow": Expected(facts={"sensors": 2, "periodSeconds": 300}),
    "17-long-table-of-series/workflow": Expected(
        facts={"sensors": 3, "seriesColumn": "item_id", "periodSeconds": 3600},
        warns=("3 series of 'item_id' ('shop_1', 'shop_2', 'shop_3'), value 'target'",),
    ),
    "18-json-array/workflow": Expected(classes=("cancel", "refund", "track")),
    "18-json-array/workflow-as-jsonl": Expected(classes=("cancel", "refund", "track")),
    "19-true-and-false-as-labels/workflow": Expected(classes=("false", "true")),
    "19-true-and-false-as-labels/workflow-plain": Expected(classes=("false", "true")),
    "21-null-bytes/workflow-numbers": Expected(shape=(2,), warns=("'a' holds numbers; 1 of 60 cells",)),
    "21-null-bytes/workflow": Expected(classes=("fault", "question")),
    "22-texts-that-read-like-missing/workflow": Expected(classes=("programming", "region", "unclear")),
    "23-spellings-of-one-label/workflow": Expected(
        classes=("SPAM", "Spam", "ham", "spam"),
        warns=("'SPAM' (9 examples) and 'Spam' (12 examples) and 'spam' (39 examples); write them alike",),
    ),
    "23-spellings-of-one-label/workflow-unicode": Expected(classes=("bar", "café")),
    "24-channels-first/workflow": Expected(refuses="channels first; allowed.* Write x.transpose"),
    "24-channels-first/workflow-four-channels": Expected(refuses="channels first; allowed.* Write x.transpose"),
    "25-identifier-as-feature/workflow": Expected(warns=("'customer_id': a different whole number in every record",)),
    "25-identifier-as-feature/workflow-index": Expected(warns=("'0': a different whole number in every record",)),
    "26-emoji-and-right-to-left/workflow": Expected(
        classes=("מצוין 👍", "רע 👎"), warns=("1 texts are empty", "1 texts are longer than 2048 characters")
    ),
    "27-missing-number-in-a-request/workflow": Expected(facts={"numbers": 2, "categories": 1}),
    "27-missing-number-in-a-request/workflow-series": Expected(facts={"sensors": 2, "periodSeconds": 3600}),
    "29-odd-column-names/workflow": Expected(facts={"numbers": 6, "categories": 1}),
    "38-image-folder-of-all-kinds/workflow": Expected(
        classes=("flat", "tall"),
        shape=(18, 18, 3),
        warns=("1 of 28 pictures cannot be used: 'flat/07.jpg' (458 bytes",),
    ),
    "38-image-folder-of-all-kinds/workflow-format": Expected(
        classes=("flat", "tall"), shape=(18, 18, 3), warns=("'flat/07.jpg'",)
    ),
    "39-one-stray-text-among-numbers/workflow": Expected(
        shape=(3,),
        warns=("'glucose' holds numbers; 2 of 220 cells", "'-' in example", "'<40' in example"),
    ),
    "39-one-stray-text-among-numbers/workflow-series": Expected(
        facts={"sensors": 2},
        warns=("'pump_a' is read as numbers", "'ERR', first in row 211"),
    ),
    "39-one-stray-text-among-numbers/workflow-target": Expected(refuses="the column 'rent' has 'on request' in row"),
    "40-images-in-a-csv-with-semicolons/workflow": Expected(shape=(8, 8, 1)),
    "40-images-in-a-csv-with-semicolons/workflow-delimiter": Expected(shape=(8, 8, 1)),
    "43-forecast-of-one-column/workflow": Expected(facts={"sensors": 1}),
    "43-forecast-of-one-column/workflow-promo": Expected(facts={"sensors": 1}),
    "41-half-an-emoji/workflow": Expected(classes=("bad", "good")),
    "41-half-an-emoji/workflow-all-texts": Expected(classes=("bad", "good")),
    "41-half-an-emoji/workflow-categories": Expected(),
    "41-half-an-emoji/workflow-labels": Expected(),
    "47-groups-that-begin-alike/workflow": Expected(classes=("ill", "well"), facts={"groups": 60}),
    "51-not-the-file-itself/workflow-array": Expected(refuses="is one JSON array"),
    "51-not-the-file-itself/workflow-page": Expected(refuses="is an HTML page"),
    "51-not-the-file-itself/workflow-pointer": Expected(refuses="is a pointer of Git LFS"),
    "51-not-the-file-itself/workflow-sheet": Expected(refuses="is an Excel workbook; save its sheet as CSV"),
    "52-unused-columns-that-hold-objects/workflow": Expected(),
}


SERVED, DECIDED = "tests/trainer/test_shared_served.py", "tests/unit/core/test_shared_cases.py"
ELSEWHERE = {
    "20-yes-without-quotes": DECIDED,
    "28-tritonclient-as-it-comes": SERVED,
    "30-habits-of-http-clients": SERVED,
    "31-istio-injected-namespace": DECIDED,
    "32-quota-that-asks-for-limits": DECIDED,
    "33-long-names-and-dots": DECIDED,
    "34-private-registry": DECIDED,
    "35-tainted-gpu-node": DECIDED,
    "36-private-ca-and-proxy": DECIDED,
    "37-argo-cd-and-ttl": DECIDED,
    "45-upgrade-header-of-java-clients": SERVED,
}
"""Cases that have nothing to read but what is read everywhere, and the module that walks them."""


def test_every_workflow_of_every_case_is_walked() -> None:
    here = {case.partition("/")[0] for case in READ}
    assert here | ELSEWHERE.keys() == {folder.name for folder in CASES.iterdir() if folder.is_dir()}
    found = {f"{path.parent.name}/{path.stem}" for path in CASES.glob("*/workflow*.yaml")}
    assert {case for case in found if case.partition("/")[0] not in ELSEWHERE} == READ.keys()
    texts = {module: (ROOT / module).read_text(encoding="utf-8") for module in {SERVED, DECIDED}}
    assert [case for case, module in ELSEWHERE.items() if case not in texts[module]] == []
    named = {case: case.split("/") for case in found - READ.keys()}
    assert [case for case, (folder, stem) in named.items() if stem not in texts[ELSEWHERE[folder]]] == []


def test_every_request_of_a_case_is_sent() -> None:
    text = (ROOT / SERVED).read_text(encoding="utf-8")
    assert [path.name for path in CASES.glob("*/request*.json") if path.stem not in text] == []


@pytest.mark.parametrize("case", READ)
def test_a_case_is_read_or_refused_as_a_user_expects(case: str, tmp_path: Path) -> None:
    expected, path = READ[case], CASES / f"{case}.yaml"
    if expected.refuses:
        with pytest.raises(TaskError, match=expected.refuses):
            look(path, tmp_path)
        return
    found = look(path, tmp_path)
    assert not expected.classes or found.classes == expected.classes
    assert not expected.shape or found.shape == expected.shape
    assert expected.facts.items() <= dict(found.facts).items()
    for part in expected.warns:
        assert part in " ".join(found.warnings)


def look(path: Path, work: Path) -> DataProfile:
    """Return the profile of a workflow's data."""
    workflow = read_workflow(path.read_text(encoding="utf-8"), folder=path.parent)
    wanted = resolve_requirements(read_spec(workflow.manifest), "case")
    assert workflow.data is not None
    origin = Origin(data_mount=workflow.data, samples=work / "none", downloads=work / "downloads")
    return profile(load_dataset(wanted.problem, wanted.data, origin))
