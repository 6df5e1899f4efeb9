"""What a pod says outlives it: in its task's folder, bounded, without secrets, and never at the cost of the task."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from idla_trainer.task_log import BYTES, LOG, LONGEST, Redacted, kept_in

log = logging.getLogger("idla_trainer.test")


@pytest.fixture(autouse=True)
def told() -> Iterator[None]:
    root, level = logging.getLogger(), logging.getLogger().level
    root.setLevel(logging.INFO)
    yield
    root.setLevel(level)


def unreadable(uri: str) -> None:
    raise OSError(f"cannot read {uri}")


def test_every_attempt_stands_below_the_one_before(tmp_path: Path) -> None:
    for attempt in (1, 2):
        with kept_in(tmp_path):
            log.info("attempt %d", attempt)
    log.info("nobody keeps this")
    lines = (tmp_path / LOG).read_text().splitlines()
    assert [line.partition(" INFO ")[2] for line in lines] == ["attempt 1", "attempt 2"]


def test_the_newest_mebibyte_is_kept(tmp_path: Path) -> None:
    with kept_in(tmp_path):
        for number in range(3 * BYTES // 1000):
            log.info("%d %s", number, "x" * 1000)
    sizes = [path.stat().st_size for path in sorted(tmp_path.iterdir())]
    assert sorted(path.name for path in tmp_path.iterdir()) == [LOG, f"{LOG}.1"]
    assert max(sizes) <= BYTES
    assert (tmp_path / LOG).read_text().splitlines()[-1].split()[3] == str(3 * BYTES // 1000 - 1)


def test_of_a_line_without_end_both_ends_are_kept(tmp_path: Path) -> None:
    with kept_in(tmp_path):
        log.info("%s", "a" * BYTES + "b" * BYTES)
    text = (tmp_path / LOG).read_text().rstrip("\n")
    assert (len(text), text[-1], " INFO aaa" in text) == (LONGEST + len(" ... "), "b", True)


def test_no_password_and_no_signature_is_kept_of_whatever_says_it(tmp_path: Path) -> None:
    with kept_in(tmp_path):
        log.info("fetching %s", "https://user:secret@host/data.csv?X-Amz-Signature=secret")
        try:
            unreadable("s3://bucket/key?token=secret#secret")
        except OSError:
            log.exception("unexpected")
    text = (tmp_path / LOG).read_text()
    assert "secret" not in text
    assert "host/data.csv?***" in text
    assert "s3://bucket/key?***" in text


@pytest.mark.parametrize("state", ["missing", "file"])
def test_a_store_that_cannot_be_written_ends_nothing(tmp_path: Path, state: str) -> None:
    folder = tmp_path / "task"
    if state == "file":
        folder.write_text("no folder")
    with kept_in(folder):
        log.info("said all the same")
    assert [path.name for path in tmp_path.iterdir()] == ([] if state == "missing" else ["task"])


def test_what_is_said_before_the_folder_is_there_is_lost_alone(tmp_path: Path) -> None:
    with kept_in(tmp_path / "task"):
        log.info("before")
        (tmp_path / "task").mkdir()
        log.info("after")
    assert (tmp_path / "task" / LOG).read_text().endswith(" INFO after\n")


def test_a_line_without_an_address_stays_as_it_is() -> None:
    record = logging.makeLogRecord({"msg": "12:30 loss: 0.5, a://b?c=d", "levelname": "INFO"})
    assert Redacted("%(message)s").format(record) == "12:30 loss: 0.5, a://b?***"
