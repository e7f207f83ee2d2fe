"""Forgetting what is acknowledged of a data extension, when it was emptied or lost in ExactTarget.

What belongs here: the one deliberate way back to a first load. What does not: anything that the road does by itself.
"""

from et_platform.catalog.catalog import Declared
from et_platform.catalog.models import DataExtension
from et_platform.ledger.records import IMPORTED
from et_platform.outbound.road import Road
from et_platform.outbound.settle import settle_open_attempt
from et_platform.warehouse import acknowledged, quarantine


def forget_acknowledged(road: Road, data_extension: Declared[DataExtension]) -> int:
    """Forget acknowledged rows and counted rejections; returns how many rows. The next plan sends every row anew.

    Nothing is changed in ExactTarget. An open attempt is settled first.
    """
    name = road.lake_name(data_extension.is_)
    with road.lease_of(data_extension.is_) as held:
        settle_open_attempt(road, data_extension, held)
        with road.lake.write() as connection:
            acknowledged.ensure_tables(connection, name, data_extension.is_)
            quarantine.ensure_tables(connection, name)
            rows = acknowledged.forget(connection, name)
            quarantine.forget_rejections(connection, name)
        for kind in IMPORTED:
            road.ledger.close_open_change_set(road.mid, data_extension.is_.customer_key, kind)
    return rows
