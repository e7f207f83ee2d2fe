"""Writing back to a CRM: row changes in, one transaction, and what became of every one of them.

What belongs here: judging each row by what it was when it was read, and the SQL that both databases share. What does
not: their own ways (sqlite_write.py, postgres_write.py), and which rows should change (sync).

The rows are read again under a lock that keeps every other writer out until the end; those that still are what they
were get their new values; all others are left alone and named. Writing the same changes again changes nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from et_platform.crm.connect import address
from et_platform.crm.errors import WriteFailed
from et_platform.crm.source import Source, find_columns
from et_platform.crm.values import CannotStore, Kind, Value, is_key_of_some_row, is_same, text_of, to_store
from et_platform.duckdb_support import quoted

Outcome = Literal["written", "already", "conflict", "missing", "ambiguous"]


@dataclass(frozen=True)
class RowChange:
    """New values for the row with this key. Every column in `after` is also in `before`: its value when it was read.

    `before` may hold further columns; the row is written only if they, too, are what they were. Moments without a
    zone are UTC.
    """

    key: str
    before: Mapping[str, Value]
    after: Mapping[str, Value]


@dataclass(frozen=True)
class WriteReport:
    """What became of each change, in their order.

    `written`; `already`: the row had the new values; `conflict`: the row is no longer what it was; `missing`: no row
    has the key; `ambiguous`: several rows, or several changes, have it (without regard to case and blanks at the
    end, as ExactTarget compares keys). Only `written` rows were touched.
    """

    outcomes: tuple[Outcome, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Rows by outcome, every outcome named."""
        found = Counter(self.outcomes)
        return {outcome: found[outcome] for outcome in get_args(Outcome)}


class WriteSession(Protocol):
    """One write transaction in a CRM; leaving its block without `commit` undoes everything."""

    is_not_distinct: str
    lock_rows: str

    def columns(self, source: Source) -> dict[str, Kind]:
        """The table's columns and what they store. Raises MissingTable."""
        ...

    def as_read(self, column: str) -> str:
        """SQL that gives a column's values in the form in which they can be put back unaltered."""
        ...

    def folded(self, column: str) -> str:
        """SQL for a key without regard to the case of ASCII letters and to blanks at the end."""
        ...

    def rows(self, query: str) -> list[tuple[Value | bytes, ...]]:
        """All rows of a query."""
        ...

    def run(self, statement: str) -> int:
        """Run a statement; returns the number of rows it touched."""
        ...

    def fill(self, table: str, rows: Sequence[Sequence[Value | bytes]]) -> None:
        """Insert rows into a table, all of its columns."""
        ...

    def commit(self) -> None:
        """Make everything last. Raises WriteInDoubt if the answer was lost."""
        ...


def write_back(url: str, *, table: str, key: str, changes: Iterable[RowChange]) -> WriteReport:
    """Write `changes` to the CRM's `table`, whose column `key` names the rows, in one transaction.

    Raises CrmUnreachable, CrmAuthenticationFailed, CrmReadOnly, MissingTable, MissingColumn or WriteFailed with
    nothing written, and WriteInDoubt when the connection broke at the very end: write the same changes again, and
    what was written comes back as `already`. Raises ValueError for a change whose `after` was never read.
    """
    wanted = list(changes)
    for change in wanted:
        if not change.after or not change.after.keys() <= change.before.keys():
            raise ValueError("A row change names at least one column in `after`, and each of them in `before`.")
    if not wanted:
        return WriteReport(())
    source = Source(table=table)
    with _open(url) as session:
        report = _Writer(session, source, key, wanted).write()
        session.commit()
    return report


def _open(url: str) -> AbstractContextManager[WriteSession]:
    from et_platform.crm.postgres_write import open_postgres
    from et_platform.crm.sqlite_write import open_sqlite

    place = address(url)
    return open_postgres(place) if isinstance(place, str) else open_sqlite(place)


