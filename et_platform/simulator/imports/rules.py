"""What is wrong with an import definition.

What belongs here: the reasons behind error 43060 [D]. What does not: its destination and file location, which are
looked up (`objects/import_definition.py`), what is wrong with a file.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.imports import locales
from et_platform.simulator.imports.plan import FILE_TYPES, encoding
from et_platform.simulator.schema import DataExtension, folded

_UPDATE_TYPES = ("AddAndUpdate", "AddAndDoNotUpdate", "UpdateButDoNotAdd", "Overwrite", "ColumnBased")
_ON_LISTS = ("AddAndUpdate", "AddAndDoNotUpdate", "UpdateButDoNotAdd")
_ACTIONS = ("AddAndUpdate", "AddButDoNotUpdate", "Delete", "Skip", "UpdateButDoNotAdd")
_MAPPINGS = ("InferFromColumnHeadings", "MapByOrdinal", "ManualMap")
_CONVERSATION = ("OnConversationError", "OnConversationComplete", "OnCallComplete")
_CHOICES = {
    "UpdateType": _UPDATE_TYPES,
    "FieldMappingType": _MAPPINGS,
    "FileType": tuple(FILE_TYPES),
    "SubscriberImportType": ("Email", "SMS"),
    "ControlColumnDefaultAction": _ACTIONS,
    "Notification.ResponseType": ("None", "email", "FTP", "HTTPPost"),
    "Notification.RespondWhen": ("Never", "OnError", "Always", *_CONVERSATION),
}  # [W]
_BOOLEANS = ("AllowErrors", "StandardQuotedStrings", "DeleteFile")
_NUMBERS = ("HeaderLines", "MaxFileAge", "MaxFileAgeScheduleOffset", "MaxImportFrequency", "EncodingCodePage")
_WHOLE = re.compile(r"\d{1,9}")

Properties = dict[str, str]


def problem(definition: dict[str, Any], destination: DataExtension | None, behaviour: Behaviour) -> str | None:
    """The first thing that is wrong, as a sentence, or None. Without a data extension the destination is a list."""
    properties: Properties = definition["properties"]
    checks: list[Callable[[], str | None]] = [
        functools.partial(_required, properties),
        functools.partial(_typed, properties),
        functools.partial(_reading, properties, behaviour),
        functools.partial(_update_type, definition, destination),
        functools.partial(_maps, definition, destination, behaviour),
    ]
    return next((found for check in checks if (found := check())), None)


def _required(properties: Properties) -> str | None:
    names = ("FieldMappingType", "FileType", "FileSpec", "RetrieveFileTransferLocation.CustomerKey")  # [D]
    return next((f"{name} is required." for name in names if not properties.get(name)), None)


def _typed(properties: Properties) -> str | None:
    if properties.get("UpdateType") == "Merge":
        return "The UpdateType Merge is reserved."  # [W][D]
    for name, choices in _CHOICES.items():
        if properties.get(name) and properties[name] not in choices:
            return f"The {name} '{properties[name]}' is not valid; there are {', '.join(choices)}."
    for name in _BOOLEANS:
        if properties.get(name, "").lower() not in ("", "true", "false", "1", "0"):
            return f"{name} must be true or false."
    for name in _NUMBERS:
        if properties.get(name) and not _WHOLE.fullmatch(properties[name]):
            return f"{name} must be a number."
    return None


def _reading(properties: Properties, behaviour: Behaviour) -> str | None:
    delimiter = properties.get("Delimiter", "")
    if properties["FileType"] == "Other" and (len(delimiter) != 1 or delimiter in '"\r\n'):
        return "FileType Other needs a Delimiter of one character, and no quote or line break."
    try:
        encoding(properties.get("EncodingCodePage") or "65001")
    except LookupError:
        return f"The EncodingCodePage {properties['EncodingCodePage']} is not known."
    try:
        locales.find(properties.get("DateFormattingLocale.LocaleCode") or locales.DEFAULT)
    except LookupError:
        return f"The LocaleCode '{properties['DateFormattingLocale.LocaleCode']}' is not known."
    if properties.get("Filter") and behaviour.import_filter == "refuse":
        return "Filter is not supported."
    return None


def _update_type(definition: dict[str, Any], destination: DataExtension | None) -> str | None:
    properties: Properties = definition["properties"]
    update_type = properties.get("UpdateType") or "AddAndUpdate"
    if destination is None:
        supported = update_type in _ON_LISTS
        return None if supported else f"UpdateType {update_type} is not supported for lists."  # [K]
    if not destination.keys and update_type != "Overwrite":
        return "A data extension without a primary key can only be overwritten."  # [D]
    if update_type != "ColumnBased":
        return None
    if not properties.get("ControlColumn"):
        return "UpdateType ColumnBased needs a ControlColumn."
    wrong = [one["Action"] for one in definition["actions"] if one["Action"] not in _ACTIONS]
    if wrong:
        return f"The control action '{wrong[0]}' is not valid; there are {', '.join(_ACTIONS)}."
    return None


def _maps(definition: dict[str, Any], destination: DataExtension | None, behaviour: Behaviour) -> str | None:
    mapping = definition["properties"]["FieldMappingType"]
    if mapping == "InferFromColumnHeadings":
        return None
    if not definition["maps"]:
        return f"FieldMappingType {mapping} needs FieldMaps."
    taken: set[str] = set()
    for one in definition["maps"]:
        if mapping == "ManualMap" and not one.get("SourceName"):
            return "FieldMappingType ManualMap needs a SourceName in each FieldMap."
        if mapping == "MapByOrdinal" and ordinal(one, behaviour) is None:
            return (
                f"FieldMappingType MapByOrdinal needs a SourceOrdinal from {behaviour.first_ordinal} in each FieldMap."
            )
        name = (one.get("DestinationName") or "").strip()
        field = destination.field(name) if destination else None
        if not name or (destination and field is None):
            return f"The field '{name}' does not exist in the data extension."
        if folded(name) in taken:
            return f"The field '{name}' is mapped more than once."
        taken.add(folded(name))
    return None


def ordinal(one: dict[str, str | None], behaviour: Behaviour) -> int | None:
    """The place of a mapped column, from 0; None if it names none. A documented sample has it as SourceName [D]."""
    text = (one.get("SourceOrdinal") or one.get("SourceName") or "").strip()
    place = int(text) - behaviour.first_ordinal if _WHOLE.fullmatch(text) else -1
    return place if place >= 0 else None
