import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla.builders.identity import Owner, address_name, child_name, labels, short_hash

OWNER = Owner(kind="TrainingWorkflow", name="digits", namespace="vision", uid="u-1")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param(("digits", "train"), "digits-train", id="short"),
        pytest.param(("a" * 63,), "a" * 63, id="just fits"),
        pytest.param(("a" * 64,), "a" * 52 + "-" + short_hash("a" * 64), id="one too long"),
        pytest.param(("my.flow", "train"), "my-flow-train-" + short_hash("my.flow-train"), id="a dot"),
    ],
)
def test_child_names(parts: tuple[str, ...], expected: str) -> None:
    assert child_name(*parts) == expected


@given(st.text("abc.-0", min_size=1, max_size=253).filter(lambda name: name[0].isalnum() and name[-1].isalnum()))
def test_every_resource_name_gives_a_dns_label(name: str) -> None:
    child = child_name(name, "train")
    assert len(child) <= 63
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", child)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("digits", "digits", id="as it is"),
        pytest.param("my.flow", "my-flow-" + short_hash("my.flow"), id="a dot"),
        pytest.param("1digits", "model-1digits-" + short_hash("model.1digits"), id="a digit first"),
    ],
)
def test_address_names(name: str, expected: str) -> None:
    assert address_name(name) == expected


@given(st.text("abc.-0", min_size=1, max_size=253).filter(lambda name: name[0].isalnum() and name[-1].isalnum()))
def test_every_resource_name_gives_the_name_of_a_service(name: str) -> None:
    assert re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", address_name(name))


@given(st.text("ab.", min_size=60, max_size=80), st.text("ab.", min_size=60, max_size=80))
def test_two_long_names_stay_two_names(one: str, other: str) -> None:
    assert (child_name("x" + one) == child_name("x" + other)) == (one == other)


def test_parts_of_a_hash_do_not_run_into_each_other() -> None:
    assert short_hash("ab", "c") != short_hash("a", "bc")


def test_children_carry_our_labels_only() -> None:
    assert labels(OWNER, task="train-vgg") == {
        "idla.dev/managed": "true",
        "idla.dev/workflow": "digits",
        "idla.dev/task": "train-vgg",
    }
