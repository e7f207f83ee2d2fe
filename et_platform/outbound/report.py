"""A plan as people read it: one value from which the asset page, the terminal and the saved file are made.

What belongs here: counts, changed fields, masked samples, estimates, rulings of the gate, put together. What does not:
deciding anything (plan.py, gate.py), and the form in which Dagster shows it (defs/change_set.py).
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import duckdb

from et_platform.catalog.masking import masked
from et_platform.catalog.models import TEXT_FIELDS, DataExtension
from et_platform.duckdb_support import literal, quoted
from et_platform.outbound.approval import Standing
from et_platform.outbound.schema_plan import SchemaPlan
from et_platform.sync.gate import Verdict
from et_platform.sync.identity import Operation
from et_platform.sync.plan import PlanFigures
from et_platform.sync.staging import travelling_fields

SAMPLES = 3
"""So many rows of each operation are shown."""

OPERATIONS: tuple[Operation, ...] = ("insert", "update", "bury", "delete")

_CALLS_A_FILE = 4
"""Define the import, start it, ask how it went (at least once), and delete its definition."""

_LOOKS = 2
"""At the data extension and its fields, before anything is staged."""


@dataclass(frozen=True)
class Sample:
    """A row that would change: its masked key, and for each field what it was and will be, masked by its `pii`."""

    operation: str
    key: str
    fields: tuple[tuple[str, str, str], ...]

    def told(self) -> str:
        """The fields in a line; of a new row only what they will be."""
        if self.operation == "insert":
            return ", ".join(f"{name} {will}" for name, _, will in self.fields)
        return ", ".join(f"{name} {was} → {will}" for name, was, will in self.fields)


@dataclass(frozen=True)
class Estimate:
    """What the import would take at least: files, their bytes (about), and calls to ExactTarget."""

    files: int
    bytes: int
    calls: int


@dataclass(frozen=True)
class Report:
    """Everything that there is to say of a plan; no value in it is personal.

    `schema` is what an apply would make or change in ExactTarget besides rows; None: nobody asked ExactTarget.
    """

    data_extension: str
    customer_key: str
    mid: int
    change_set: str | None
    is_preview: bool
    snapshot: str
    figures: PlanFigures
    samples: tuple[Sample, ...]
    estimate: Estimate
    schema: SchemaPlan | None
    verdict: Verdict
    standing: Standing

    def as_json(self) -> dict[str, Any]:
        """The report as plain values, the same for the same plan."""
        return {
            "data_extension": self.data_extension,
            "customer_key": self.customer_key,
            "mid": self.mid,
            "change_set": self.change_set,
            "is_preview": self.is_preview,
            "snapshot": self.snapshot,
            "counts": self.counts(),
            "figures": asdict(self.figures),
            "samples": [
                {
                    "operation": one.operation,
                    "key": one.key,
                    "fields": [{"field": name, "from": was, "to": will} for name, was, will in one.fields],
                }
                for one in self.samples
            ],
            "estimate": asdict(self.estimate),
            "schema": self._differences(),
            "gate": [asdict(ruling) for ruling in self.verdict.rulings],
            "approval": asdict(self.standing),
        }

    def outcome(self) -> str:
        """What would happen, in one sentence."""
        if self.is_preview:
            return f"A preview: change set {(self.change_set or '')[:12]} {self.standing.says}; it is frozen"
        if self.change_set is None:
            return "Nothing changed: ExactTarget already holds every row that can be sent; nothing will be imported."
        return f"{self.figures.changes} changes to import"

    def counts(self) -> dict[str, int]:
        """How many rows are what."""
        f = self.figures
        return {
            "inserts": f.inserts,
            "updates": f.updates,
            "removals": f.deletes,
            "unchanged": f.unchanged,
            "quarantined": f.quarantined,
            "dropped (by a person's decision)": f.dropped,
            "held (colliding keys)": f.held,
            "unknown (undecidable keys)": f.unknown,
            "kept (no longer in the source)": f.kept,
            "acknowledged before": f.acknowledged,
            "snapshot rows": f.snapshot,
        }

    def tables(self) -> dict[str, tuple[Sequence[str], list[Sequence[object]]]]:
        """What is told in tables: title → (header, rows); those without rows are left out."""
        f = self.figures
        found: dict[str, tuple[Sequence[str], list[Sequence[object]]]] = {
            "updates, by field": (("rows", "field"), [(rows, name) for name, rows in f.updates_by_field.items()]),
            "withheld, by reason": (("rows", "field: reason"), [(rows, why) for why, rows in f.reasons.items()]),
            "samples (masked)": (
                ("operation", "key", "fields"),
                [(one.operation, one.key, one.told()) for one in self.samples],
            ),
            "schema, by difference": (
                ("", "what", "name", "difference"),
                [(one.action, one.kind, one.name, one.text) for one in (self.schema and self.schema.found) or ()],
            ),
            "guards": (
                ("guard", "gate", "says"),
                [(one.guard, "open" if one.is_open else "CLOSED", one.says) for one in self.verdict.rulings],
            ),
        }
        return {title: table for title, table in found.items() if table[1]}

    def facts(self) -> dict[str, str]:
        """What is told in a line each: title → text."""
        found = {
            "change set": self.change_set or "none",
            "snapshot": self.snapshot,
            "approval": self.standing.says,
            "estimate": f"{self.estimate.files} files of about {self.estimate.bytes} bytes in all, at least "
            f"{self.estimate.calls} calls",
            "schema": self._schema(),
        }
        if self.figures.kept_because:
            found["kept, because"] = self.figures.kept_because
        return found

    def _differences(self) -> dict[str, Any] | None:
        if self.schema is None:
            return None
        found = self.schema.found
        shown = [{"kind": one.kind, "name": one.name, "action": one.action, "text": one.text} for one in found or ()]
        return {"found": shown if found is not None else None, "unknown": self.schema.unknown}

    def _schema(self) -> str:
        if self.schema is None:
            return "not asked: it is compared before files are staged"
        if self.schema.found is None:
            return f"cannot be known: {self.schema.unknown}"
        counts = Counter(one.action for one in self.schema.found)
        return ", ".join(f"{count} to {action}" for action, count in counts.items()) or "as declared"


def samples(
    connection: duckdb.DuckDBPyConnection, data_extension: DataExtension, *, changes: str, acknowledged: str
) -> tuple[Sample, ...]:
    """A few rows of each operation, the same for the same changes."""
    fields = list(data_extension.fields)
    new = ", ".join(f"c.{quoted(name)}" for name in fields)
    old = ", ".join(f"a.{quoted(name)}" for name in fields)
    found: list[Sample] = []
    picked = dict(
        connection.execute(
            f"SELECT _operation, arg_min(_folded_key, md5(_folded_key), {SAMPLES}) FROM {changes} GROUP BY _operation"
        ).fetchall()
    )
    for operation in (one for one in OPERATIONS if one in picked):
        keys = ", ".join(literal(key) for key in picked[operation])
        rows = connection.execute(
            f"SELECT c._changed, {new}, {old} FROM (FROM {changes} WHERE _folded_key IN ({keys})) AS c "
            f"LEFT JOIN (FROM {acknowledged} WHERE _folded_key IN ({keys})) AS a ON a._folded_key = c._folded_key "
            "ORDER BY md5(c._folded_key)"
        ).fetchall()
        for changed, *values in rows:
            will, was = dict(zip(fields, values, strict=False)), dict(zip(fields, values[len(fields) :], strict=True))
            shown = [] if operation == "delete" else list(changed) if changed else fields
            found.append(
                Sample(
                    operation,
                    ", ".join(_masked(data_extension, name, will[name]) for name in data_extension.key_fields),
                    tuple(_change(data_extension, name, was[name], will[name]) for name in shown),
                )
            )
    return tuple(found)


def _change(data_extension: DataExtension, name: str, was: Any, will: Any) -> tuple[str, str, str]:
    return name, _masked(data_extension, name, was), _masked(data_extension, name, will)


def _masked(data_extension: DataExtension, name: str, value: Any) -> str:
    return masked(value, data_extension.fields[name].pii)


def estimate(connection: duckdb.DuckDBPyConnection, data_extension: DataExtension, changes: str) -> Estimate:
    """What an import of the rows in `changes` would take at least."""
    lengths = {name: f"coalesce(strlen(CAST({quoted(name)} AS VARCHAR)), 0)" for name in data_extension.fields}
    totals = ", ".join(f"sum({length}) AS {quoted(name)}" for name, length in lengths.items())
    found = connection.execute(f"SELECT _operation, count(*), {totals} FROM {changes} GROUP BY _operation")
    form = data_extension.file
    size = files = 0
    for operation, rows, *bytes_ in found.fetchall():
        names = travelling_fields(data_extension, operation)
        quotes = 2 * sum(data_extension.fields[name].type in TEXT_FIELDS for name in names)
        cells = dict(zip(lengths, bytes_, strict=True))
        one = int(sum(cells[name] for name in names)) + rows * (quotes + len(names)) + len(",".join(names)) + 1
        one *= 2 if data_extension.file.encoding == "utf-16" else 1
        size += one
        files += max(math.ceil(rows / (form.maximum_rows or rows)), math.ceil(one / form.maximum_bytes))
    return Estimate(files, size, _LOOKS + _CALLS_A_FILE * files if files else 0)


def updates_by_field(connection: duckdb.DuckDBPyConnection, updates: str) -> Mapping[str, int]:
    """How many `updates` (a relation with `_changed`) change each field, the most frequent first."""
    return dict(
        connection.execute(
            f"SELECT field, count(*) AS n FROM (SELECT unnest(_changed) AS field FROM {updates}) "
            "GROUP BY field ORDER BY n DESC, field"
        ).fetchall()
    )
