"""Step 1: read a CRM entity into the lake.

What belongs here: the CRM and the lake brought together, and errors put in the catalogue's terms. What does not:
reading (crm) and typing (warehouse/snapshots.py).
"""

from et_platform.catalog.catalog import Declared
from et_platform.catalog.models import CrmEntity
from et_platform.crm.errors import MissingColumn, MissingTable, ReadFailed
from et_platform.crm.source import Source
from et_platform.outbound.errors import DeclarationMismatch
from et_platform.outbound.road import Road
from et_platform.sync.folding import folded_key
from et_platform.warehouse.snapshots import Snapshot, write_snapshot


def take_snapshot(road: Road, entity: Declared[CrmEntity]) -> Snapshot:
    """Replace the entity's snapshot by what the CRM holds now.

    Raises CrmError when the CRM cannot be read and DeclarationMismatch when the catalogue asks for a table or
    column that it does not have; the former snapshot then stays. One run at a time takes it, so that what was read
    earlier never replaces what was read later.
    """
    with road.lease(f"snapshot of {entity.name}"):
        snapshot = _read(road, entity)
        road.lake.tidy()
    road.tell(f"Snapshot {snapshot.id} of {entity.name}: {snapshot.rows} rows.")
    return snapshot


def _read(road: Road, entity: Declared[CrmEntity]) -> Snapshot:
    source = Source(table=entity.is_.source.table, query=entity.is_.source.query)
    with road.open_crm() as crm:
        try:
            rows = crm.read(source, list(entity.is_.columns))
        except ReadFailed as error:
            raise DeclarationMismatch(
                f"{entity.at('source')}: source: {error} The former snapshot was kept and nothing was sent."
            ) from None
        except MissingColumn as error:
            raise DeclarationMismatch(
                f"{entity.at('columns', error.column)}: columns.{error.column}: {error} Correct the declaration or "
                "the CRM; the former snapshot was kept and nothing was sent."
            ) from None
        except MissingTable as error:
            raise DeclarationMismatch(
                f"{entity.at('source')}: source: {error} The former snapshot was kept and nothing was sent."
            ) from None
        return write_snapshot(
            road.lake, name=entity.name, entity=entity.is_, rows=rows, fold=folded_key, run_id=road.run_id
        )
