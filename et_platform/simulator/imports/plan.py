"""How an import definition reads a file into a data extension.

What belongs here: the definition's properties as typed values, checking them, and mapping file columns to fields.
What does not: reading the file (`source.py`), merging rows (`merge.py`).
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from et_platform.simulator import clock
from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.schema import DataExtension, Field, folded

UPDATE_TYPES = ("AddAndUpdate", "AddAndDoNotUpdate", "UpdateButDoNotAdd", "Overwrite", "ColumnBased")
ACTIONS = ("AddAndUpdate", "AddButDoNotUpdate", "Delete", "Skip", "UpdateButDoNotAdd")
_MAPPINGS = ("InferFromColumnHeadings", "MapByOrdinal", "ManualMap")
_FILE_TYPES = {"CSV": ",", "TAB": "\t", "Other": ""}
_CODE_PAGES = {65001: "utf-8-sig", 1200: "utf-16", 1201: "utf-16-be"}


class ImportFailed(Exception):
    """An import that cannot run at all: its task ends `Error` with the figures of no row."""


@dataclass(frozen=True)
class Plan:
    """A definition, ready to read files with. `actions` maps control values to row actions."""

    update_type: str
    mapping: str
    maps: tuple[dict[str, str | None], ...]
    file_spec: str
    delimiter: str
    quoted: bool
    encoding: str
    header_lines: int
    allow_errors: bool
    null_representation: str | None
    day_first: bool
    control_column: str | None
    control_default: str | None
    actions: dict[str, str]
    delete_file: bool
    max_file_age_hours: int


@dataclass(frozen=True)
class Columns:
    """Where in a row of the file each mapped field stands, and the control column if there is one."""

    fields: tuple[tuple[int, Field], ...]
    control: int | None = None


def _true(text: str | None, default: bool) -> bool:
    return default if not text else text.lower() in ("true", "1")


def read(definition: dict[str, Any], behaviour: Behaviour) -> Plan:
    """The plan of a definition that `problem` finds nothing wrong with."""
    properties: dict[str, str] = definition["properties"]
    kind = properties["FileType"]
    code_page = properties.get("EncodingCodePage")
    header_lines = properties.get("HeaderLines")
    return Plan(
        update_type=properties.get("UpdateType") or "AddAndUpdate",
        mapping=properties["FieldMappingType"],
        maps=tuple(definition["maps"]),
        file_spec=properties["FileSpec"],
        delimiter=_FILE_TYPES[kind] or properties.get("Delimiter", ","),
        quoted=_true(properties.get("StandardQuotedStrings"), default=True),
        encoding=encoding(code_page) if code_page else behaviour.default_encoding,
        header_lines=int(header_lines) if header_lines else behaviour.default_header_lines,
        allow_errors=_true(properties.get("AllowErrors"), default=True),
        null_representation=properties.get("NullRepresentation") or None,
        day_first=(properties.get("DateFormattingLocale.LocaleCode") or "en-US").lower() not in ("en-us", "en"),
        control_column=properties.get("ControlColumn") or None,
        control_default=properties.get("ControlColumnDefaultAction") or None,
        actions={one["Value"] or "": one["Action"] for one in definition["actions"]},
        delete_file=_true(properties.get("DeleteFile"), default=False),
        max_file_age_hours=int(properties.get("MaxFileAge") or 0),
    )


def encoding(code_page: str) -> str:
    """Python's name for a Windows code page. Raises LookupError."""
    number = int(code_page) if code_page.isdecimal() else 0
    name = _CODE_PAGES.get(number, f"cp{number}")
    codecs.lookup(name)
    return name


