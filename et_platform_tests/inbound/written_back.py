"""A small world for writing back: a CRM of its own, a lake with events, a ledger. As a program it runs the step once
and kills itself at a named moment.
"""

import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from et_platform.catalog.catalog import Catalog, load_catalog
from et_platform.catalog.tracking import EventType
from et_platform.crm.connect import connect
from et_platform.crm.postgres_write import PostgresWriteSession
from et_platform.crm.source import Source
from et_platform.crm.sqlite_write import SqliteWriteSession
from et_platform.inbound import write_back
from et_platform.inbound.write_back import Proposal, WriteBackRoad
from et_platform.ledger import writeback as journal
from et_platform.ledger.ledger import Ledger
from et_platform.ledger.writeback import WriteBackSet
from et_platform.sync.folding import folded_key
from et_platform.warehouse import events, status_changes
from et_platform.warehouse.lake import Lake
from et_platform.warehouse.snapshots import write_snapshot

PEOPLE = """CREATE TABLE people (
    id TEXT, wants BOOLEAN, wants_at TIMESTAMP, out BOOLEAN, out_at TIMESTAMP, proof TEXT, opened TIMESTAMP, opens INTEGER
)"""
CRM = """
description: People, for tests.
source: {table: people}
key: id
columns:
  id: {type: text}
  wants: {type: boolean}
  wants_at: {type: timestamp}
  out: {type: boolean}
  out_at: {type: timestamp}
  proof: {type: text}
  opened: {type: timestamp}
  opens: {type: integer}
"""
WRITE_BACK = """
description: Opt-outs, for tests.
table: people
key: id
consent: {opted_out: out, opted_out_at: out_at, evidence: proof, opted_in: wants, opted_in_at: wants_at}
engagement: {last_open_at: opened, opens: opens}
"""
COLUMNS = ("id", "wants", "wants_at", "out", "out_at", "proof", "opened", "opens")


class World:
    def __init__(self, folder: Path, crm_url: str):
        self.folder, self.crm_url = folder, crm_url
        for kind, text in (("crm", CRM), ("writeback", WRITE_BACK)):
            (folder / "catalog" / kind).mkdir(parents=True, exist_ok=True)
            (folder / "catalog" / kind / "people.yaml").write_text(text, encoding="utf-8")
        self.catalog: Catalog = load_catalog(folder / "catalog")
        self.told: list[str] = []
        self.road = WriteBackRoad(
            lake=Lake(folder / "lake"),
            ledger=Ledger(f"sqlite:///{folder / 'ledger.sqlite'}"),
            files=folder / "files",
            crm_url=crm_url,
            run_id="test",
            tell=self.told.append,
        )

    def knows(self, *, mid: int, unsubscribes: str) -> None:
        """Let it be business unit `mid`, and declare what unsubscribes mean there."""
        (self.folder / "catalog/extracts").mkdir(exist_ok=True)
        text = f"description: Events.\nkind: tracking\nfirst_window: 2026-01-01\nunsubscribes: {unsubscribes}\n"
        (self.folder / "catalog/extracts/tracking.yaml").write_text(text, encoding="utf-8")
        self.catalog = load_catalog(self.folder / "catalog")
        self.road = replace(self.road, mid=mid)

    def snapshot(self) -> None:
        entity = self.catalog.crm["people"].is_
        with connect(self.crm_url) as crm:
            rows = crm.read(Source(table="people"), list(entity.columns))
            write_snapshot(self.road.lake, name="people", entity=entity, rows=rows, fold=folded_key, run_id="test")

    def happened(
        self, event_type: EventType, *keys: str, at: datetime, unit: int | None = None, list_id: int | None = None
    ) -> None:
        with self.road.lake.write() as connection:
            events.ensure_tables(connection)
            for line, key in enumerate(keys, start=2):
                connection.execute(
                    f'INSERT INTO {events.relation(event_type)} ("SubscriberKey", "EventDate", _folded_key, _file, '
                    f'_member, _line, "ClientID", "ListID") '
                    f"VALUES ($key, $at, {folded_key('$key')}, 't.zip', 'm.csv', $line, $unit, $list)",
                    {"key": key, "at": at.replace(tzinfo=UTC), "line": line, "unit": unit, "list": list_id},
                )

    def status_changed(self, key: str, current: str, *, at: datetime, previous: str = "normal") -> None:
        """Let ExactTarget have told of a status, without any event."""
        with self.road.lake.write() as connection:
            status_changes.ensure_table(connection)
            connection.execute(
                f"INSERT INTO {status_changes.TABLE} (mid, subscriber_key, _folded_key, current, previous, changed_at) "
                f"VALUES ($mid, $key, {folded_key('$key')}, $current, $previous, $at)",
                {
                    "mid": self.road.mid,
                    "key": key,
                    "current": current,
                    "previous": previous,
                    "at": at.replace(tzinfo=UTC),
                },
            )

    def run(self) -> tuple[Proposal, WriteBackSet | None]:
        self.snapshot()
        return write_back.run(self.road, self.catalog, self.catalog.writeback["people"], take_snapshot=self.snapshot)

    def people(self) -> dict[str | None, Mapping[str, str | None]]:
        with connect(self.crm_url) as crm:
            table = crm.read(Source(table="people"), COLUMNS).read_all()
        return {row["id"]: row for row in table.to_pylist()}


def kill(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    folder, url, moment = sys.argv[1:]
    world = World(Path(folder), url)
    match moment:
        case "before it is proposed":
            journal.propose = kill
        case "before it is begun":
            journal.begin = kill
        case "before the CRM is touched":
            write_back.write_back = kill
        case "before the CRM's commit":
            PostgresWriteSession.commit = SqliteWriteSession.commit = kill
        case "after the CRM's commit":
            journal.record = kill
        case "before it is settled":
            journal.settle = kill
    world.run()


if __name__ == "__main__":
    main()
