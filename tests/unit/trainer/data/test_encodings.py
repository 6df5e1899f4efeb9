# ruff: noqa: RUF001
"""Text files are read in the encoding that they have: known, set, or guessed with a warning, never silently wrong."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from idla_contract.encoding import Encoding
from idla_contract.task import DataSource
from idla_trainer.data.formats.encodings import in_utf8, python_codec
from idla_trainer.data.formats.files import opened_text
from idla_trainer.data.table import read_table
from idla_trainer.failures import TaskError

from tests.golden import Golden
from tests.unit.trainer.refusals import refused

FRENCH = "prénom,ville\nZoé,Besançon\nFrançois,Nîmes\nHélène,Orléans\n"
CZECH = "jméno,město\nŘehoř,Plzeň\nŽofie,České Budějovice\nJiří,Ústí nad Labem\nTomáš,Jindřichův Hradec\n"
RUSSIAN = "имя,город\nИван,Москва\nПётр,Казань\nОльга,Тверь\n"
GREEK = "όνομα,πόλη\nΓιώργος,Αθήνα\nΜαρία,Πάτρα\n"
TURKISH = "ad,şehir\nIşıl,İstanbul\nÇağrı,Eskişehir\n"
ARABIC = "اسم,مدينة\nمحمد,القاهرة\nفاطمة,دمشق\n"
CHINESE = "姓名,城市\n王小明,北京\n陈大文,上海\n"
TAIWANESE = "姓名,城市\n王小明,臺北\n陳大文,高雄\n"
JAPANESE = "名前,都市\n太郎,東京\n花子,大阪\n次郎,京都\n"
KOREAN = "이름,도시\n김철수,서울\n이영희,부산\n"


def read(path: Path, content: bytes, kind: Encoding | None = None) -> tuple[str, tuple[str, ...]]:
    """Return the text that the readers get, and the warnings."""
    path.write_bytes(content)
    with in_utf8(path, kind) as found, opened_text(found.path) as text:
        return text.read(), found.warnings


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        (FRENCH, "utf-8"), (FRENCH, "utf-8-sig"), (FRENCH, "utf-16"),
        (CHINESE, "utf-16"), (JAPANESE, "utf-8"),
    ],
    ids=lambda value: value.split(",")[0],
)  # fmt: skip
def test_unicode_is_known_without_a_word(tmp_path: Path, text: str, codec: str) -> None:
    assert read(tmp_path / "d.csv", text.encode(codec)) == (text, ())


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (FRENCH, Encoding.WINDOWS_1252), (CZECH, Encoding.WINDOWS_1250), (RUSSIAN, Encoding.WINDOWS_1251),
        (RUSSIAN, Encoding.KOI8_R), (GREEK, Encoding.WINDOWS_1253), (TURKISH, Encoding.WINDOWS_1254),
        (ARABIC, Encoding.WINDOWS_1256), (CHINESE, Encoding.GB18030), (TAIWANESE, Encoding.BIG5),
        (JAPANESE, Encoding.SHIFT_JIS), (KOREAN, Encoding.EUC_KR),
    ],
    ids=lambda value: value if isinstance(value, Encoding) else "",
)  # fmt: skip
def test_others_are_guessed_with_a_warning(tmp_path: Path, text: str, kind: Encoding) -> None:
    found, warnings = read(tmp_path / "d.csv", text.encode(python_codec(kind)))
    assert found == text
    assert warnings[0].startswith(f"d.csv is read as {kind}, such as '")


@pytest.mark.parametrize(("codec", "kind"), [("utf-16-le", Encoding.UTF_16LE), ("utf-16-be", Encoding.UTF_16BE)])
def test_wide_characters_without_a_mark_are_known_by_their_zeros(tmp_path: Path, codec: str, kind: Encoding) -> None:
    found, warnings = read(tmp_path / "d.csv", CZECH.encode(codec))
    assert found == CZECH
    assert warnings == (
        f"d.csv is read as {kind}, since every other byte is zero; if that is wrong, set data.encoding",
    )


def test_one_word_far_down_a_compressed_file_is_enough(tmp_path: Path) -> None:
    text = "id,name\n" + "".join(f"{number},item {number}\n" for number in range(90_000)) + "90000,café\n"
    found, warnings = read(tmp_path / "d.csv.gz", gzip.compress(text.encode("cp1252")))
    assert found == text
    assert "as windows-1252, such as 'café': line 90002 is no UTF-8" in warnings[0]


@pytest.mark.parametrize("name", ["d.csv", "d.jsonl"])
def test_the_readers_say_what_was_guessed(tmp_path: Path, name: str) -> None:
    rows = ["très bien, merci à vous", "déçu par la qualité, où est le gâteau", "un été à la plage, ça va"]
    lines = [json.dumps({"city": row}, ensure_ascii=False) for row in rows] if name == "d.jsonl" else ["city", *rows]
    (tmp_path / name).write_bytes("\n".join(lines).replace(",", ";").encode("cp1252"))
    source = DataSource(uri="pvc://c/x", delimiter=",", header=True)
    table = read_table(tmp_path / name, source, 1 << 22)
    assert table.columns["city"].tolist() == [row.replace(",", ";") for row in rows]
    assert table.warnings[0].startswith(f"{name} is read as windows-1252, such as ")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        pytest.param(FRENCH.encode("cp1252"), Encoding.UTF_8, id="not the one that is set"),
        pytest.param("a,b\n1,é\n".encode("cp1252"), Encoding.BIG5, id="cut within a character"),
        pytest.param(b"a,b\n" + bytes(range(1, 256)) * 9, None, id="no text at all"),
    ],
)
def test_bytes_of_another_encoding_are_refused(
    tmp_path: Path, golden: Golden, content: bytes, kind: Encoding | None
) -> None:
    reason, said = refused(lambda: read(tmp_path / "d.csv", content, kind))
    golden(said)
    assert reason == "DataInvalid"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff"), min_size=1),
    kind=st.sampled_from(Encoding),
    told=st.booleans(),
)
def test_nothing_is_read_as_something_else_without_a_word(
    tmp_path: Path, text: str, kind: Encoding, *, told: bool
) -> None:
    try:
        content = text.encode(python_codec(kind))
    except UnicodeEncodeError:
        assume(False)
    text = content.decode(python_codec(kind))  # Python writes the yen sign of EUC-JP as a backslash
    assume(told or not kind.startswith("UTF-16"))  # without a mark it is known by its zeros: those of ASCII's letters
    try:
        found, warnings = read(tmp_path / "d.csv", content, kind if told else None)
    except TaskError:
        assert not told
        return
    assert warnings or found == (text if told else content.decode())  # what is UTF-8 too is read as that
