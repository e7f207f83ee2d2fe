"""What a data extension's rows are made from, as the lake has it now.

What belongs here: finding snapshot, dbt model or query, its version, and how fresh it is. What does not: the SQL over
it (sync/sources.py), and what follows from it (plan.py, consent.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import duckdb

from et_platform.catalog.catalog import Catalog, Declared
from et_platform.catalog.models import DataExtension
from et_platform.catalog.relation import Relation
from et_platform.duckdb_support import quoted, without_values
from et_platform.outbound.errors import DeclarationMismatch, NothingToPlanFrom
from et_platform.sync import sources
from et_platform.sync.expressions import BadExpression
from et_platform.warehouse import snapshot_history
from et_platform.warehouse.lake import built_at, relation_exists
from et_platform.warehouse.snapshot_history import Snapshot


@dataclass(frozen=True)
class Source:
    """The rows of a source in one view of the lake.

    `found` is SQL for them, made of a table with numbered rows (`rowid`); `version` names their content; `as_of` is the
    moment whose truth they are: when the CRM was read, of several readings the oldest one. `is_complete`: what is not
    there is gone. `drift`: columns of the CRM that fields read, and that are of another type than when they were
    declared.
    """

    found: sources.Rows
    version: str
    as_of: datetime
    is_complete: bool
    drift: tuple[str, ...] = ()

    @property
    def relation(self) -> Relation:
        """The columns of the rows."""
        return self.found.relation

    @property
    def rows(self) -> str:
        """SQL for all rows."""
        return self.found.sql


def read_source(connection: duckdb.DuckDBPyConnection, catalog: Catalog, declared: Declared[DataExtension]) -> Source:
    """The data extension's source in this view of the lake; a query is asked once for the life of the connection.

    Raises NothingToPlanFrom when nothing was read or built yet, DeclarationMismatch for a column or an expression that
    does not fit what is there.
    """
    crm = declared.is_.source.crm
    with _explained(declared):
        return _of_snapshot(connection, catalog, declared, crm) if crm is not None else _of_table(connection, declared)


def version_of(connection: duckdb.DuckDBPyConnection, declared: Declared[DataExtension]) -> str:
    """The version of the source in this view of the lake, as cheaply as it can be had. Raises as `read_source`."""
    if declared.is_.source.crm is not None:
        return _snapshot(connection, declared.is_.source.crm).id
    with _explained(declared):
        return _of_table(connection, declared).version


@contextmanager
def _explained(declared: Declared[DataExtension]) -> Iterator[None]:
    try:
        yield
    except BadExpression as error:
        raise DeclarationMismatch(
            f"{declared.at('source')}: source: {error}. Nothing was planned and nothing was sent."
        ) from None


def _snapshot(connection: duckdb.DuckDBPyConnection, entity: str) -> Snapshot:
    found = snapshot_history.last(connection, entity)
    if found is None:
        raise NothingToPlanFrom(
            f"There is no snapshot of the CRM entity {entity} yet: materialize crm_snapshot/{entity} first."
        )
    return found


def _of_snapshot(
    connection: duckdb.DuckDBPyConnection, catalog: Catalog, declared: Declared[DataExtension], entity: str
) -> Source:
    rows = sources.of_snapshot(declared.is_, catalog.crm[entity].is_, f"lake.crm.{quoted(entity)}")
    snapshot = _snapshot(connection, entity)
    read = sources.columns_of(declared.is_, catalog.crm[entity].is_)
    drift = tuple(one for one in snapshot.warnings if any(f"columns.{name}:" in one for name in read))
    return Source(rows, snapshot.id, snapshot.taken_at, snapshot.kind == "full", drift)


def _of_table(connection: duckdb.DuckDBPyConnection, declared: Declared[DataExtension]) -> Source:
    """What a model or a query shows, kept for this connection: all that is made of it is made of one reading."""
    source = declared.is_.source
    name = quoted(f"source of {declared.name}")
    if source.model is not None:
        kind, model = source.model
        schema = sources.SCHEMAS[kind]
        read = [(schema, model)]
        query = f"SELECT * FROM lake.{schema}.{quoted(model)}"
    else:
        assert source.sql is not None
        query = source.sql
        read = sources.tables_read(query)
    _require(connection, declared, read)
    try:
        described = {row[0]: row[1] for row in connection.execute(f"DESCRIBE {query}").fetchall()}
        rows = sources.of_table(declared.is_, described, f"({query})")
        connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS {name} AS SELECT * FROM {rows.sql}")
    except duckdb.Error as error:
        raise BadExpression(f"the query cannot be run ({_cause(error)})") from None
    found = connection.execute(sources.version(name)).fetchone()
    assert found is not None
    return Source(sources.Rows(rows.relation, name), found[0], _as_of(connection, read), is_complete=True)


def _cause(error: duckdb.Error) -> str:
    """DuckDB's words: about names, or, if it may quote a value, what comes before that."""
    about_names = isinstance(error, duckdb.BinderException | duckdb.CatalogException | duckdb.ParserException)
    return str(error).splitlines()[0] if about_names else f"{without_values(str(error))} …"


def _require(
    connection: duckdb.DuckDBPyConnection, declared: Declared[DataExtension], read: list[tuple[str, str]]
) -> None:
    missing = [f"lake.{schema}.{table}" for schema, table in read if not _is_there(connection, schema, table)]
    if missing:
        assets = ", ".join("/".join(asset) for asset in sources.upstream(declared))
        raise NothingToPlanFrom(
            f"{declared.name} is made from {', '.join(missing)}, which is not in the lake yet: materialize {assets} "
            "first. Nothing was planned and nothing was sent."
        )


def _is_there(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> bool:
    """Whether it was read or built. A table of the CRM may stand there empty, for models, before any snapshot."""
    if schema == "crm":
        return snapshot_history.last(connection, table) is not None
    return relation_exists(connection, schema, table)


def _as_of(connection: duckdb.DuckDBPyConnection, read: list[tuple[str, str]]) -> datetime:
    """The oldest moment among the newest snapshots that are read, and the tables, as they were built.

    For what has no such moment it is when the lake was written last.
    """
    found = []
    for schema, table in read:
        snapshot = snapshot_history.last(connection, table) if schema == "crm" else None
        found.append(snapshot.taken_at if snapshot is not None else built_at(connection, schema, table))
    known = [moment for moment in found if moment is not None]
    if known:
        return min(known)
    row = connection.execute("SELECT max(snapshot_time) FROM ducklake_snapshots('lake')").fetchone()
    assert row is not None
    return row[0]
