"""JSON files: one object a line, or one array of objects."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from idla_trainer.data.findings.names import quoted
from idla_trainer.data.formats.column_inference import EXACT, AsWritten
from idla_trainer.data.formats.database import Database, DatabaseError, identifier, literal, refuse
from idla_trainer.data.formats.files import LONGEST_LINE, opened_text
from idla_trainer.data.formats.refusals import empty, invalid
from idla_trainer.data.formats.stored_columns import Budget, Field, Kind, StoredColumns
from idla_trainer.failures import TaskError

_MOST_COLUMNS = 1 << 14
_HALF = re.compile(r"(?P<whole>\\u[dD][89abAB]\w\w\\u[dD][c-fC-F]\w\w|\\[^u])|\\u[dD][89a-fA-F]\w\w")
"""A half of a character beyond 16 bits alone, as JSON writes it: it is no character."""
_BROKEN = "surrogate"
"""What the database says of such a half."""
_OBJECT = re.compile(r"\{.*\},?")
_INSERT = (
    "INSERT INTO objects SELECT json FROM read_json_objects({file}, format = 'auto', "
    f"maximum_object_size = {LONGEST_LINE})"
)
_LARGE = f"regexp_full_match({{c}}, '-?[0-9]+') AND abs(try_cast({{c}} AS DOUBLE)) >= {EXACT}"
_RECORD = "json_type({c}) = 'OBJECT' OR json_type({c}, '$[0]') IN ('OBJECT', 'VARCHAR')"
_COUNTS = (
    "count(*) FILTER (json_type({c}) = 'ARRAY')",
    f"count(*) FILTER ({_RECORD})",
    f"count(*) FILTER (json_type({{c}}) = 'VARCHAR' OR {_LARGE})",
)
"""Of lists, of objects and lists of them or of texts, and of what only a text holds."""


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
    database = Database(budget.memory)
    database.run("CREATE TABLE objects (json JSON)")
    for path in paths:
        _load(database, path)
    names = _names(database, budget.path)
    structure = ", ".join(f'{json.dumps(name)}: "JSON"' for name in names)
    database.run(
        f"CREATE TABLE examples AS SELECT unnest(from_json(json, {literal('{' + structure + '}')})) FROM objects"
    )
    database.run("DROP TABLE objects")
    kept = as_written(names)
    counts = database.of_each("examples", [identifier(name) for name in names], _COUNTS)
    fields = {
        name: _object_field(database, budget.path, name) if records else _field(name, lists, texts or name in kept)
        for name, (lists, records, texts) in zip(names, counts, strict=True)
    }
    return StoredColumns(
        database, "examples", fields, budget, lambda error: refuse(budget.path, "JSON", error, budget.memory)
    )


def _load(database: Database, path: Path) -> None:
    """Append the objects of a file, each a line of a table.

    Raises:
        TaskError: it is no JSON.
    """
    try:
        database.run(_INSERT.format(file=database.link(path)))
    except DatabaseError as error:
        if _BROKEN not in str(error) or path.parent == database.folder:
            raise _refused_line(path) or refuse(path, "JSON", error, database.memory) from error
        copy = database.folder / path.name.removesuffix(".gz")
        with opened_text(path) as text, copy.open("w", encoding="utf-8", newline="") as mended:
            mended.writelines(_HALF.sub(lambda found: found["whole"] or "\ufffd", line) for line in text)
        _load(database, copy)


def _refused_line(path: Path) -> TaskError | None:
    """Return the refusal of the first line that is no JSON; None: the objects are not one a line."""
    with opened_text(path) as text:
        for number, line in enumerate(text, 1):
            bare = line.strip()
            if number == 1 and not _OBJECT.fullmatch(bare):
                return None
            try:
                json.loads(bare or "null")
            except (ValueError, RecursionError) as error:
                why = (
                    f"{error.msg} at character {error.colno}" if isinstance(error, json.JSONDecodeError) else "too deep"
                )
                why = "a comma ends it" if bare.endswith(",") else why
                return invalid(
                    f"line {number} of {path.name}, {quoted(bare)}, is no JSON: {why}; give each line one object "
                    "alone, or write one array, with brackets around all and a comma between two"
                )
    return None


def _names(database: Database, path: Path) -> list[str]:
    other = database.rows("SELECT rowid, json::VARCHAR FROM objects WHERE json_type(json) <> 'OBJECT' LIMIT 1")
    if other:
        example, text = other[0]
        raise invalid(
            f"example {example} of {path.name} is {quoted(text)}; every line, or every element of one array, has to be "
            'a JSON object, such as {"text": "hello", "label": "greeting"}'
        )
    listed = database.rows("SELECT json_keys(json), min(rowid) FROM objects GROUP BY 1 ORDER BY 2")
    if not listed:
        raise empty(f"{path.name} holds no example")
    known = dict[str, str]()
    for names, example in listed:
        for place, name in enumerate(names):
            twin = known.setdefault(name.lower(), name)
            if not name:
                raise invalid(f"example {example} of {path.name} has a value without a name; give it one")
            if name in names[:place]:
                raise invalid(
                    f"example {example} of {path.name} has the name {quoted(name)} twice; give every value its own"
                )
            if twin != name:
                raise invalid(
                    f"{path.name} has the names {quoted(twin)} and {quoted(name)}, which differ in case alone; rename "
                    "one of them"
                )
    _check_rows(database, path)
    if len(known) > _MOST_COLUMNS:
        raise invalid(f"{path.name} has more than {_MOST_COLUMNS} columns; put the numbers of one into a list")
    return list(known.values())


def _check_rows(database: Database, path: Path) -> None:
    """Refuse one object around the list of the examples, as programs answer it, and one of columns."""
    entries = database.rows(
        "SELECT entry.key, entry.type, json_type(entry.value, '$[0]') FROM objects, json_each(json) AS entry "
        "WHERE (SELECT count(*) FROM objects) = 1 ORDER BY entry.id"
    )
    around = next((key for key, kind, inner in entries if (kind, inner) == ("ARRAY", "OBJECT")), None)
    if around is not None:
        raise invalid(
            f"{path.name} is one object, whose {quoted(around)} holds a list of objects; write that list alone, "
            "or its objects one a line"
        )
    if len(entries) > 1 and all(kind in {"ARRAY", "OBJECT"} for _, kind, _ in entries):
        raise invalid(
            f"{path.name} is one object, in which {quoted(entries[0][0])} and others hold a column or a row each; "
            'write an object for each row, as `to_json("data.jsonl", orient="records", lines=True)` of pandas does'
        )


def _field(name: str, lists: int, text: bool) -> Field:  # noqa: FBT001
    column = identifier(name)
    if lists:
        return Field(Kind.LISTS, f"{column}::VARCHAR")
    if text:
        return Field(Kind.TEXTS, f"coalesce({column} ->> '$', '')")
    return Field(Kind.NUMBERS, f"try_cast({column} AS DOUBLE)")


def _object_field(database: Database, path: Path, name: str) -> Field:
    column = identifier(name)
    example, text = database.row(
        f"SELECT rowid, {column}::VARCHAR FROM examples WHERE {_RECORD.format(c=column)} LIMIT 1"
    )
    return Field(
        Kind.OTHER,
        column,
        f"example {example} of {path.name} has {quoted(text)} as {quoted(name)}; allowed: a number, a text, or a list "
        "of numbers in which all rows have one length. Leave it out of the file, or name the columns to learn from "
        "in data.columns",
    )
