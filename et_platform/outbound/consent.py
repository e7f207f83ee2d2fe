"""Consent, as the newest facts have it: the snapshot as it is now, and what ExactTarget told.

What belongs here: reading the facts, for plans and for the last look before an import. What does not: what follows
from them (sync/opt_out.py), and the opt-outs that travel by themselves (opt_outs.py).
"""

import duckdb

from et_platform.catalog.catalog import Catalog, Declared
from et_platform.catalog.extract import unsubscribes_of
from et_platform.catalog.models import DataExtension
from et_platform.duckdb_support import literal, quoted
from et_platform.ledger.records import ChangeSet, ImportFile
from et_platform.outbound.road import Road
from et_platform.outbound.source import read_source
from et_platform.sync import consent_facts, folding, opt_out
from et_platform.sync.identity import Operation
from et_platform.warehouse import events, status_changes


def latest_unsubscribes(road: Road, catalog: Catalog, connection: duckdb.DuckDBPyConnection) -> str:
    """SQL for each subscriber's latest opt-out from everything of this business unit, as far as ExactTarget told it."""
    return opt_out.latest_unsubscribes(consent_facts.standing_outs(_facts(road, catalog, connection)))


def _facts(road: Road, catalog: Catalog, connection: duckdb.DuckDBPyConnection) -> str:
    return consent_facts.of_exacttarget(
        unsubscribes=events.rows(connection, "unsubscribe"),
        status_changes=status_changes.relation(connection),
        mid=road.mid,
        declared=unsubscribes_of(one.is_ for one in catalog.extracts.values()),
    )


def rows_opting_in(
    road: Road,
    catalog: Catalog,
    declared: Declared[DataExtension],
    change_set: ChangeSet,
    operation: Operation,
    file: ImportFile | None = None,
) -> int:
    """How many rows of a change set's operation, or of one file of it, would leave opted in whom the newest facts say
    is out, or put them into an audience.
    """
    planned = DataExtension.model_validate(change_set.declaration)
    if operation not in ("insert", "update"):
        return 0
    subscriber = opt_out.audience_field(planned)
    if subscriber is not None:
        return _rows_of_who_is_out(road, catalog, declared, subscriber, change_set, operation, file)
    if not opt_out.can_say(planned):
        return 0
    with road.lake.read() as connection:
        source = read_source(connection, catalog, declared)
        query = opt_out.opting_in(
            planned,
            source.relation,
            changes=f"(SELECT * FROM {road.rows_of(change_set, file)} WHERE _operation = {literal(operation)})",
            snapshot=source.rows,
            unsubscribes=latest_unsubscribes(road, catalog, connection),
        )
        row = connection.execute(f"SELECT count(*) FROM ({query})").fetchone()
    assert row is not None
    return row[0]


def _rows_of_who_is_out(
    road: Road,
    catalog: Catalog,
    declared: Declared[DataExtension],
    field: str,
    change_set: ChangeSet,
    operation: Operation,
    file: ImportFile | None,
) -> int:
    """How many rows of a file belong to subscribers who are out or held; `field` names the subscriber."""
    changes = f"(FROM {road.rows_of(change_set, file)} WHERE _operation = {literal(operation)})"
    key = folding.folded_key(f"CAST(c.{quoted(field)} AS VARCHAR)")
    with road.lake.read() as connection:
        out = who_is_out(road, catalog, declared, connection)
        if out is None:
            return 0
        row = connection.execute(f"SELECT count(*) FROM {changes} AS c WHERE {key} IN ({out})").fetchone()
    assert row is not None
    return row[0]


def who_is_out(
    road: Road, catalog: Catalog, declared: Declared[DataExtension], connection: duckdb.DuckDBPyConnection
) -> str | None:
    """SQL for the `_folded_key` of every subscriber whom nobody may mail from an audience of this business unit; None
    if nothing declares who is out.
    """
    unsubscribes = latest_unsubscribes(road, catalog, connection)
    out = []
    for one in catalog.consent_of(declared):
        source = read_source(connection, catalog, one)
        out.append(opt_out.out(one.is_, source.relation, snapshot=source.rows, unsubscribes=unsubscribes))
    if not out:
        return None
    return " UNION ".join([*out, consent_facts.held(_facts(road, catalog, connection))])
