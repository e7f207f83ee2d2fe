"""Consent, as the newest facts have it: the snapshot as it is now, and ExactTarget's own events.

What belongs here: reading the facts, for plans and for the last look before an import. What does not: what follows
from them (sync/opt_out.py), and the opt-outs that travel by themselves (opt_outs.py).
"""

import duckdb

from et_platform.catalog.catalog import Catalog, Declared
from et_platform.catalog.extract import unsubscribes_of
from et_platform.catalog.models import DataExtension
from et_platform.duckdb_support import literal
from et_platform.ledger.records import ChangeSet, ImportFile
from et_platform.outbound.road import Road
from et_platform.outbound.source import read_source
from et_platform.sync import opt_out
from et_platform.sync.consent import is_from_everything
from et_platform.warehouse import events


def latest_unsubscribes(road: Road, catalog: Catalog, connection: duckdb.DuckDBPyConnection) -> str:
    """SQL for each subscriber's latest unsubscribe from everything of this business unit, as far as events are here."""
    if not events.are_tables_ready(connection):
        return opt_out.latest_unsubscribes(
            "(SELECT NULL::VARCHAR AS _folded_key, NULL::TIMESTAMP AS event_at WHERE false)"
        )
    declared = unsubscribes_of(one.is_ for one in catalog.extracts.values())
    return opt_out.latest_unsubscribes(
        "(SELECT _folded_key, timezone('UTC', \"EventDate\") AS event_at "
        f"FROM {events.relation('unsubscribe')} WHERE {is_from_everything(road.mid, declared)})"
    )


def rows_opting_in(
    road: Road, catalog: Catalog, declared: Declared[DataExtension], change_set: ChangeSet, file: ImportFile
) -> int:
    """How many rows of a file would leave opted in whom the newest facts say is out."""
    planned = DataExtension.model_validate(change_set.declaration)
    if file.operation not in ("insert", "update") or not opt_out.can_say(planned):
        return 0
    with road.lake.read() as connection:
        source = read_source(connection, catalog, declared)
        query = opt_out.opting_in(
            planned,
            source.relation,
            changes=f"(SELECT * FROM {road.rows_of(change_set)} WHERE _operation = {literal(file.operation)})",
            snapshot=source.rows,
            unsubscribes=latest_unsubscribes(road, catalog, connection),
        )
        row = connection.execute(f"SELECT count(*) FROM ({query})").fetchone()
    assert row is not None
    return row[0]
