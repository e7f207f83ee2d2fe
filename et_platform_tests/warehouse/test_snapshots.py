"""Snapshots in the lake: what was read, and nothing else, whatever was there before; and what is remembered of it."""

import random
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from et_platform.catalog.loader import load_declaration
from et_platform.catalog.models import CrmEntity
from et_platform.sync.folding import folded_key
from et_platform.warehouse import snapshot_history, snapshot_merge, snapshots
from et_platform.warehouse.lake import Lake
from et_platform.warehouse.snapshots import Reading, Snapshot, SnapshotOvertaken, write_snapshot
from et_platform_tests.scenario import CRM, PERSON, person

Row = dict[str, str | None]

INCREMENTAL = CRM.replace(
    "source: {table: people}",
    "source: {table: people, incremental: {cursor: opted_in_at, overlap: 15 minutes}}",
)


class Entity:
    """The example's entity in a lake of its own."""

    def __init__(self, folder, crm: str = INCREMENTAL):
        self.folder = folder
        self.lake = Lake(folder / "lake")
        self.declare(crm)

    def declare(self, crm: str) -> None:
        path = self.folder / "people.yaml"
        path.write_text(crm, encoding="utf-8")
        self.entity = load_declaration(path, CrmEntity)[0]

    def write(self, rows: Iterable[Row], kind="full", clock: datetime | None = None) -> Snapshot:
        schema = pa.schema([(name, pa.string()) for name in self.entity.columns])
        table = pa.Table.from_pylist([{name: row.get(name) for name in self.entity.columns} for row in rows], schema)
        return write_snapshot(
            self.lake,
            name="people",
            entity=self.entity,
            rows=table.to_reader(max_chunksize=3),
            fold=folded_key,
            run_id="test",
            how=Reading(kind, clock=clock),
        )

    def ask(self, query: str) -> list[tuple]:
        with self.lake.read() as connection:
            return connection.execute(query).fetchall()

    def changed_in(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for key, snapshot in self.ask("SELECT _key, _changed_in FROM lake.crm.people"):
            found.setdefault(key, set()).add(snapshot)
        return found


@pytest.fixture
def entity(tmp_path):
    return Entity(tmp_path)


def as_kept(row: Row) -> tuple:
    """A row of the test as the lake has to keep it."""
    points = row["points"]
    readable = points is None or points.isdigit()
    key = row["id"]
    return (
        *(key, row["name"], int(points) if points and readable else None, key),
        *(key.lower() if key else None, [] if readable else ["points"]),
    )


def counted(rows: Iterable[Row]) -> Counter:
    kept = [as_kept(row) for row in rows]
    return Counter((*row[:-1], str(row[-1])) for row in kept)


def found(entity: Entity) -> Counter:
    rows = entity.ask("SELECT id, name, points, _key, _folded_key, _invalid FROM lake.crm.people")
    return Counter((*row[:-1], str(row[-1])) for row in rows)


@pytest.mark.parametrize("share", [0.0, 0.2, 9.0], ids=["always rewritten", "as usual", "always patched"])
def test_promise_2_whatever_is_read_is_what_the_snapshot_holds(tmp_path, monkeypatch, share):
    """Copies of keys and of rows, empty keys and unreadable values come and go; a full and an incremental reading end
    in what a list of rows ends in.
    """
    monkeypatch.setattr(snapshot_merge, "REWRITTEN_SHARE", share)
    dice, entity = random.Random(share), Entity(tmp_path)
    crm: list[Row] = []
    entity.write(crm)

    def new_row() -> Row:
        key = dice.choice([None, "", *(f"{letter}{n}" for n in range(6) for letter in "pP")])
        return person(id=key, name=dice.choice("abc"), points=dice.choice(["1", "2", "x", None]))

    for _ in range(10):
        for _ in range(dice.randint(0, 4)):
            crm.append(dice.choice(crm) if crm and dice.random() < 0.3 else new_row())
        for _ in range(dice.randint(0, min(3, len(crm)))):
            crm.pop(dice.randrange(len(crm)))
        if dice.random() < 0.5:
            snapshot = entity.write(dice.sample(crm, len(crm)))
            expected = counted(crm)
        else:
            before = found(entity)
            touched = {row["id"] for row in crm if dice.random() < 0.4 or row["id"] is None}
            read = [row for row in crm if row["id"] in touched]
            snapshot = entity.write(read, "incremental")
            assert (snapshot.read, snapshot.removed) == (len(read), 0)
            expected = Counter({row: n for row, n in before.items() if row[0] not in touched}) + counted(read)
        assert found(entity) == expected
        assert snapshot.rows == expected.total()
        assert snapshot.empty_keys == sum(n for row, n in expected.items() if row[4] is None)
        assert snapshot.invalid == sum(n for row, n in expected.items() if row[5] != "[]")
    entity.write(crm)
    assert found(entity) == counted(crm)


def test_a_row_tells_in_which_snapshot_it_changed_last_and_keys_tell_their_history(entity):
    first = entity.write([person(id="A"), person(id="B"), person(id="C")])
    second = entity.write([person(id="A"), person(id="B", name="b"), person(id="D")])
    third = entity.write([person(id="A"), person(id="B", name="b"), person(id="D")])
    fourth = entity.write([person(id="D", name="d")], "incremental")
    assert entity.changed_in() == {"A": {first.id}, "B": {second.id}, "D": {fourth.id}}
    assert [(s.new, s.changed, s.removed, s.read, s.rows) for s in (first, second, third, fourth)] == [
        (3, 0, 0, 3, 3),
        (1, 1, 1, 3, 3),
        (0, 0, 0, 3, 3),
        (0, 1, 0, 1, 3),
    ]
    changes = entity.ask("SELECT snapshot, _key, change FROM lake.history.crm_changes ORDER BY taken_at, _key")
    assert changes == [
        *((second.id, "B", "changed"), (second.id, "C", "removed"), (second.id, "D", "new")),
        (fourth.id, "D", "changed"),
    ]
    with entity.lake.write() as connection:
        snapshot_history.forget_changes(connection, fourth.taken_at)
    assert entity.ask("SELECT snapshot FROM lake.history.crm_changes") == [(fourth.id,)]


def test_an_unchanged_crm_writes_no_row(entity):
    entity.write([person(id=f"P{n}") for n in range(5_000)])
    files = sorted((entity.folder / "lake" / "data").rglob("*.parquet"))
    for _ in range(2):
        assert entity.write([person(id=f"P{n}") for n in reversed(range(5_000))]).rows == 5_000
    assert sorted((entity.folder / "lake" / "data").rglob("*.parquet")) == files
    with entity.lake.read() as connection:
        assert snapshots.latest_snapshot(connection, "people") != (None, 5_000)
        last = snapshot_history.last(connection, "people")
    assert last is not None
    assert (last.rows, last.read, last.new, last.changed, last.removed, last.merges) == (5_000, 5_000, 0, 0, 0, 0)


def test_a_copy_that_came_or_went_is_a_change_although_no_content_is_new(entity):
    entity.write([person(id="A"), person(id="A"), person(id="B")])
    assert entity.write([person(id="A"), person(id="B"), person(id="B")]).changed == 2
    assert found(entity) == counted([person(id="A"), person(id="B"), person(id="B")])


def test_a_table_is_tidied_after_many_snapshots_that_only_added_to_it(entity, monkeypatch):
    monkeypatch.setattr(snapshot_merge, "MOST_MERGES", 3)
    people = [person(id=f"P{n}") for n in range(100)]
    entity.write(people)
    merges = []
    for name in "abcde":
        people[0] = person(id="P0", name=name)
        merges.append(entity.write(people).merges)
    assert merges == [1, 2, 3, 0, 1]


@pytest.mark.parametrize(
    "crm",
    [
        INCREMENTAL.replace("points: {type: integer}", "points: {type: text}"),
        INCREMENTAL.replace("scale: 4", "scale: 3"),
        INCREMENTAL.replace("key: id", "key: email"),
        INCREMENTAL.replace("table: people", "table: others"),
    ],
    ids=["type", "scale", "key", "source"],
)
def test_another_declaration_makes_every_row_anew_and_refuses_to_add_to_the_old_ones(entity, crm):
    entity.write([person(id="A"), person(id="B")])
    entity.declare(crm)
    with pytest.raises(ValueError, match="same shape"):
        entity.write([person(id="A")], "incremental")
    snapshot = entity.write([person(id="A")])
    assert (snapshot.rows, snapshot.new, snapshot.removed) == (1, 1, 0)
    assert entity.ask("SELECT count(*), min(_changed_in) FROM lake.crm.people") == [(1, snapshot.id)]


def test_promise_7_what_an_incremental_reading_did_not_hold_stays(entity):
    entity.write([person(id="A"), person(id="B")])
    snapshot = entity.write([], "incremental")
    assert (snapshot.rows, snapshot.read, snapshot.removed, snapshot.kind) == (2, 0, 0, "incremental")
    assert set(entity.changed_in()) == {"A", "B"}


def test_the_cursor_is_the_highest_that_the_crms_clock_had_reached(entity):
    clock = datetime.fromisoformat("2026-11-02 12:00:00")
    people = [person(id="A", opted_in_at="2026-11-02 11:59:58.5"), person(id="B", opted_in_at="9999-12-31")]
    people += [person(id="C", opted_in_at=None), person(id="D", opted_in_at="soon")]
    assert entity.write(people, clock=clock).cursor == "2026-11-02 11:59:58.5"
    assert entity.write(people[1:], clock=clock).cursor is None
    entity.declare(INCREMENTAL.replace("opted_in_at, overlap: 15 minutes", "points, overlap: 10"))
    snapshot = entity.write([person(id="A", points="7"), person(id="B", points="x")])
    assert (snapshot.cursor_column, snapshot.cursor) == ("points", "7")


def test_a_snapshot_that_another_overtook_is_dropped(entity):
    entity.write([person(id="A")])

    def overtaken():
        yield pa.RecordBatch.from_pylist([person(id="B")], schema=schema)
        with entity.lake.write() as connection:
            other = Snapshot(id="other", entity="people", taken_at=datetime.now(UTC))
            snapshot_history.record(connection, other, "test")

    schema = pa.schema([(name, pa.string()) for name in PERSON])
    reader = pa.RecordBatchReader.from_batches(schema, overtaken())
    with pytest.raises(SnapshotOvertaken, match="Take it again"):
        write_snapshot(entity.lake, name="people", entity=entity.entity, rows=reader, fold=folded_key, run_id="test")
    assert set(entity.changed_in()) == {"A"}


def test_a_lake_of_an_earlier_release_is_taken_over(entity):
    with entity.lake.write() as connection:
        connection.execute("CREATE TABLE lake.crm.people AS SELECT 'A' AS id, 'A' AS _key, 1::UBIGINT AS _row_hash")
        connection.execute(
            "CREATE TABLE lake.history.snapshots (entity VARCHAR, id VARCHAR, taken_at TIMESTAMPTZ, rows BIGINT, "
            "hash_version VARCHAR, run_id VARCHAR)"
        )
        connection.execute(
            "INSERT INTO lake.history.snapshots VALUES ('people', 'old', now() - INTERVAL 1 DAY, 1, 'duckdb 1.5.5', 'r')"
        )
    snapshot = entity.write([person(id="A"), person(id="B")])
    with entity.lake.read() as connection:
        assert snapshots.latest_snapshot(connection, "people") == (snapshot.id, 2)
        assert snapshot_history.last(connection, "people") == snapshot
    assert entity.write([person(id="A"), person(id="B")]).new == 0


def test_the_record_tells_of_the_newest_snapshot_and_of_the_newest_full_one(entity):
    full = entity.write([person(id="A")])
    for _ in range(2):
        later = entity.write([], "incremental")
    with entity.lake.read() as connection:
        assert snapshot_history.last(connection, "people") == later
        assert snapshot_history.last(connection, "people", kind="full") == full
        assert snapshot_history.since_full(connection, full) == 2
        assert snapshot_history.last(connection, "others") is None
    assert later.taken_at.tzinfo is not None
    assert timedelta(0) < datetime.now(UTC) - later.taken_at < timedelta(minutes=5)
