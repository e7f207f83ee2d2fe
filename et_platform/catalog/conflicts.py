"""Rules that need two files, of extracts and segments.

What belongs here: what such a declaration says of others, compared with them. What does not: the rules of data
extensions, units and write-backs (catalog.py).
"""

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

from et_platform.catalog.extract import Extract
from et_platform.catalog.field import DataExtensionField
from et_platform.catalog.queried import tables_of
from et_platform.catalog.segment import Condition, Segment, operators_of

if TYPE_CHECKING:
    from et_platform.catalog.catalog import Catalog, Declared

_LONGEST_NAME = 22
"""Of a segment: its activities' customer keys hold it, and those have 36 characters."""


def extract_conflicts(catalog: "Catalog") -> Iterator[str]:
    """What extracts say of data extensions that are not there, and types of events that two extracts bring."""
    claimed: dict[str, Declared[Extract]] = {}
    for declared in catalog.extracts.values():
        for number, name in enumerate(declared.is_.subscribers_of):
            if name not in catalog.data_extensions:
                known = ", ".join(sorted(catalog.data_extensions)) or "none"
                yield (
                    f"{declared.at('subscribers_of', number)}: subscribers_of: no data extension is declared as "
                    f"{name!r}; declared: {known}."
                )
        for number, event_type in enumerate(declared.is_.events):
            other = claimed.setdefault(event_type, declared)
            if other is not declared:
                yield (
                    f"{declared.at('events', number)}: events: the {event_type} events already come with "
                    f"{other.at('events')}; let one extract bring a type."
                )


def segment_conflicts(catalog: "Catalog") -> Iterator[str]:
    """Keys and names that are used already, what is read and is not there, conditions that do not fit their field."""
    used = {
        what: {getattr(one.is_, what).lower(): one.at(what) for one in catalog.data_extensions.values()}
        for what in ("customer_key", "name")
    }
    for declared in catalog.segments.values():
        if len(declared.name) > _LONGEST_NAME:
            yield f"{declared.path}:1: a segment's name has {_LONGEST_NAME} characters at most; rename the file."
        for what, places in used.items():
            value, where = getattr(declared.is_.into, what), declared.at("into", what)
            other = places.setdefault(value.lower(), where)
            if other is not where:
                yield f"{where}: into.{what}: {value!r} is already used in {other}; choose another."
        yield from _query_conflicts(catalog, declared)
        yield from _filter_conflicts(catalog, declared)
    yield from _circles(catalog)


def _query_conflicts(catalog: "Catalog", declared: "Declared[Segment]") -> Iterator[str]:
    if declared.is_.query is None:
        return
    read = tables_of(declared.is_.query)
    where = declared.at("query")
    if not read:
        yield f"{where}: query: no data extension is read: nothing follows FROM. Write one SELECT."
    others = {name.lower() for name in declared.is_.others}
    for name in read:
        if reads_asset(catalog, name) is None and name.lower() not in others and not name.startswith("_"):
            known = ", ".join(sorted(one.is_.name for one in catalog.data_extensions.values()))
            yield (
                f"{where}: query: no data extension of the catalogue is named {name!r} (SQL has them by `name`); there "
                f"are: {known}. Correct the name; if others keep it in ExactTarget, add it to `others`."
            )


def reads_asset(catalog: "Catalog", name: str) -> tuple[str, str] | None:
    """Prefix and name of the asset whose data extension has this name in ExactTarget; None for what is not declared."""
    for key, declared in catalog.data_extensions.items():
        if declared.is_.name.lower() == name.lower():
            return "data_extension", key
    for key, segment in catalog.segments.items():
        if segment.is_.into.name.lower() == name.lower():
            return "segment", key
    return None


def _filter_conflicts(catalog: "Catalog", declared: "Declared[Segment]") -> Iterator[str]:
    chosen = declared.is_.filter
    if chosen is None:
        return
    fields: dict[str, DataExtensionField] | None = None
    for what, known in (("data_extension", catalog.data_extensions), ("segment", catalog.segments)):
        name = getattr(chosen.of, what)
        if name is not None and name not in known:
            yield (
                f"{declared.at('filter', 'of', what)}: filter.of.{what}: none is declared as {name!r}; declared: "
                f"{', '.join(sorted(known)) or 'none'}."
            )
        elif name is not None:
            is_ = known[name].is_
            fields = is_.into.fields if isinstance(is_, Segment) else is_.made_fields
    if fields is None:
        return  # others' data extension: ExactTarget says what is wrong
    for at, comparison in chosen.where.comparisons(("filter", "where")):
        for problem in _comparison_problems(comparison, fields):
            yield f"{declared.at(*at)}: {'.'.join(map(str, at))}: {problem}."
    lower = {name.lower() for name in fields}
    for name in declared.is_.into.fields:
        if name.lower() not in lower:
            yield (
                f"{declared.at('into', 'fields', name)}: into.fields.{name}: what is filtered has no such field, so it "
                f"would stay empty; it has: {', '.join(fields)}."
            )


def _comparison_problems(comparison: Condition, fields: dict[str, DataExtensionField]) -> Iterator[str]:
    assert comparison.field is not None
    found = next((field for name, field in fields.items() if name.lower() == comparison.field.lower()), None)
    if found is None:
        yield f"what is filtered has no field {comparison.field!r}; it has: {', '.join(fields)}"
        return
    fitting = operators_of(found.type)
    if comparison.is_ not in fitting:
        yield f"a {found.type} field takes {', '.join(fitting)}, not {comparison.is_}"
    if comparison.days_ago is not None and found.type != "Date":
        yield f"`days_ago` is for a date, and {comparison.field!r} is {found.type}; say `value`"
    if comparison.value is not None and found.type == "Date" and not is_day(comparison.value):
        yield f"{comparison.value!r} is no day such as 2026-01-31; a filter compares days"


def is_day(text: str) -> bool:
    """Whether a text is a day, written as in 2026-01-31."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _circles(catalog: "Catalog") -> Iterator[str]:
    """Segments that, by others, read what they write: none of them could be first."""
    behind = {
        name: {key for prefix, key in upstream(catalog, one) if prefix == "segment"}
        for name, one in catalog.segments.items()
    }
    left = dict(behind)
    while ready := [name for name, needed in left.items() if not needed & left.keys()]:
        for name in ready:
            del left[name]
    for name in left:
        declared = catalog.segments[name]
        where = declared.at("query") if declared.is_.query is not None else declared.at("filter", "of")
        yield f"{where}: the segment reads what it writes, by way of {', '.join(sorted(behind[name] & left.keys()))}."


def upstream(catalog: "Catalog", declared: "Declared[Segment]") -> list[tuple[str, str]]:
    """Prefix and name of the assets whose data extensions a segment reads."""
    if declared.is_.query is not None:
        named = [reads_asset(catalog, name) for name in tables_of(declared.is_.query)]
        return [one for one in named if one is not None]
    assert declared.is_.filter is not None
    of = declared.is_.filter.of
    found = (("data_extension", of.data_extension), ("segment", of.segment))
    return [(prefix, name) for prefix, name in found if name is not None]
