"""Random plans, round after round, against a slow and simple reading of the rules in Python.

Seeded, so that a failure is the same the next time. Keys of one column and of two; removals on.
"""

import random
import re
from collections import Counter
from functools import partial

import pyarrow as pa
import pytest

from et_platform.catalog.models import CrmEntity, DataExtension
from et_platform.sync import plan, removals
from et_platform.sync.folding import SEPARATOR, folded_key
from et_platform.sync.sources import Rows
from et_platform.warehouse import acknowledged, quarantine
from et_platform.warehouse.lake import Lake
from et_platform.warehouse.snapshots import write_snapshot

ROUNDS, SEEDS = 4, 4
COLUMNS = ("a", "b", "name", "points", "theirs")
Row = dict[str, str | None]


def entity(keys: int) -> CrmEntity:
    return CrmEntity.model_validate(
        {
            "description": "t",
            "source": {"table": "t"},
            "key": ["a", "b"][:keys],
            "columns": {
                "a": {"type": "text"},
                "b": {"type": "integer"},
                "name": {"type": "text"},
                "points": {"type": "integer"},
                "theirs": {"type": "text"},
            },
        }
    )


def data_extension(keys: int) -> DataExtension:
    return DataExtension.model_validate(
        {
            "description": "t",
            "customer_key": "t",
            "name": "t",
            "source": {"crm": "t"},
            "deletes": "delete",
            "fields": {
                "A": {"type": "Text", "length": 20, "from": "a", "key": True},
                "B": {"type": "Number", "from": "b", "key": keys == 2},
                "Name": {"type": "Text", "length": 5, "from": "name"},
                "Points": {"type": "Number", "from": "points"},
                "Theirs": {"type": "Text", "length": 50, "from": "theirs", "owner": "exacttarget"},
            },
        }
    )


class Oracle:
    """What is acknowledged, as {folded key: fields}, and what follows from a snapshot.

    The very row that was acknowledged is unchanged, even if another one has its key by now.
    """

    def __init__(self, keys: int):
        self.keys = keys
        self.known: dict[str, tuple[object, ...]] = {}
        self.rows: dict[str, Row] = {}

    def key(self, row: Row) -> str | None:
        parts = [row["a"], _number_text(row["b"])][: self.keys]
        return None if None in parts else SEPARATOR.join(str(part) for part in parts)

    def folded(self, row: Row) -> str | None:
        key = self.key(row)
        parts = [part.rstrip(" ").lower() for part in key.split(SEPARATOR)] if key is not None else []
        return SEPARATOR.join(parts) if parts and all(parts) else None

    def is_unknown(self, row: Row) -> bool:
        return any(not " " <= sign <= "~" for sign in (self.key(row) or "").replace(SEPARATOR, ""))

    def fields(self, row: Row) -> tuple[object, ...]:
        return (row["a"] or None, _number(row["b"]), row["name"] or None, _number(row["points"]))

    def is_refused(self, row: Row) -> bool:
        unreadable = any(row[c] not in (None, "") and _number(row[c]) is None for c in ("b", "points"))
        return unreadable or len(row["name"] or "") > 5 or "\x07" in (row["name"] or "")

    def classes(self, rows: list[Row]) -> list[str]:
        copies = Counter(self.folded(row) for row in rows)
        return [self._class(row, copies) for row in rows]

    def _class(self, row: Row, copies: Counter) -> str:
        folded = self.folded(row)
        if folded is None:
            return "quarantined"
        if self.rows.get(folded) == row:
            return "unchanged"
        if self.is_unknown(row):
            return "unknown"
        if copies[folded] > 1:
            return "held"
        if self.is_refused(row):
            return "quarantined"
        if folded not in self.known:
            return "insert"
        return "unchanged" if self.known[folded] == self.fields(row) else "update"

    def removed(self, rows: list[Row]) -> set[str]:
        present = {self.folded(row) for row in rows}
        if None in present:
            return set()
        perhaps = [
            re.compile("".join(re.escape(p) if i % 2 == 0 else ".*" for i, p in enumerate(_split(self.folded(row)))))
            for row in rows
            if self.is_unknown(row)
        ]
        gone = self.known.keys() - present
        return {key for key in gone if not any(pattern.fullmatch(key) for pattern in perhaps)}

    def acknowledge(self, rows: list[Row]) -> None:
        removed = self.removed(rows)
        for row, what in zip(rows, self.classes(rows), strict=True):
            if what in ("insert", "update"):
                self.known[self.folded(row) or ""] = self.fields(row)
                self.rows[self.folded(row) or ""] = row
        for key in removed:
            del self.known[key], self.rows[key]


