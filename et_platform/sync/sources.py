"""The rows of a data extension's source as one relation: key, folded key, row hash, typed columns.

What belongs here: SQL that gives a snapshot its computed columns, and a dbt model or a query the shape of a snapshot;
which relations of the lake a source reads. What does not: asking the lake (outbound/source.py).

Everything after this, plans, consent and removals, is given the same shape and does not ask where it comes from.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from et_platform.catalog.catalog import Catalog, Declared
from et_platform.catalog.entity import ROW_NUMBER
from et_platform.catalog.loader import CatalogError
from et_platform.catalog.models import DataExtension
from et_platform.catalog.relation import Columns, Relation
from et_platform.catalog.types import remedy
from et_platform.duckdb_support import literal, quoted
from et_platform.sync import folding
from et_platform.sync.expressions import (
    BadExpression,
    as_column,
    column_of,
    columns_read,
    in_brackets,
    parsed,
    parts,
    type_of,
)

SCHEMAS = {"audience": "audiences", "mart": "marts"}
"""Where the lake has the tables of a kind of dbt model."""

_MODELS = {"staging": "staging", "int": "int", "audiences": "audience", "marts": "mart"}
_ASSETS = {"crm": "crm_snapshot", **_MODELS, "extracts": "events"}
"""The prefix of the assets that write a schema of the lake."""

MODELS = tuple(_MODELS.values())
"""The prefixes of dbt models, which are the groups that they are shown in."""


@dataclass(frozen=True)
class Rows:
    """A relation and the SQL that shows its rows: `columns`, `_key`, `_folded_key`, `_row_hash` and `_invalid`.

    They are made row by row from a `table` (an SQL name or subquery), which has key and hash already. `over` makes them
    from a part of it.
    """

    relation: Relation
    table: str
    _around: tuple[str, str] = ("", "")

    @property
    def sql(self) -> str:
        """SQL for all rows."""
        return self.over(self.table)

    def over(self, table: str) -> str:
        """SQL for the rows that are made from `table`, which has the columns of the rows' own."""
        before, after = self._around
        return f"{before}{table}{after}"


def of_snapshot(data_extension: DataExtension, entity: Relation, snapshot: str) -> Rows:
    """The rows of an entity's snapshot (an SQL name), with the columns that the fields' expressions compute.

    An expression that fails for a row, or reads a column that could not be read, gives null, and its column is named
    in `_invalid` as an unreadable one is. Raises BadExpression.
    """
    texts = dict.fromkeys(field.sql for field in data_extension.fields.values() if field.sql is not None)
    if not texts:
        _check_types(data_extension, entity)
        return Rows(entity, snapshot)
    columns, tried, values, broken = dict(entity.columns), [], [], []
    for number, text in enumerate(texts):
        column, sql_type = type_of(text, entity.columns)
        read = ", ".join(literal(name) for name in columns_read(text, entity.columns))
        attempt = quoted(f"_tried {number}")
        # A failing conversion is told from a value that is null: the structure as a whole is null then.
        tried.append(f"TRY(struct_pack(value := {in_brackets(text)})) AS {attempt}")
        values.append(f"{as_column(f'{attempt}.value', sql_type)} AS {quoted(text)}")
        is_broken = f"{attempt} IS NULL OR list_has_any(_invalid, [{read}]::VARCHAR[])"
        broken.append(f"CASE WHEN {is_broken} THEN {literal(text)} END")
        columns[text] = column
    names = ", ".join(quoted(name) for name in [*entity.columns, "_key", "_folded_key", "_row_hash"])
    invalid = f"list_concat(_invalid, list_filter([{', '.join(broken)}], lambda c: c IS NOT NULL)) AS _invalid"
    found = Columns(tuple(entity.keys), columns)
    _check_types(data_extension, found)
    around = f"(SELECT {names}, {', '.join(values)}, {invalid} FROM (SELECT *, {', '.join(tried)} FROM ", "))"
    return Rows(found, snapshot, around)


def columns_of(data_extension: DataExtension, relation: Relation) -> list[str]:
    """The columns of the source that the fields and the declaration of consent read. Raises BadExpression."""
    found: dict[str, None] = {}
    for field in data_extension.fields.values():
        read = columns_read(field.sql, relation.columns) if field.sql is not None else [field.source]
        found |= dict.fromkeys(name for name in read if name)
    consent = data_extension.consent
    for name in consent.types if consent is not None else ():
        if (column := getattr(consent, name)) is not None:
            found[column] = None
    return list(found)


def _check_types(data_extension: DataExtension, relation: Relation) -> None:
    for name, field in data_extension.fields.items():
        column = relation.columns.get(field.source)
        if column is not None and not field.accepts(column.type):
            mend = remedy(field.type, column.type, field.source)
            raise BadExpression(
                f"fields.{name}: a {field.type} field cannot take what is {column.type} ({field.source}); {mend}"
            )


