"""How an import definition reads a file into a data extension: its properties as typed values.

What belongs here: the plan and making one. What does not: what is wrong with a definition (`rules.py`), which columns
go where (`mapping.py`), finding the file (`files.py`), reading it (`source.py`), merging rows (`merge.py`).
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import Any

from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.imports import locales
from et_platform.simulator.imports.locales import Locale

FILE_TYPES = {"CSV": ",", "TAB": "\t", "Other": ""}
_LINE_ENDS = {"": "", "CRLF": "\r\n", "LF": "\n", "CR": "\r", "\\r\\n": "\r\n", "\\n": "\n", "\\r": "\r"}
_CODE_PAGES = {
    1200: "utf-16-le",
    1201: "utf-16-be",
    12000: "utf-32-le",
    12001: "utf-32-be",
    20127: "ascii",
    20866: "koi8-r",
    20932: "euc-jp",
    21866: "koi8-u",
    50220: "iso2022-jp",
    51932: "euc-jp",
    51949: "euc-kr",
    52936: "hz",
    54936: "gb18030",
    65000: "utf-7",
    65001: "utf-8-sig",
} | {28590 + part: f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 15)}


class ImportFailed(Exception):
    """An import that cannot run at all: its task ends `Error` with the figures of no row."""


@dataclass(frozen=True)
class Plan:
    """A definition, ready to read files with. `actions` maps control values to row actions; `line_end` is empty where
    every usual one counts."""

    update_type: str
    mapping: str
    maps: tuple[dict[str, str | None], ...]
    file_spec: str
    location: str
    delimiter: str
    quoted: bool
    line_end: str
    encoding: str
    header_lines: int
    allow_errors: bool
    null_representation: str | None
    locale: Locale
    control_column: str | None
    control_default: str | None
    actions: dict[str, str]
    delete_file: bool
    max_file_age_hours: int
    file_age_offset_hours: int


def keeps_first(update_type: str, behaviour: Behaviour) -> bool:
    """Whether of the rows with one key in a file the first is applied, and not the last. What only adds finds the row
    there from its second on [3: first or last, depending on the update type; which keeps which: K]."""
    if behaviour.duplicates == "by_update_type":
        return update_type == "AddAndDoNotUpdate"
    return behaviour.duplicates == "first"


def true(text: str | None, default: bool) -> bool:
    """An XML Boolean that `rules.problem` has found to be one."""
    return default if not text else text.lower() in ("true", "1")


def read(definition: dict[str, Any], behaviour: Behaviour) -> Plan:
    """The plan of a definition that `rules.problem` finds nothing wrong with."""
    properties: dict[str, str] = definition["properties"]
    code_page = properties.get("EncodingCodePage")
    header_lines = properties.get("HeaderLines")
    return Plan(
        update_type=properties.get("UpdateType") or "AddAndUpdate",
        mapping=properties["FieldMappingType"],
        maps=tuple(definition["maps"]),
        file_spec=properties["FileSpec"],
        location=properties["RetrieveFileTransferLocation.CustomerKey"],
        delimiter=FILE_TYPES[properties["FileType"]] or properties.get("Delimiter", ","),
        quoted=true(properties.get("StandardQuotedStrings"), default=True),
        line_end=line_end(properties.get("EndOfLineRepresentation", "")),
        encoding=encoding(code_page) if code_page else behaviour.default_encoding,
        header_lines=int(header_lines) if header_lines else behaviour.default_header_lines,
        allow_errors=true(properties.get("AllowErrors"), default=True),
        null_representation=properties.get("NullRepresentation") or None,
        locale=locales.find(properties.get("DateFormattingLocale.LocaleCode") or locales.DEFAULT),
        control_column=properties.get("ControlColumn") or None,
        control_default=properties.get("ControlColumnDefaultAction") or None,
        actions={one["Value"] or "": one["Action"] for one in definition["actions"]},
        delete_file=true(properties.get("DeleteFile"), default=False),
        max_file_age_hours=int(properties.get("MaxFileAge") or 0),
        file_age_offset_hours=int(properties.get("MaxFileAgeScheduleOffset") or 0),
    )


def encoding(code_page: str) -> str:
    """Python's name for a Windows code page. Raises LookupError."""
    number = int(code_page) if code_page.isdecimal() else 0
    name = _CODE_PAGES.get(number, f"cp{number}")
    codecs.lookup(name)
    return name


def line_end(representation: str) -> str:
    r"""What ends a row: CRLF, LF or CR in letters, \r\n, \n or \r, else the text itself [K]; '' means any usual one."""
    word = representation.strip(" ")
    return _LINE_ENDS.get(word.upper(), _LINE_ENDS.get(word.lower(), representation))