class _Writer:
    def __init__(self, session: WriteSession, source: Source, key: str, changes: list[RowChange]):
        self._session, self._source, self._changes = session, source, changes
        kinds = session.columns(source)
        wanted = list(dict.fromkeys(column for change in changes for column in change.before))
        names = find_columns([key, *wanted], list(kinds), source)
        self._key = names[0]
        self._names = dict(zip(wanted, names[1:], strict=True))
        self._kinds: dict[str, Kind] = {column: kinds[name] for column, name in self._names.items()}
        self._places = {column: place for place, column in enumerate(wanted)}

    def write(self) -> WriteReport:
        """Judge every change, write those that may be written."""
        found = self._read()
        asked = Counter(fold(change.key) for change in self._changes)
        outcomes: list[Outcome] = []
        groups: dict[tuple[tuple[str, ...], tuple[str, ...]], list[tuple[Value | bytes, ...]]] = defaultdict(list)
        for change in self._changes:
            rows = found.get(fold(change.key), [])
            outcome = "ambiguous" if asked[fold(change.key)] > 1 else self._judge(change, rows)
            outcomes.append(outcome)
            if outcome == "written":
                groups[tuple(change.before), tuple(change.after)].append(self._to_write(change, rows[0]))
        for (before, after), lines in groups.items():
            self._update(before, after, lines)
        return WriteReport(tuple(outcomes))

    def _read(self) -> dict[str, list[tuple[Value | bytes, ...]]]:
        """The CRM's rows by folded key: the key, then the guarded columns."""
        self._session.run("CREATE TEMPORARY TABLE etp_keys (folded TEXT PRIMARY KEY)")
        keys = {fold(change.key) for change in self._changes if is_key_of_some_row(change.key)}
        self._session.fill("etp_keys", [(key,) for key in sorted(keys)])
        columns = [f"t.{quoted(name)}" for name in (self._key, *self._names.values())]
        rows = self._session.rows(
            f"SELECT {', '.join(self._session.as_read(column) for column in columns)} "
            f"FROM {self._source.relation} AS t JOIN etp_keys AS k ON k.folded = {self._session.folded(columns[0])} "
            f"ORDER BY k.folded {self._session.lock_rows}"
        )
        found: dict[str, list[tuple[Value | bytes, ...]]] = defaultdict(list)
        for row in rows:
            found[fold(text_of(row[0]))].append(row)
        return found

    def _judge(self, change: RowChange, rows: Sequence[tuple[Value | bytes, ...]]) -> Outcome:
        if len(rows) != 1:
            return "ambiguous" if rows else "missing"
        if text_of(rows[0][0]) != change.key:
            return "conflict"  # the key itself was changed since it was read
        if self._holds(rows[0], change.after):
            return "already"
        return "written" if self._holds(rows[0], change.before) else "conflict"

    def _holds(self, row: tuple[Value | bytes, ...], values: Mapping[str, Value]) -> bool:
        return all(is_same(value, self._stored(row, column), self._kinds[column]) for column, value in values.items())

    def _stored(self, row: tuple[Value | bytes, ...], column: str) -> Value | bytes:
        return row[1 + self._places[column]]

    def _to_write(self, change: RowChange, row: tuple[Value | bytes, ...]) -> tuple[Value | bytes, ...]:
        """The key and the guarded columns as they stand in the CRM, then the new values as they will."""
        after = []
        for column, value in change.after.items():
            try:
                after.append(to_store(value, self._kinds[column], self._stored(row, column)))
            except CannotStore as error:
                raise WriteFailed(
                    f"The CRM's {self._source}: column {self._names[column]} {error}. Nothing was written."
                ) from None
        return (row[0], *(self._stored(row, column) for column in change.before), *after)

    def _update(
        self, before: tuple[str, ...], after: tuple[str, ...], lines: Sequence[tuple[Value | bytes, ...]]
    ) -> None:
        session, relation = self._session, self._source.relation
        copies = [
            f"{quoted(self._key)} AS k",
            *(f"{quoted(self._names[column])} AS b{place}" for place, column in enumerate(before)),
            *(f"{quoted(self._names[column])} AS a{place}" for place, column in enumerate(after)),
        ]
        # Columns copied from the table have its types, so that values are stored and compared as they are there.
        session.run(f"CREATE TEMPORARY TABLE etp_changes AS SELECT {', '.join(copies)} FROM {relation} WHERE 1 = 0")
        session.fill("etp_changes", lines)
        assignments = ", ".join(f"{quoted(self._names[column])} = c.a{place}" for place, column in enumerate(after))
        guards = " AND ".join(
            f"t.{quoted(self._names[column])} {session.is_not_distinct} c.b{place}"
            for place, column in enumerate(before)
        )
        touched = session.run(
            f"UPDATE {relation} AS t SET {assignments} FROM etp_changes AS c WHERE t.{quoted(self._key)} = c.k "
            f"AND {guards}"
        )
        session.run("DROP TABLE etp_changes")
        if touched != len(lines):
            raise WriteFailed(
                f"The CRM's {self._source} took {touched} of {len(lines)} rows: a trigger or rule of the CRM holds "
                "rows back, or another program changed keys at this very moment. Nothing was written; try again."
            )


def fold(key: str) -> str:
    """A key without regard to the case of ASCII letters and to blanks at the end, as WriteSession.folded."""
    return "".join(letter.lower() if letter < "\x80" else letter for letter in key.rstrip(" "))