def of_table(data_extension: DataExtension, described: Mapping[str, str], table: str) -> Rows:
    """The rows of a relation of typed columns (`described`: their DuckDB types), of which only those that fields read
    are looked at. Raises BadExpression, also for a column that is not there.
    """
    keys = tuple(data_extension.fields[name].source for name in data_extension.key_fields)
    wanted: dict[str, None] = {}
    types = {name: column for name, type_ in described.items() if (column := column_of(type_)) is not None}
    for name, field in data_extension.fields.items():
        if field.sql is not None:
            wanted |= dict.fromkeys(columns_read(field.sql, types))
        elif field.source in types:
            wanted[field.source] = None
        elif field.source in described:
            raise BadExpression(
                f"fields.{name}: the column {field.source!r} is of type {described[field.source]}, which no field "
                "takes; cast it where it is made"
            )
        elif field.source:
            raise BadExpression(
                f"fields.{name}: there is no column {field.source!r}; the source has: {', '.join(described)}"
            )
    if hidden := [name for name in wanted if name.casefold() == ROW_NUMBER]:
        raise BadExpression(
            f"the column {hidden[0]!r} cannot be read under this name, for the lake numbers its rows by it; give it "
            "another name where it is made, and read that in the fields"
        )
    values = {name: as_column(quoted(name), described[name]) for name in wanted}
    shown = ", ".join(f"{value} AS {quoted(name)}" for name, value in values.items())
    text = folding.joined([f"CAST({quoted(key)} AS VARCHAR)" for key in keys])
    base = (
        f"(SELECT {shown}, {text} AS _key, {folding.folded_key(text, len(keys))} AS _folded_key, "
        f"hash({', '.join(values.values())}) AS _row_hash, []::VARCHAR[] AS _invalid FROM {table})"
    )
    return of_snapshot(data_extension, Columns(keys, {name: types[name] for name in wanted}), base)


def version(rows: str) -> str:
    """SQL for the version of rows that nobody numbered: the same rows, whatever order they are in, are the same."""
    return f"SELECT count(*)::VARCHAR || '-' || coalesce(to_hex(sum(_row_hash)::HUGEINT), '0') FROM {rows}"


def tables_read(sql: str) -> list[tuple[str, str]]:
    """(schema, table) of each relation of the lake that a query reads. Raises BadExpression if it is no query."""
    statements = parsed(sql)
    if len(statements) != 1:
        raise BadExpression("it is more than one query; write one SELECT")
    named = (one for one in parts(statements) if one.get("type") == "BASE_TABLE" and one["schema_name"])
    return list(dict.fromkeys((one["schema_name"], one["table_name"]) for one in named))


def upstream(declared: Declared[DataExtension]) -> list[tuple[str, str]]:
    """The assets (prefix, name) that the data extension's rows are made from. Raises CatalogError."""
    source = declared.is_.source
    if source.crm is not None:
        return [("crm_snapshot", source.crm)]
    if source.model is not None:
        return [source.model]
    assert source.sql is not None
    try:
        read = tables_read(source.sql)
    except BadExpression as error:
        raise CatalogError(f"{declared.at('source', 'sql')}: source.sql: {error}.") from None
    return [_asset(schema, table) for schema, table in read if schema in _ASSETS]


def _asset(schema: str, table: str) -> tuple[str, str]:
    return _ASSETS[schema], table.removeprefix("events_") if schema == "extracts" else table


def lineage(catalog: Catalog, declared: Declared[DataExtension]) -> dict[str, list[tuple[str, str, str]]]:
    """Of each field, the columns that it is made of: (asset prefix, asset name, column). Raises CatalogError.

    A query that the parser cannot follow leaves the fields without any.
    """
    behind = upstream(declared)
    crm = declared.is_.source.crm
    columns = catalog.crm[crm].is_.columns if crm is not None else None
    made_of: dict[str, list[tuple[str, str, str]]] = {}
    for name, field in declared.is_.fields.items():
        try:
            read = columns_read(field.sql, columns) if field.sql is not None else [field.source] if field.source else []
        except BadExpression as error:
            raise CatalogError(f"{declared.at('fields', name, 'sql')}: fields.{name}.sql: {error}.") from None
        if declared.is_.source.sql is None:
            made_of[name] = [(*behind[0], column) for column in read]
        else:
            made_of[name] = sorted({place for column in read for place in _made_of(catalog, declared, column)})
    return made_of


def _made_of(catalog: Catalog, declared: Declared[DataExtension], column: str) -> Iterator[tuple[str, str, str]]:
    from sqlglot import exp  # slow to import, and needed for queries alone
    from sqlglot.errors import SqlglotError
    from sqlglot.lineage import lineage as follow

    known = {name: dict.fromkeys(entity.is_.columns, "varchar") for name, entity in catalog.crm.items()}
    try:
        nodes = list(follow(column, declared.is_.source.sql or "", {"lake": {"crm": known}}, dialect="duckdb").walk())
    except (SqlglotError, ValueError):
        return
    for node in nodes:
        table = node.source
        if not node.downstream and isinstance(table, exp.Table) and table.db in _ASSETS:
            yield (*_asset(table.db, table.name), exp.to_column(node.name).name)