def problem(definition: dict[str, Any], destination: DataExtension) -> str | None:
    """What is wrong with a definition, or None."""
    properties: dict[str, str] = definition["properties"]
    update_type = properties.get("UpdateType") or "AddAndUpdate"
    if update_type not in UPDATE_TYPES:
        return f"The UpdateType '{update_type}' is not valid."
    if properties["FieldMappingType"] not in _MAPPINGS:
        return f"The FieldMappingType '{properties['FieldMappingType']}' is not valid."
    if properties["FileType"] not in _FILE_TYPES:
        return f"The FileType '{properties['FileType']}' is not valid."
    if properties["FileType"] == "Other" and len(properties.get("Delimiter", "")) != 1:
        return "FileType Other needs a Delimiter of one character."
    for name in ("HeaderLines", "MaxFileAge", "MaxImportFrequency"):
        if properties.get(name) and not properties[name].isdecimal():
            return f"{name} must be a number."
    try:
        encoding(properties.get("EncodingCodePage") or "65001")
    except LookupError:
        return f"The EncodingCodePage {properties['EncodingCodePage']} is not known."
    if not destination.keys and update_type != "Overwrite":
        return "A data extension without a primary key can only be overwritten."  # [D]
    if update_type == "ColumnBased":
        chosen = [one["Action"] for one in definition["actions"]]
        default = properties.get("ControlColumnDefaultAction")
        if not properties.get("ControlColumn"):
            return "UpdateType ColumnBased needs a ControlColumn."
        wrong = [action for action in [*chosen, *([default] if default else [])] if action not in ACTIONS]
        if wrong:
            return f"The control action '{wrong[0]}' is not valid."
    return _maps_problem(definition, destination)


def _maps_problem(definition: dict[str, Any], destination: DataExtension) -> str | None:
    mapping = definition["properties"]["FieldMappingType"]
    if mapping == "InferFromColumnHeadings":
        return None
    source = "SourceOrdinal" if mapping == "MapByOrdinal" else "SourceName"
    if not definition["maps"]:
        return f"FieldMappingType {mapping} needs FieldMaps."
    for one in definition["maps"]:
        if not one.get(source):
            return f"FieldMappingType {mapping} needs a {source} in each FieldMap."
        if source == "SourceOrdinal" and not (one[source].isdecimal() and int(one[source]) >= 1):
            return f"SourceOrdinal '{one[source]}' must be a number from 1."
        if destination.field(one.get("DestinationName") or "") is None:
            return f"The field '{one.get('DestinationName')}' does not exist in the data extension."
    return None


def file_name(file_spec: str, zone: str) -> str:
    """The exact file name of today: `%%Year%%`, `%%Month%%` and `%%Day%%`, zero-padded [D]; there is no wildcard."""
    today = clock.now() if zone == "server" else clock.utc(clock.now())
    for placeholder, text in (("%%Year%%", f"{today:%Y}"), ("%%Month%%", f"{today:%m}"), ("%%Day%%", f"{today:%d}")):
        file_spec = file_spec.replace(placeholder, text)
    return file_spec


def columns(plan: Plan, destination: DataExtension, headings: Sequence[str] | None, behaviour: Behaviour) -> Columns:
    """Map a file's columns to fields. `headings` is None for a file without. Raises ImportFailed."""
    places = {folded(heading).strip(): place for place, heading in reversed(list(enumerate(headings or ())))}
    if headings is None and plan.mapping != "MapByOrdinal":
        raise ImportFailed("the file has no headings")
    found: list[tuple[int, Field]] = []
    if plan.mapping == "InferFromColumnHeadings":
        for heading, place in places.items():
            field = destination.field(heading)
            if field:
                found.append((place, field))
            elif behaviour.unknown_headings == "fail" and heading != folded(plan.control_column or ""):
                raise ImportFailed(f"the heading {heading!r} names no field")
    for one in plan.maps if plan.mapping != "InferFromColumnHeadings" else ():
        field = destination.field(one.get("DestinationName") or "")
        if field is None:
            raise ImportFailed(f"the field {one.get('DestinationName')!r} does not exist")
        if plan.mapping == "MapByOrdinal":
            found.append((int(one.get("SourceOrdinal") or 0) - 1, field))
        elif folded(one.get("SourceName") or "") in places:
            found.append((places[folded(one.get("SourceName") or "")], field))
        else:
            raise ImportFailed(f"the file has no column {one.get('SourceName')!r}")
    mapped = {field.object_id for _, field in found}
    unmapped = [field.name for field in destination.keys if field.object_id not in mapped]
    if unmapped or not found:
        raise ImportFailed(f"no column for {', '.join(unmapped) or 'any field'}")
    return Columns(tuple(sorted(found, key=lambda one: one[0])), _control(plan, places))


def _control(plan: Plan, places: dict[str, int]) -> int | None:
    if plan.update_type != "ColumnBased":
        return None
    name = plan.control_column or ""
    if plan.mapping == "MapByOrdinal" and name.isdecimal():
        return int(name) - 1
    if folded(name) not in places:
        raise ImportFailed(f"the file has no control column {name!r}")
    return places[folded(name)]
