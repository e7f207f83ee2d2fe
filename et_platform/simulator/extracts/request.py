"""Reading an ExtractRequest: from parameters to an order, or a refusal.

What belongs here: which parameters are needed, what their texts mean, limits. What does not: carrying the order out.
An order is a plain document, so that it outlives a crash.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from et_platform.simulator import clock, envelope, schema
from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.envelope import Element
from et_platform.simulator.extracts import kinds
from et_platform.simulator.extracts.delimited import Format
from et_platform.simulator.imports import files
from et_platform.simulator.store import Connection

Order = dict[str, Any]
"""What to write: `kind`, `file`, `format`, and what the kind needs besides."""

Shared = Callable[[str], tuple[str, str] | None]
"""From a key to the database and the ObjectID of a shared data extension; None for keys that mean none."""

_FORBIDDEN = re.compile(r'[\\/:*<>|?"\x00-\x1f]')
"""What names on the Enhanced FTP site may not contain [D]."""

_DELIMITERS = {"tab": "\t", "\\t": "\t", "comma": ",", "pipe": "|", "semicolon": ";"}


class BadRequest(Exception):
    """An extract that cannot be made; the text is the StatusMessage of its result."""


def read(
    connection: Connection,
    element: Element,
    mid: str,
    behaviour: Behaviour,
    catalogs: Mapping[str, str] | None = None,
    shared: Shared = lambda key: None,
) -> Order:
    """The order that a request asks for. Raises BadRequest.

    `catalogs` gives, by MID, the databases of the units that AccountIDs may name besides the own one; `shared` knows
    the data extensions that the enterprise shares.
    """
    client = (envelope.value(envelope.child(element, "Client"), "ID") or "").strip()
    if client not in ("", mid):
        raise BadRequest(f"The account {client} cannot be accessed.")
    identity = (envelope.value(element, "ID") or "").strip().lower()
    if identity not in kinds.NAMES:
        raise BadRequest(f"The extract ID {identity or '(none)'} does not exist.")
    given = _Given(element)
    match identity:
        case kinds.TRACKING:
            given.check(kinds.TRACKING_PARAMETERS, behaviour)
            return _tracking(given, mid, behaviour, catalogs or {mid: ""})
        case kinds.DATA_EXTENSION:
            given.check(kinds.DATA_EXTENSION_PARAMETERS, behaviour)
            return _data_extension(connection, given, behaviour, shared)
    raise BadRequest(f"The extract {kinds.NAMES[identity]} is not available here.")


class _Given:
    """The parameters of one request, by their exact names."""

    def __init__(self, element: Element):
        self._values: dict[str, str] = {}
        for one in envelope.children(envelope.child(element, "Parameters"), "Parameter"):
            name = (envelope.value(one, "Name") or "").strip()
            if name in self._values:
                raise BadRequest(f"The parameter {name} is given twice.")
            self._values[name] = envelope.value(one, "Value") or ""

    def check(self, known: frozenset[str], behaviour: Behaviour) -> None:
        """Whether all are spelled as documented; the others have no effect, should they be let through."""
        unknown = sorted(self._values.keys() - known)
        if unknown and behaviour.extract_unknown_parameters == "refuse":
            raise BadRequest(f"Unknown parameter: {', '.join(unknown)}. Names are case-sensitive.")

    def text(self, name: str) -> str:
        """Its value without blanks around; '' when absent."""
        return self._values.get(name, "").strip()

    def raw(self, name: str) -> str:
        """Its value as it stands: a delimiter may be a blank."""
        return self._values.get(name, "")

    def needed(self, name: str) -> str:
        """Its value, which must not be blank."""
        if not self.text(name):
            raise BadRequest(f"The parameter {name} is required.")
        return self.text(name)

    def flag(self, name: str, default: bool = False) -> bool:
        """A Boolean: True or False [R], in any case; blank or absent is the default."""
        match self.text(name).lower():
            case "":
                return default
            case "true" | "1":
                return True
            case "false" | "0":
                return False
        raise BadRequest(f"The parameter {name} must be True or False, not {self.text(name)!r}.")

    def moment(self, name: str) -> datetime:
        """A date as `M/d/yyyy h:mm:ss AM` [D], in server time."""
        try:
            return datetime.strptime(self.needed(name).upper(), "%m/%d/%Y %I:%M:%S %p")  # noqa: DTZ007 - server time
        except ValueError as error:
            raise BadRequest(
                f"The parameter {name} must be written M/d/yyyy h:mm:ss AM, not {self.text(name)!r}."
            ) from error


def _tracking(given: _Given, mid: str, behaviour: Behaviour, catalogs: Mapping[str, str]) -> Order:
    file = _file_name(given, behaviour)
    if not file.lower().endswith(".zip"):
        raise BadRequest(f"OutputFileName must end in .zip: {file!r}.")  # [D]
    start, end = given.moment("StartDate"), given.moment("EndDate")
    if end <= start:
        raise BadRequest("EndDate must be later than StartDate.")
    if end - start > timedelta(days=behaviour.extract_max_days):
        raise BadRequest(f"The window is longer than {behaviour.extract_max_days:g} days.")  # [3]
    named = [one.strip() for one in given.text("AccountIDs").split(",") if one.strip()]
    # Blank is this account, `*` all [D]; of a list, those that cannot be reached are passed over [K].
    accounts = list(catalogs) if "*" in named else [one for one in dict.fromkeys(named) if one in catalogs]
    if named and not accounts:
        raise BadRequest(f"The accounts {', '.join(named)} cannot be accessed.")
    if given.text("Format").lower() not in ("", "csv"):
        raise BadRequest(f"The Format {given.text('Format')!r} is not supported: csv is.")
    other = sorted(name for name in kinds.OTHER_TYPES if given.flag(name))
    if given.flag("UseLocalTZinQuery"):
        other.append("UseLocalTZinQuery")
    if other and behaviour.extract_other_types == "refuse":
        raise BadRequest(f"Not available here: {', '.join(other)}.")
    types = [name for parameter, name in kinds.SIMULATED_TYPES.items() if given.flag(parameter)]
    if not (types or other):
        raise BadRequest("No Extract type is chosen.")
    return {
        "kind": "tracking",
        "file": file,
        "start": start.isoformat(),
        "end": end.isoformat(),
        "inclusive_end": behaviour.extract_inclusive_end,
        "send_jobs_by": behaviour.extract_send_jobs_by,
        "types": types,
        "accounts": {one: catalogs[one] for one in accounts or [mid]},
        "send_ids": _numbers(given, "SendIDs"),
        "milliseconds": given.flag("IncludeMilliseconds"),
        "unsub_reason": given.flag("IncludeUnsubReason"),
        "format": asdict(_format(given, "QuoteText", behaviour)),
    }


def _data_extension(connection: Connection, given: _Given, behaviour: Behaviour, shared: Shared) -> Order:
    for name in kinds.DATA_EXTENSION_REQUIRED:
        given.needed(name)
    if given.text("_AsyncID") != "0":
        raise BadRequest("_AsyncID must be 0.")  # [D]
    for name in ("StartDate", "EndDate"):
        if given.moment(name) != kinds.NO_DATE:
            raise BadRequest(f"{name} must be {clock.american(kinds.NO_DATE)}.")  # [D]
    key = given.text("DECustomerKey")
    place = shared(key)
    if place is None:
        found = schema.by_property(connection, "CustomerKey", key)
        if found is None:
            raise BadRequest(f"The data extension was not found: {key}")
        place, key = ("", found.object_id), found.customer_key
    qualified = "TextQualified" if given.text("TextQualified") else "QuoteText"
    return {
        "kind": "data_extension",
        "file": _file_name(given, behaviour),
        "catalog": place[0],
        "data_extension": place[1],
        "key": key,
        "headings": given.flag("HasColumnHeaders"),
        "format": asdict(_format(given, qualified, behaviour)),
    }


def _file_name(given: _Given, behaviour: Behaviour) -> str:
    """The exact name: placeholders are filled in at once, so that a repeated run writes the same file."""
    name = files.name(given.needed("OutputFileName"), behaviour.file_name_zone)
    if _FORBIDDEN.search(name) or name.startswith(".") or len(name.encode()) > 200:
        raise BadRequest(f"{name!r} cannot be an OutputFileName.")
    return name


def _numbers(given: _Given, name: str) -> list[int]:
    texts = [one.strip() for one in given.text(name).split(",") if one.strip()]
    if not all(one.isascii() and one.isdecimal() and len(one) < 19 for one in texts):
        raise BadRequest(f"The parameter {name} must be numbers, separated by commas.")
    return [int(one) for one in texts]


def _format(given: _Given, qualified: str, behaviour: Behaviour) -> Format:
    delimiter = given.raw("ColumnDelimiter")
    delimiter = _DELIMITERS.get(delimiter.strip().lower(), delimiter) or ","
    qualifier = given.text("TextQualifier") or '"'
    if len(delimiter) != 1 or len(qualifier) != 1 or delimiter == qualifier or delimiter in "\r\n":
        raise BadRequest("ColumnDelimiter and TextQualifier must be one character each, and different ones.")
    encoding = given.text("CharacterEncoding") or behaviour.extract_encoding
    if given.flag("UnicodeOutput"):
        encoding = "utf-16"
    try:
        # A codec that is no character encoding, such as zip, is not taken.
        "".encode(codecs.lookup(encoding).name)
    except LookupError as error:
        raise BadRequest(f"The CharacterEncoding {encoding!r} is not known.") from error
    return Format(
        delimiter=delimiter,
        qualifier=qualifier if given.flag(qualified, behaviour.extract_quote) else "",
        all_fields=behaviour.extract_quoting == "all",
        encoding=encoding,
        line_end="\n" if given.flag("UsesLineFeed") else "\r\n",
    )
