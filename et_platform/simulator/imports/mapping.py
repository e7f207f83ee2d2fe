"""Which column of a file goes to which field.

What belongs here: the three mapping types and the control column, against a file's headings. What does not: reading
the file (`source.py`), what is wrong with a definition before there is a file (`rules.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.imports import rules
from et_platform.simulator.imports.plan import ImportFailed, Plan
from et_platform.simulator.schema import DataExtension, Field, folded


@dataclass(frozen=True)
class Columns:
    """Where in a row of the file each mapped field stands, and the control column if there is one."""

    fields: tuple[tuple[int, Field], ...]
    control: int | None = None


def columns(plan: Plan, destination: DataExtension, headings: Sequence[str] | None, behaviour: Behaviour) -> Columns:
    """Map a file's columns to fields. `headings` is None for a file without. Raises ImportFailed."""
    # Of two columns with one heading the first is meant [K].
    places = {folded(heading).strip(): place for place, heading in reversed(list(enumerate(headings or ())))}
    if headings is None and plan.mapping != "MapByOrdinal":
        raise ImportFailed("the file has no headings")
    if plan.mapping == "InferFromColumnHeadings":
        found = _inferred(plan, destination, places, behaviour)
    else:
        found = [_mapped(plan, destination, places, one, behaviour) for one in plan.maps]
    mapped = {field.object_id for _, field in found}
    unmapped = [field.name for field in destination.keys if field.object_id not in mapped]
    if unmapped or not found:
        raise ImportFailed(f"no column for {', '.join(unmapped) or 'any field'}")
    return Columns(tuple(sorted(found, key=lambda one: one[0])), _control(plan, places, behaviour))


def _inferred(
    plan: Plan, destination: DataExtension, places: dict[str, int], behaviour: Behaviour
) -> list[tuple[int, Field]]:
    found = []
    for heading, place in places.items():
        field = destination.field(heading)
        if field:
            found.append((place, field))
        elif behaviour.unknown_headings == "fail" and heading != folded(plan.control_column or ""):
            raise ImportFailed(f"the heading {heading!r} names no field")
    return found


def _mapped(
    plan: Plan, destination: DataExtension, places: dict[str, int], one: dict[str, str | None], behaviour: Behaviour
) -> tuple[int, Field]:
    field = destination.field(one.get("DestinationName") or "")
    if field is None:
        raise ImportFailed(f"the field {one.get('DestinationName')!r} does not exist")
    if plan.mapping == "MapByOrdinal":
        place = rules.ordinal(one, behaviour)
        if place is None:
            raise ImportFailed(f"no ordinal for {field.name}")
        return place, field
    source = folded(one.get("SourceName") or "").strip()
    if source not in places:
        raise ImportFailed(f"the file has no column {one.get('SourceName')!r}")
    return places[source], field


def _control(plan: Plan, places: dict[str, int], behaviour: Behaviour) -> int | None:
    if plan.update_type != "ColumnBased":
        return None
    name = plan.control_column or ""
    if plan.mapping == "MapByOrdinal" and (place := rules.ordinal({"SourceOrdinal": name}, behaviour)) is not None:
        return place
    if folded(name).strip() not in places:
        raise ImportFailed(f"the file has no control column {name!r}")
    return places[folded(name).strip()]