def _split(folded: str | None) -> list[str]:
    return re.split(r"([^ -~\x1f]+)", folded or "")


def _number(text: str | None) -> int | None:
    found = re.fullmatch(r"[+-]?[0-9]+", (text or "").strip(" "))
    return int(found[0]) if found else None


def _number_text(text: str | None) -> str | None:
    number = _number(text)
    return str(number) if number is not None else text


class Real:
    """The plan's own SQL on a lake."""

    def __init__(self, folder, keys: int):
        self.lake, self.keys = Lake(folder), keys
        self.entity, self.de = entity(keys), data_extension(keys)
        with self.lake.write() as connection:
            acknowledged.ensure_tables(connection, "t", self.de)
            quarantine.ensure_tables(connection, "t")

    def snapshot(self, rows: list[Row]) -> None:
        table = pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in COLUMNS]))
        fold = partial(folded_key, parts=self.keys)
        write_snapshot(self.lake, name="t", entity=self.entity, rows=table.to_reader(), fold=fold, run_id="t")

    def plan(self, number: int) -> tuple[Counter, set[str]]:
        """(key, class) of every row that is not unchanged, and the removed keys; acknowledges everything."""
        with self.lake.write() as connection:
            for step in plan.steps(
                self.de,
                Rows(self.entity, "lake.crm.t"),
                acknowledged=acknowledged.relation("t"),
                rejections=quarantine.rejections_of("t"),
                with_gone=True,
            ):
                connection.execute(step)
            query = removals.rows(self.de, taken_at="2026-01-01T00:00:00+00:00")
            connection.execute(f"CREATE TEMP TABLE removed AS {query}")
            classes = connection.execute("SELECT _key, _class FROM evaluated WHERE _class <> 'unchanged'").fetchall()
            removed = {row[0] for row in connection.execute("SELECT _folded_key FROM removed").fetchall()}
            rows = plan.change_rows(self.de, "evaluated", "removed")
            connection.execute(f"CREATE TEMP TABLE proven AS {rows}")
            acknowledged.apply(
                connection,
                name="t",
                data_extension=self.de,
                change_set_id=f"c{number}",
                attempt_id=f"a{number}",
                proven="proven",
            )
        return Counter(classes), removed


def random_rows(dice: random.Random, before: list[Row]) -> list[Row]:
    keys = ["k1", "K1", "k1 ", "k2", "k 3", "k_4", "kx4", "k%", "k2é", "k_4ß", "k5", "k6", "k7", "k8"]
    strange_keys = [None, "", " "]
    kept = [row for row in before if dice.random() < 0.5]
    return kept + [
        {
            "a": dice.choice(strange_keys) if dice.random() < 0.01 else dice.choice(keys),
            "b": dice.choice(["1", "1", "01", "2", "2", "3"])
            if dice.random() < 0.98
            else dice.choice([None, "x", "é"]),
            "name": dice.choice([None, "", "Ann", "ann", "Zoë", "Ann ", "too long", "a\x07"]),
            "points": dice.choice([None, "1", "01", "2", "x"]),
            "theirs": dice.choice([None, "x", "y"]),
        }
        for _ in range(dice.randrange(0, 8))
    ]


@pytest.mark.parametrize("keys", [1, 2])
@pytest.mark.parametrize("seed", range(SEEDS))
def test_promises_1_2_and_7_random_plans_agree_with_a_slow_reading_of_the_rules(tmp_path, seed, keys):
    dice = random.Random(seed * 10 + keys)
    oracle, real = Oracle(keys), Real(tmp_path / "lake", keys)
    rows: list[Row] = []
    for number in range(ROUNDS):
        rows = random_rows(dice, rows)
        real.snapshot(rows)
        expected = Counter(
            (oracle.key(row), what) for row, what in zip(rows, oracle.classes(rows), strict=True) if what != "unchanged"
        )
        removed = oracle.removed(rows)
        found = real.plan(number)
        assert found == (expected, removed), (
            seed,
            number,
            found[0] - expected,
            expected - found[0],
            found[1] ^ removed,
        )
        oracle.acknowledge(rows)


def test_the_random_rows_meet_every_class_and_removals():
    met, removed = Counter(), 0
    for seed in range(SEEDS):
        for keys in (1, 2):
            dice, oracle = random.Random(seed * 10 + keys), Oracle(keys)
            rows: list[Row] = []
            for _ in range(ROUNDS):
                rows = random_rows(dice, rows)
                met.update(oracle.classes(rows))
                removed += len(oracle.removed(rows))
                oracle.acknowledge(rows)
    assert set(met) == {"insert", "update", "unchanged", "quarantined", "held", "unknown"}
    assert removed > 10
