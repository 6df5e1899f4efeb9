import json
import operator
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]


def committed_files() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / name for name in listing.split("\0") if name and (ROOT / name).is_file()]


def test_the_operator_folder_does_not_shadow_the_standard_library() -> None:
    assert not (ROOT / "operator/__init__.py").exists()
    assert Path(operator.__file__).parent == Path(sysconfig.get_path("stdlib"))


def test_the_layers_hold() -> None:
    run = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_what_is_no_test_needs_none() -> None:
    files = [file for folder in ("demo", "benchmarks", "tools") for file in (ROOT / folder).rglob("*.py")]
    assert len(files) > 50
    assert [file for file in files if re.search(r"^\s*(from|import) tests\b", file.read_text(), re.MULTILINE)] == []


def test_no_unit_test_waits_for_tensorflow_before_any_test_runs() -> None:
    files = [*(ROOT / "tests").glob("*.py"), *(ROOT / "tests/unit").rglob("*.py")]
    assert len(files) > 150
    late = re.compile(r"^(from|import) (tensorflow|keras)\b", re.MULTILINE)
    assert [str(file.relative_to(ROOT)) for file in files if late.search(file.read_text(encoding="utf-8"))] == []


def test_no_committed_requirement_names_a_download_address() -> None:
    pinned = [*(ROOT / "requirements").glob("*.txt"), *(ROOT / "trainer-image/requirements").glob("*.txt")]
    assert len(pinned) == 11
    assert [path.name for path in pinned if re.search(r"https?://|file://", path.read_text())] == []


def test_there_is_no_uv_lock() -> None:
    assert [path for path in committed_files() if path.name == "uv.lock"] == []


def test_every_kept_message_is_of_a_case_that_is_there() -> None:
    for kept in (ROOT / "tests").rglob("*.messages.json"):
        module = kept.with_name(kept.name.replace(".messages.json", ".py")).read_text(encoding="utf-8")
        known = module + (ROOT / "tests/unit/api/validation_cases.py").read_text(encoding="utf-8")
        for test, cases in json.loads(kept.read_text(encoding="utf-8")).items():
            assert f"def {test}(" in module
            assert [case for case in cases if f'"{case}"' not in known] == []
