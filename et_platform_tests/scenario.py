"""One worked example, used by many tests: a small CRM entity and the data extension it feeds.

Every column and field is there for a reason: each ExactTarget type once, a field that belongs to ExactTarget
(`Nickname`), and text short enough to overflow in a test.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from et_platform.catalog.catalog import Catalog, load_catalog
from et_platform.sync.folding import folded_key
from et_platform.warehouse.lake import Lake
from et_platform.warehouse.snapshots import Snapshot, write_snapshot

CRM = """
description: People, for tests.
owners: ["team:tests"]
source: {table: people}
key: id
columns:
  id: {type: text, pii: identifier}
  email: {type: text, pii: contact}
  name: {type: text, pii: name}
  points: {type: integer}
  spent: {type: decimal, precision: 18, scale: 4}
  born: {type: date}
  opted_in: {type: boolean}
  opted_in_at: {type: timestamp}
  nickname: {type: text}
  opted_out: {type: boolean}
  opted_out_at: {type: timestamp}
"""

DATA_EXTENSION = """
description: People, for tests.
owners: ["team:tests"]
customer_key: Test_People
name: Test People
source: {crm: people}
fields:
  PersonID: {type: Text, length: 10, key: true, from: id, pii: identifier}
  Email: {type: EmailAddress, required: true, from: email, pii: contact}
  Name: {type: Text, length: 10, from: name, pii: name}
  Points: {type: Number, from: points}
  Spent: {type: Decimal, precision: 6, scale: 2, from: spent}
  Born: {type: Date, from: born}
  OptedIn: {type: Boolean, from: opted_in}
  OptedInAt: {type: Date, from: opted_in_at}
  Nickname: {type: Text, length: 10, from: nickname, owner: exacttarget}
guards: {minimum_rows: 1, maximum_quarantine_share: 1.0, maximum_duplicate_share: 1.0,
  minimum_share_of_acknowledged: 0.5}
"""

CONSENT = DATA_EXTENSION.replace(
    "guards:",
    """  OptedOut: {type: Boolean, from: opted_out}
  OptedOutAt: {type: Date, from: opted_out_at}
consent:
  opted_out: opted_out
  opted_out_at: opted_out_at
  opted_in: opted_in
  opted_in_at: opted_in_at
  subscriber_key: PersonID
  email: Email
guards:""",
)
"""The same data extension, with fields and the declaration by which opt-outs travel first."""

REMOVING = DATA_EXTENSION.replace("guards: {", "deletes: delete\nguards: {maximum_delete_share: 0.5, ")
"""The same data extension, from which rows are deleted that leave the CRM."""

PERSON: dict[str, str | None] = {
    "id": "P1",
    "email": "p1@example.org",
    "name": "Zoë 漢",
    "points": "7",
    "spent": "12.50",
    "born": "1987-02-03",
    "opted_in": "1",
    "opted_in_at": "2026-01-02 03:04:05",
    "nickname": "zo",
    "opted_out": "0",
    "opted_out_at": None,
}


def person(**changes: str | None) -> dict[str, str | None]:
    """A person of the CRM, as text, with some columns other than usual."""
    return PERSON | changes


def write_catalog(folder: Path, *, crm: str = CRM, data_extension: str = DATA_EXTENSION) -> Path:
    """The example's declarations as files below `folder`."""
    for kind, text in (("crm", crm), ("data_extensions", data_extension)):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        (folder / kind / "people.yaml").write_text(text, encoding="utf-8")
    return folder


def example_catalog(folder: Path) -> Catalog:
    """The example's catalogue."""
    return load_catalog(write_catalog(folder))


def snapshot_of(lake: Lake, catalog: Catalog, people: Sequence[Mapping[str, str | None]]) -> Snapshot:
    """Put `people` into the lake as the entity's snapshot."""
    entity = catalog.crm["people"].is_
    schema = pa.schema([(name, pa.string()) for name in entity.columns])
    table = pa.Table.from_pylist([dict(row) for row in people], schema=schema)
    return write_snapshot(lake, name="people", entity=entity, rows=table.to_reader(), fold=folded_key, run_id="test")
