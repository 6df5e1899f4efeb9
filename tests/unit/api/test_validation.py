import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis.strategies import from_regex
from idla.api.meta import DECIMAL, SHARE
from pydantic import ValidationError

from tests.unit.api.validation_cases import CASES, SPECS, Case

LIST = Path(__file__).parents[2] / "integration/api/test_crds.messages.json"
[SERVER] = json.loads(LIST.read_text(encoding="utf-8")).values()
"""What a real API server says of each case that it refuses."""
BY_A_RULE = re.compile(r': Invalid value: "(object|string)": (?!.* in body )')
"""So begin messages of our own rules, and end in our words; of types, bounds and enums both have words of their own."""


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items() if not case.at])
def test_a_valid_object_is_accepted_and_read_back_unchanged(case: Case) -> None:
    spec = SPECS[case.kind].model_validate(case.spec())
    assert spec.model_dump(mode="json", by_alias=True, exclude_unset=True) == case.spec()


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.at])
def test_an_invalid_object_is_refused_at_the_field_that_is_wrong_in_the_words_of_the_api_server(name: str) -> None:
    case = CASES[name]
    with pytest.raises(ValidationError) as refusal:
        SPECS[case.kind].model_validate(case.spec())
    said = {_path(error["loc"]): error["msg"].removeprefix("Value error, ") for error in refusal.value.errors()}
    places = [place for place in said if case.at.replace("[", ".").startswith(place.replace("[", "."))]
    assert places, f"{list(said)} do not hold {case.at}"
    if BY_A_RULE.search(SERVER[name]):
        assert [said[place] for place in places if said[place] in SERVER[name]] != []


def _path(location: tuple[int | str, ...]) -> str:
    return "spec" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)


@given(from_regex(r"[0-9]{1,9}(\.[0-9]{1,9})?(e-?[0-9])?", fullmatch=True))
def test_the_form_of_a_decimal_says_that_it_is_above_0(text: str) -> None:
    assert bool(re.fullmatch(DECIMAL.pattern, text)) == (float(text) > 0)


@given(from_regex(r"[0-9](\.[0-9]{1,20})?", fullmatch=True))
def test_the_form_of_a_share_says_that_it_is_at_most_1(text: str) -> None:
    whole, _, rest = text.partition(".")
    assert bool(re.fullmatch(SHARE.pattern, text)) == (whole == "0" or (whole == "1" and not rest.strip("0")))
