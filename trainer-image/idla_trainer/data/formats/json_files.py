"""JSON files: one object a line, or one array of objects."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from idla_trainer.data.findings.names import quoted
from idla_trainer.data.formats.budget import Budget
from idla_trainer.data.formats.column_inference import EXACT, AsWritten
from idla_trainer.data.formats.database import Database, DatabaseError, literal
from idla_trainer.data.formats.files import LONGEST_LINE, opened_text
from idla_trainer.data.formats.refusals import empty, invalid
from idla_trainer.data.formats.stored_columns import Field, Kind, StoredColumns

_MOST_COLUMNS = 1 << 14
_HALF = re.compile(r"(?P<whole>\\u[dD][89abAB]\w\w\\u[dD][c-fC-F]\w\w|\\[^u])|\\u[dD][89a-fA-F]\w\w")
"""A half of a character beyond 16 bits alone, as JSON writes it: it is no character."""
_BROKEN = "surrogate"
"""What the database says of such a half."""
_OBJECT = re.compile(r"\{.*\},?\s*")
_LOAD = (
    "INSERT INTO objects SELECT json FROM read_json_objects({}, format = 'auto', "
    f"maximum_object_size = {LONGEST_LINE})"
)
_LARGE = f"regexp_full_match({{c}}, '-?[0-9]+') AND abs(try_cast({{c}} AS DOUBLE)) >= {EXACT}"
_KIND = f"""CASE WHEN bool_or(json_type({{c}}) IN ('ARRAY', 'OBJECT')) THEN 2
  WHEN bool_or(json_type({{c}}) = 'VARCHAR' OR {_LARGE}) THEN 1 ELSE 0 END"""
"""Place among `_READ`."""
_READ = (
    (Kind.NUMBERS, "try_cast({c} AS DOUBLE)"),
    (Kind.TEXTS, "coalesce({c} ->> '$', '')"),
    (Kind.LISTS, "{c}::VARCHAR"),
)


def read_json(paths: Sequence[Path], budget: Budget, as_written: AsWritten) -> StoredColumns:
    """Return the columns of files by the names in their objects, in the order of their first appearance.

    Numbers and truth values make a column of numbers, texts one of texts, both together one of texts; lists of
    numbers of one shape make an array [N, ...]. `null` and an absent name are missing values.

    Args:
        paths: the files, in UTF-8, compressed by gzip or not.
        budget: the memory that the columns may take.
        as_written: of the names of all columns those whose numbers and truth values stay texts.

    Raises:
        TaskError: unreadable, no example, one that is no object, a name twice, or too many names.
    """
    database = Database("JSON", budget)
    database.run("CREATE TABLE objects (json JSON)")
    for path in paths:
        with database.refusing(path):
            _load(database, path)
    with database.refusing(budget.path):
        names = _names(database, budget.path)
        columns = {name: f"c{place}" for place, name in enumerate(names)}
        structure = ", ".join(f'{json.dumps(name)}: "JSON"' for name in names)
        database.run(
            f"CREATE TABLE examples AS SELECT * FROM (SELECT unnest(from_json(json, {literal('{' + structure + '}')})) "
            f"FROM objects) AS examples({', '.join(columns.values())})"
        )
        database.run("DROP TABLE objects")
        texts = as_written(names)
        kinds = zip(columns.items(), database.of_each("examples", list(columns.values()), _KIND), strict=True)
        fields = dict[str, Field]()
        for (name, column), place in kinds:
            kind, sql = _READ[max(place, name in texts)]
            fields[name] = Field(kind, sql.format(c=column))
    return StoredColumns(database, "examples", fields)


def _load(database: Database, path: Path) -> None:
    """Append the objects of a file, each a line of a table.

    Raises:
        DatabaseError: it is no JSON.
        TaskError: a line of it is none.
    """
    try:
        database.run(_LOAD.format(database.link(path)))
    except DatabaseError as error:
        if _BROKEN not in str(error) or path.parent == database.folder:
            _refuse_line(path)
            raise
        copy = database.folder / path.name.removesuffix(".gz")
        with opened_text(path) as text, copy.open("w", encoding="utf-8", newline="") as mended:
            mended.writelines(_HALF.sub(lambda found: found["whole"] or "\ufffd", line) for line in text)
        _load(database, copy)


def _refuse_line(path: Path) -> None:
    """Refuse the first line that is no JSON, where the objects are one a line."""
    with opened_text(path) as text:
        for number, line in enumerate(text, 1):
            if number == 1 and not _OBJECT.fullmatch(line):
                return
            try:
                json.loads(line if line.strip() else "null")
            except (ValueError, RecursionError) as error:
                raise invalid(
                    f"line {number} of {path.name}, {quoted(line.strip())}, is no JSON "
                    f"({getattr(error, 'msg', 'too deep')}); give each line one object alone, or write one array, with "
                    "brackets around all and a comma between two"
                ) from error


def _names(database: Database, path: Path) -> list[str]:
    others = database.rows("SELECT rowid, json::VARCHAR FROM objects WHERE json_type(json) <> 'OBJECT' LIMIT 1")
    if others:
        example, text = others[0]
        raise invalid(
            f"example {example} of {path.name} is {quoted(text)}; every line, or every element of one array, has to be "
            'a JSON object, such as {"text": "hello", "label": "greeting"}'
        )
    found = database.rows("SELECT json_keys(json), min(rowid) FROM objects GROUP BY 1 ORDER BY 2")
    if not found:
        raise empty(f"{path.name} holds no example")
    known = dict[str, str]()
    for names, example in found:
        for place, name in enumerate(names):
            twin = known.setdefault(name.lower(), name)
            if not name or twin != name or name in names[:place]:
                raise invalid(
                    f"example {example} of {path.name} has the names {quoted(twin)} and {quoted(name)}; give every "
                    "value a name of its own, which is not empty and differs from others in more than case"
                )
    _check_rows(database, path)
    if len(known) > _MOST_COLUMNS:
        raise invalid(f"{path.name} has more than {_MOST_COLUMNS} columns; put the numbers of one into a list")
    return list(known.values())


def _check_rows(database: Database, path: Path) -> None:
    """Refuse one object around the list of the examples, as programs answer it, and one of columns or of rows."""
    if database.value("SELECT count(*) FROM objects") > 1:
        return
    kinds = "SELECT entry.key, entry.type FROM objects, json_each(json) AS entry ORDER BY entry.id"
    name = next((name for name, kind in database.rows(kinds) if kind in {"ARRAY", "OBJECT"}), None)
    if name is not None:
        raise invalid(
            f"{path.name} is one object, whose {quoted(name)} holds a list or an object; write an object for "
            "each example, one a line or all in one list, as "
            '`to_json("data.jsonl", orient="records", lines=True)` of pandas does'
        )
