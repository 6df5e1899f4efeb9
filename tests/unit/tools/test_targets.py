"""The Makefile's two lists of slices: what is in them exists, and no test is in neither."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "Makefile").read_text().replace("\\\n", " ")
for _name, _value in re.findall(r"^([A-Z_]+) := (.*)$", TEXT, re.MULTILINE):
    TEXT = TEXT.replace(f"$({_name})", _value)  # a recipe names its files by a variable as well
RECIPES = dict(re.findall(r"^([a-z0-9-]+):[^\n]*\n((?:\t[^\n]*\n)*)", TEXT, re.MULTILINE))


def slices(name: str) -> list[str]:
    [words] = re.findall(rf"^{name} := (.*)$", TEXT, re.MULTILINE)
    return str(words).replace("+", " ").split()


def is_run(file: Path, recipe: str) -> bool:
    words = [ROOT / word for word in re.findall(r"(?<![=\w])tests/[\w./]+", recipe.partition("--ignore")[0])]
    return any(word == file or word in file.parents for word in words) and "-m gate" not in recipe


@pytest.mark.parametrize("name", ["GATE", "ALL"])
def test_every_slice_is_a_target(name: str) -> None:
    assert [target for target in slices(name) if target not in RECIPES] == []


def test_every_test_file_is_in_a_slice_of_test_all() -> None:
    recipes = [RECIPES[target] for target in slices("ALL")] + [RECIPES["scan"]]  # `verify` runs that
    files = [file for file in (ROOT / "tests").rglob("test_*.py") if "__pycache__" not in file.parts]
    assert [str(file.relative_to(ROOT)) for file in files if not any(is_run(file, recipe) for recipe in recipes)] == []
