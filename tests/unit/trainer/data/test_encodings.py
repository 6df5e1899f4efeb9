# ruff: noqa: RUF001
"""Text files are read in the encoding that they have: known, set, or guessed with a warning, never silently wrong."""

import codecs
import gzip
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


def read(path: Path, content: bytes, kind: Encoding | None = None) -> tuple[str, str]:
    """Return the text that the readers get, and the warning."""
    path.write_bytes(content)
    copies = path.parent / "copies"
    copies.mkdir(exist_ok=True)
    found, warning = in_utf8(path, kind, copies)
    with opened_text(found) as text:
        return text.read(), warning


ZEROS, LIKELY = ", since ", ", such as '"
READ: list[tuple[str, str, str]] = [
    # text, codec, what is said of it
    (FRENCH, "utf-8", ""), (FRENCH, "utf-8-sig", ""), (FRENCH, "utf-16", ""), (CHINESE, "utf-16", ""),
    (JAPANESE, "utf-8", ""), (CZECH, Encoding.UTF_16LE, ZEROS), (CZECH, Encoding.UTF_16BE, ZEROS),
    (RUSSIAN, Encoding.UTF_16BE, ZEROS), (CHINESE, Encoding.UTF_16LE, ZEROS),
    (FRENCH, Encoding.WINDOWS_1252, LIKELY), (CZECH, Encoding.WINDOWS_1250, LIKELY),
    (RUSSIAN, Encoding.WINDOWS_1251, LIKELY), (RUSSIAN, Encoding.KOI8_R, LIKELY),
    (GREEK, Encoding.WINDOWS_1253, LIKELY), (TURKISH, Encoding.WINDOWS_1254, LIKELY),
    (ARABIC, Encoding.WINDOWS_1256, LIKELY), (CHINESE, Encoding.GB18030, LIKELY), (TAIWANESE, Encoding.BIG5, LIKELY),
    (JAPANESE, Encoding.SHIFT_JIS, LIKELY), (KOREAN, Encoding.EUC_KR, LIKELY),
]  # fmt: skip


@pytest.mark.parametrize(("text", "codec", "said"), READ)
def test_an_encoding_is_known_or_guessed_with_a_warning(tmp_path: Path, text: str, codec: str, said: str) -> None:
    kind = python_codec(codec) if isinstance(codec, Encoding) else codec
    found, warning = read(tmp_path / "d.csv", text.encode(kind))
    assert (found, bool(warning)) == (text, bool(said))
    assert warning.startswith(f"d.csv is read as {codec}{said}" if said else "")


def test_one_word_far_down_a_compressed_file_is_enough(tmp_path: Path) -> None:
    text = "id,name\n" + "".join(f"{number},item {number}\n" for number in range(90_000)) + "90000,café\n"
    found, warning = read(tmp_path / "d.csv.gz", gzip.compress(text.encode("cp1252")))
    assert found == text
    assert "as windows-1252, such as 'café': line 90002 is no UTF-8" in warning


@pytest.mark.parametrize(("name", "line"), [("d.csv", "%s"), ("d.jsonl", '{"city": "%s"}')])
def test_the_readers_say_what_was_guessed(tmp_path: Path, name: str, line: str) -> None:
    rows = ["très bien; merci à vous", "déçu par la qualité; où est le gâteau", "un été à la plage; ça va"]
    lines = [*(["city"] if name == "d.csv" else []), *(line % row for row in rows)]
    (tmp_path / name).write_bytes("\n".join(lines).encode("cp1252"))
    table = read_table(tmp_path / name, DataSource(uri="pvc://c/x", delimiter=",", header=True), 1 << 22)
    assert table.columns["city"].tolist() == rows
    assert table.warnings[0].startswith(f"{name} is read as windows-1252, such as ")


BAD: dict[str, tuple[bytes, Encoding | None]] = {
    "not the one that is set": (FRENCH.encode("cp1252"), Encoding.UTF_8),
    "cut within a character": ("a,b\n1,é\n".encode("cp1252"), Encoding.BIG5),
    "not what the mark says": (codecs.BOM_UTF8 + b"a,b\ncaf\xe9,1\n", None),
    "a mark of another one": (codecs.BOM_UTF8 + b"a,b\ncaf,1\n", Encoding.WINDOWS_1252),
    "no text at all": (b"a,b\n" + bytes(range(1, 256)) * 9, None),
}


@pytest.mark.parametrize("case", BAD)
def test_bytes_of_another_encoding_are_refused(tmp_path: Path, golden: Golden, case: str) -> None:
    golden(refused(lambda: read(tmp_path / "d.csv", *BAD[case]))[1])


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
        found, warning = read(tmp_path / "d.csv", content, kind if told else None)
    except TaskError:
        assert not told
        return
    assert warning or found == (text if told else content.decode())  # what is UTF-8 too is read as that
