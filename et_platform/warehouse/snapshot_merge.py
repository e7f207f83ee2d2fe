"""What was read, taken over into the table `crm.<entity>`.

What belongs here: finding the differences between table and reading, by key and hash, and two ways to apply them. What
does not: the file of what was read (snapshots.py).

Keys need not be unique: a CRM has copies of keys and of whole rows, and all of them are kept, to be held back and told.
So rows are counted: what the table has more or fewer times than the reading is a difference.
"""

from dataclasses import replace
from pathlib import Path

import duckdb

from et_platform.duckdb_support import literal, quoted
from et_platform.warehouse import snapshot_history
from et_platform.warehouse.snapshot_history import Snapshot

REWRITTEN_SHARE = 0.2
"""From this share of changed rows on, a table is written anew, which also tidies its files up."""
MOST_MERGES = 50
"""A table is written anew after so many snapshots that only added to its files."""


def relation(name: str) -> str:
    """The SQL name of an entity's snapshot."""
    return f"lake.crm.{quoted(name)}"


class Merge:
    """What was read, on its way into the table, inside one write transaction."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, file: Path, snapshot: Snapshot):
        self._connection, self._snapshot = connection, snapshot
        self._table = relation(snapshot.entity)
        self._read = f"read_parquet({literal(str(file))})"
        # New rows as the table keeps them.
        self._fresh = f"SELECT * EXCLUDE (_fresh), {literal(snapshot.id)} AS _changed_in FROM {self._read} WHERE _fresh"

    def apply(self, former: Snapshot | None) -> Snapshot:
        """Bring the table up to what was read; `former` is None if nothing in it can be compared."""
        (read,) = self._one(f"SELECT count(*) FROM {self._read}")
        if former is None:
            self._connection.execute(f"CREATE OR REPLACE TABLE {self._table} AS {self._fresh}")
            return self._counted(replace(self._snapshot, read=read, new=read, merges=0))
        if self._is_unchanged():
            totals = {"rows": former.rows, "invalid": former.invalid, "empty_keys": former.empty_keys}
            return replace(self._snapshot, read=read, merges=former.merges, **totals)
        self._find_differences()
        new, changed, removed = self._log()
        many = (new + changed + removed) > REWRITTEN_SHARE * former.rows
        is_rewritten = many or former.merges >= MOST_MERGES
        self._rewrite() if is_rewritten else self._patch()
        merges = 0 if is_rewritten else former.merges + 1
        return self._counted(
            replace(self._snapshot, read=read, new=new, changed=changed, removed=removed, merges=merges)
        )

    def _is_unchanged(self) -> bool:
        """Whether the very rows were read that the table has (of the keys that were read, if not all were)."""
        (fresh,) = self._one(f"SELECT count(*) FROM {self._read} WHERE _fresh")
        if fresh:
            return False
        # Copies of a row may have become more or fewer; a sum of hashes tells, whatever order they are in.
        totals = "SELECT count(*), sum(_row_hash) FROM"
        return self._one(f"{totals} ({self._concerned()})") == self._one(f"{totals} {self._read}")

    def _concerned(self) -> str:
        """SQL for key and hash of the table's rows that what was read speaks of."""
        concerned = f"SELECT _key, _row_hash FROM {self._table}"
        if self._snapshot.kind == "full":
            return concerned
        return f"{concerned} AS t SEMI JOIN {self._read} AS r ON t._key IS NOT DISTINCT FROM r._key"

    def _find_differences(self) -> None:
        """Fill the temporary tables `differences`: keys and hashes that the table has `had` more or fewer times than
        what was read `has` them, and `copied`: rows of which only the number of copies differs, as often as read.
        """
        counted = "SELECT _key, _row_hash, count(*) AS times FROM"
        self._connection.execute(f"""
CREATE OR REPLACE TEMP TABLE differences AS
SELECT coalesce(o._key, r._key) AS _key, coalesce(o._row_hash, r._row_hash) AS _row_hash,
    coalesce(o.times, 0) AS had, coalesce(r.times, 0) AS has
FROM ({counted} ({self._concerned()}) GROUP BY ALL) AS o
FULL JOIN ({counted} {self._read} GROUP BY ALL) AS r
ON o._key IS NOT DISTINCT FROM r._key AND o._row_hash = r._row_hash
WHERE o.times IS DISTINCT FROM r.times""")
        self._connection.execute(f"""
CREATE OR REPLACE TEMP TABLE copied AS
SELECT t.* FROM (
    SELECT * FROM {self._table} SEMI JOIN (FROM differences WHERE had > 0 AND has > 0) USING (_row_hash)
    QUALIFY row_number() OVER (PARTITION BY _key, _row_hash) = 1
) AS t
JOIN (SELECT _key, _row_hash, unnest(range(has)) FROM differences WHERE had > 0 AND has > 0) AS d
ON t._key IS NOT DISTINCT FROM d._key AND t._row_hash = d._row_hash""")

    def _log(self) -> tuple[int, int, int]:
        """Record which keys are new, changed and gone, and count them; keys that are empty count as one."""
        self._connection.execute(f"""
CREATE OR REPLACE TEMP TABLE changed_keys AS
SELECT d._key, CASE WHEN NOT d.had THEN 'new' WHEN NOT d.has THEN 'removed' ELSE 'changed' END AS change
FROM (
    SELECT _key, _key IS NULL OR _key IN (SELECT _key FROM {self._table} WHERE _key IS NOT NULL) AS had,
        _key IS NULL OR _key IN (SELECT _key FROM {self._read} WHERE _key IS NOT NULL) AS has
    FROM (SELECT DISTINCT _key FROM differences)
) AS d""")
        snapshot_history.log_changes(self._connection, self._snapshot, "changed_keys")
        counts = dict(self._connection.execute("SELECT change, count(*) FROM changed_keys GROUP BY 1").fetchall())
        return counts.get("new", 0), counts.get("changed", 0), counts.get("removed", 0)

    def _patch(self) -> None:
        self._connection.execute(
            f"DELETE FROM {self._table} AS t USING differences AS d "
            "WHERE t._key IS NOT DISTINCT FROM d._key AND t._row_hash = d._row_hash AND d.had > 0"
        )
        self._connection.execute(f"INSERT INTO {self._table} BY NAME {self._fresh}")
        self._connection.execute(f"INSERT INTO {self._table} BY NAME FROM copied")

    def _rewrite(self) -> None:
        same = "t._key IS NOT DISTINCT FROM d._key AND t._row_hash = d._row_hash"
        self._connection.execute(
            f"CREATE OR REPLACE TABLE {self._table} AS SELECT t.* FROM {self._table} AS t "
            f"ANTI JOIN differences AS d ON {same} UNION ALL BY NAME {self._fresh} UNION ALL BY NAME FROM copied"
        )

    def _counted(self, snapshot: Snapshot) -> Snapshot:
        rows, invalid, empty = self._one(
            "SELECT count(*), count(*) FILTER (len(_invalid) > 0), count(*) FILTER (_folded_key IS NULL) "
            f"FROM {self._table}"
        )
        return replace(snapshot, rows=rows, invalid=invalid, empty_keys=empty)

    def _one(self, query: str) -> tuple:
        row = self._connection.execute(query).fetchone()
        assert row is not None
        return row
