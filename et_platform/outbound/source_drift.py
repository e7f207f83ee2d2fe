"""Whether the CRM's columns are still those that were declared, and those that were read before.

What belongs here: comparing declaration, database and the record of earlier snapshots, column by column. What does not:
values; a single one that cannot be read is held back with a reason (warehouse/reading.py).

What makes reading unsafe is an error that names file and line. What makes it only doubtful is a warning, which stays
until the declaration is touched or the CRM turns back; everything else is a note.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from et_platform.catalog.catalog import Declared
from et_platform.catalog.models import ColumnType, CrmEntity
from et_platform.crm.errors import MissingColumn
from et_platform.crm.source import Source, SourceColumn, find_columns
from et_platform.crm.values import Kind
from et_platform.outbound.errors import DeclarationMismatch

Recorded = Sequence[Mapping[str, str | bool | None]]
"""Columns as a snapshot's record keeps them: name, type, kind, nullable."""

_READABLE: dict[ColumnType, tuple[Kind, ...]] = {
    # What a database that keeps other values out can hold of a declared type. Text can hold them all.
    "integer": ("integer", "number"),
    "decimal": ("integer", "number"),
    "double": ("integer", "number"),
    "boolean": ("boolean", "integer", "number"),
    "date": ("date", "timestamp"),
    "timestamp": ("date", "timestamp"),
}
_KEPT = "The former snapshot was kept and nothing was sent."


@dataclass(frozen=True)
class Drift:
    """What changed, in sentences: `warnings` ask for a look, `notes` do not. `retyped` names declared columns of which
    the database's type is not what it was in the snapshot before; `columns` are the CRM's, by their declared names.
    """

    columns: Mapping[str, SourceColumn]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    retyped: frozenset[str]


def recorded(columns: Iterable[SourceColumn]) -> tuple[dict[str, str | bool | None], ...]:
    """The columns as a snapshot's record keeps them."""
    return tuple({"name": c.name, "type": c.type, "kind": c.kind, "nullable": c.nullable} for c in columns)


def compare(
    entity: Declared[CrmEntity],
    columns: Sequence[SourceColumn],
    *,
    before: Recorded | None,
    baseline: Recorded | None,
    is_accepted: bool,
) -> Drift:
    """Compare what the CRM has with the declaration, with the snapshot `before`, and with the `baseline`: the first
    snapshot since the declaration was touched. Both are None when there is none.

    Raises DeclarationMismatch, with every problem in it: a column that is missing, one whose type can hold no value of
    the declared one, and a key whose type changed, unless it `is_accepted`.
    """
    was = {str(column["name"]): column for column in before or ()}
    found, problems = _find(entity, columns, was)
    warnings: list[str] = []
    retyped: set[str] = set()
    base = {str(column["name"]): column for column in baseline or ()}
    for name, column in found.items():
        declared = entity.is_.columns[name].type
        where = f"{entity.at('columns', name)}: columns.{name}:"
        if column.enforced and column.kind not in ("text", "untyped", *_READABLE.get(declared, (column.kind,))):
            problems.append(
                f"{where} the CRM's column {column.name} is of type {column.type}, and no value of that type can be "
                f"read as {declared}. Declare the type that it has, or read it through a query that converts it."
            )
            continue
        former = was.get(column.name)
        if former is not None and former["type"] != column.type:
            retyped.add(name)
            if name in entity.is_.keys and former["kind"] != column.kind and not is_accepted:
                problems.append(
                    f"{where} the key's column {column.name} was of type {_type(former['type'])} and is of type "
                    f"{_type(column.type)} now, so the same rows might come under other keys. Touch the declared type "
                    "of the column, or start the snapshot with `accept_drift`, once you have seen that they do not."
                )
        if (standing := base.get(column.name)) is not None:
            warnings += _doubts(where, declared, standing, column, is_key=name in entity.is_.keys)
    if problems:
        raise DeclarationMismatch(f"{' '.join(problems)} {_KEPT}")
    return Drift(found, tuple(warnings), tuple(_notes(columns, was)) if was else (), frozenset(retyped))


def _find(
    entity: Declared[CrmEntity], columns: Sequence[SourceColumn], was: Mapping[str, object]
) -> tuple[dict[str, SourceColumn], list[str]]:
    """The CRM's column for each declared one, and what is to be said of those that it does not have."""
    source = Source(table=entity.is_.source.table, query=entity.is_.source.query)
    available = [column.name for column in columns]
    by_name = {column.name: column for column in columns}
    new = [column.name for column in columns if column.name not in was]
    found: dict[str, SourceColumn] = {}
    problems: list[str] = []
    for name in entity.is_.columns:
        try:
            (actual,) = find_columns([name], available, source)
        except MissingColumn as error:
            renamed = f" New since the last snapshot: {', '.join(new)}; perhaps it was renamed." if was and new else ""
            problems.append(
                f"{entity.at('columns', name)}: columns.{name}: {error}{renamed} Correct the declaration or the CRM."
            )
        else:
            found[name] = by_name[actual]
    return found, problems


def _doubts(
    where: str, declared: ColumnType, was: Mapping[str, str | bool | None], now: SourceColumn, *, is_key: bool
) -> Iterable[str]:
    types = f"was of type {_type(was['type'])} and is of type {_type(now.type)} now"
    if was["kind"] != now.kind:
        if declared == "text":
            consequence = "its values may be written another way now, and then every such row is a change"
        elif now.kind in _READABLE[declared]:
            consequence = "its values may have been rounded or shifted by that, and then every such row is a change"
        else:
            consequence = f"a value that is no {declared} is held back"
        yield f"{where} {now.name} {types}: {consequence}."
    elif _has_zone(was["type"]) is not _has_zone(now.type):
        yield f"{where} {now.name} {types}: without a time zone, times are taken for UTC."
    if is_key and was["nullable"] is False and now.nullable:
        yield f"{where} the key's column {now.name} may be empty now; a row without a key is held back."


def _notes(columns: Sequence[SourceColumn], was: Mapping[str, Mapping[str, str | bool | None]]) -> Iterable[str]:
    for column in columns:
        former = was.get(column.name)
        if former is None:
            yield f"{column.name} is new ({_type(column.type)})."
            continue
        if former["type"] != column.type:
            yield f"{column.name} was {_type(former['type'])} and is {_type(column.type)}."
        if former["nullable"] is not column.nullable:
            words = {True: "could be empty", False: "could not be empty", None: "did not say whether it can be empty"}
            yield f"{column.name} {words[former['nullable']]} before."  # type: ignore[index]
    for name in was.keys() - {column.name for column in columns}:
        yield f"{name} is gone."


def _type(name: str | bool | None) -> str:
    return str(name) if name else "no type"


def _has_zone(type_: str | bool | None) -> bool:
    return "with time zone" in str(type_)
