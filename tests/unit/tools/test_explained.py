"""What a red test shows: tried on a run of pytest of its own."""

import subprocess
import sys
from pathlib import Path

CONFTEST = Path(__file__).parents[2] / "conftest.py"
RED = """
import pytest

class World:
    def explain(self):
        return {"log": "the last line of the log"}

class Broken:
    def explain(self):
        raise OSError("the server is gone")

@pytest.fixture(scope="module")
def world():
    return World()

@pytest.fixture
def twin(world):
    return world

@pytest.fixture
def broken():
    return Broken()

@pytest.fixture
def unable(world):
    raise AssertionError("no such thing")

def test_red(twin, broken):
    assert 1 == 2

def test_not_set_up(unable):
    pass

def test_green(world):
    pass
"""


def test_a_red_test_shows_and_keeps_what_its_fixtures_tell(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST.read_text())
    (tmp_path / "test_it.py").write_text(RED)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", str(tmp_path)]
    done = subprocess.run(command, cwd=CONFTEST.parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.count("the last line of the log") == 2, done.stdout
    assert "cannot be explained: OSError('the server is gone')" in done.stdout
    kept = {path.name: path.read_text() for path in (tmp_path / "dist/reports/red").iterdir()}
    assert sorted(kept) == ["test_it.py-test_not_set_up-setup-.txt", "test_it.py-test_red-call-.txt"]
    for text, failure in zip((kept[name] for name in sorted(kept)), ("no such thing", "assert 1 == 2"), strict=True):
        assert failure in text
        assert text.count("the last line of the log") == 1
