"""`make ci` on a small repository: what it tests, what it leaves."""

import subprocess
import tempfile
from pathlib import Path

import pytest

from tools import ci

RUN = """set -eu
echo "CI=$CI MAKEFLAGS=${MAKEFLAGS-none} IDLA_X=${IDLA_X-none} GIT_DIR=${GIT_DIR-none}"
ls ../shared
if [ -t 0 ] || [ -t 1 ] || read -r line; then echo "there is an input"; fi
cat text
grep -q good text
"""


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a checkout with one commit whose CI is green, and with `shared` beside it."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/design.md").write_text("")
    root = tmp_path / "main"
    (root / ".ci").mkdir(parents=True)
    (root / ".ci/run").write_text(RUN)
    (root / ".gitignore").write_text("dist/\n")
    (root / "text").write_text("a good commit\n")
    git(tmp_path, "init", "--quiet", str(root))
    commit(root)
    monkeypatch.setattr(ci, "ROOT", root)
    monkeypatch.setattr(ci, "cluster", lambda _: True)
    for name in ("MAKEFLAGS", "IDLA_X"):
        monkeypatch.setenv(name, "of the caller")
    return root


def commit(root: Path) -> str:
    git(root, "add", "--all")
    git(root, "-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "--quiet", "--message=x")
    return git(root, "rev-parse", "HEAD")


def test_a_commit_that_passes_is_taken_down_and_nothing_else_is_left(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    (checkout / "text").write_text("not committed, and bad\n")
    assert ci.main() == 0
    printed = capfd.readouterr().out.splitlines()
    assert printed[:-1] == [
        "uncommitted changes are not in what is tested",
        "CI=true MAKEFLAGS=none IDLA_X=none GIT_DIR=none",
        "design.md",
        "a good commit",
    ]
    assert (checkout / "dist/reports/ci.log").read_text().splitlines() == printed[1:-1]
    assert (checkout / ".git/ci-passed").read_text().strip() == git(checkout, "rev-parse", "HEAD")
    assert list(temporary.iterdir()) == []


def test_a_commit_that_is_red_is_not_taken_down(checkout: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (checkout / "text").write_text("a bad commit\n")
    red = commit(checkout)
    assert ci.main() == 1
    assert f"CI FAILED on {red[:12]}" in capfd.readouterr().out
    assert not (checkout / ".git/ci-passed").exists()
