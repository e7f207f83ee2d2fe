"""One value between two worlds: as we hold it, and as a CRM stores it.

What belongs here: whether a stored value is the one that was read, and how a value is stored. What does not: SQL and
databases (write.py, sqlite_write.py, postgres_write.py).

A CRM's column need not be of the type that its values mean: SQLite keeps a moment as text and a boolean as 0 or 1, an
old table says Y and N. Reading has turned them into values (warehouse/snapshots.py); this is the way back, and it
must call two forms equal exactly where reading does.
"""

import re
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Literal

Value = bool | int | float | Decimal | date | datetime | str | None
Kind = Literal["text", "boolean", "integer", "number", "date", "timestamp", "other", "untyped"]
"""What a column of the CRM stores; `untyped` is SQLite's: whatever was put there."""

_WORDS = (("true", "false"), ("t", "f"), ("yes", "no"), ("y", "n"), ("1", "0"))
_DATE = re.compile(r"\d{4}-\d\d-\d\d([ T]00:00(:00(\.0+)?)?)?")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?\s?(Z|[+-]\d\d(:?\d\d)?)?)?")


class CannotStore(ValueError):
    """A column cannot hold the value without losing a part of it; the message says why, and not the value."""


def is_same(value: Value, stored: Value | bytes, kind: Kind) -> bool:
    """Whether `stored`, as the database gives it, is what `value` stands for."""
    if isinstance(stored, bytes):
        return False
    if kind != "text" and isinstance(stored, str) and not isinstance(value, str) and not stored.strip():
        stored = None  # an empty text where no text belongs was read as nothing
    if value is None or stored is None:
        return value is None and stored is None
    match value:
        case bool():
            return _boolean(stored) is value
        case int() | float() | Decimal():
            return _number(stored) == Decimal(str(value))
        case datetime():
            return _moment(stored) == _utc(value)
        case date():
            moment = _moment(stored) if _DATE.fullmatch(text_of(stored).strip()) else None
            return moment is not None and moment.date() == value
        case str():
            return text_of(stored) == value


def to_store(value: Value, kind: Kind, instead_of: Value | bytes) -> Value:
    """The form in which a column of this kind stores `value`; booleans in words keep the words of `instead_of`.

    Raises CannotStore where a part of the value would be lost.
    """
    match value:
        case bool():
            return _as_stored_boolean(value, kind, instead_of)
        case datetime():
            moment = _utc(value)
            if kind == "date":
                if moment.time() != time():
                    raise CannotStore("holds dates without a time of day; declare it as a date")
                return moment.date().isoformat()
            # PostgreSQL reads the zone where the column has one and skips it where not: the session's is UTC too.
            return f"{moment.isoformat(' ')}+00" if kind == "timestamp" else moment.isoformat(" ")
        case date():
            return value.isoformat()
        case Decimal():
            return format(value, "f")
        case str():
            if not _is_encodable(value):
                raise CannotStore("would get a text with half a character (a lone surrogate)")
            if "\0" in value and kind != "untyped":
                raise CannotStore("would get a text with a NUL character")
            return value
        case _:
            return value


def text_of(stored: Value | bytes) -> str:
    """A stored value as the reader shows it (connect.Crm.read)."""
    match stored:
        case bool():
            return "true" if stored else "false"
        case float():
            return str(int(stored)) if stored.is_integer() and abs(stored) < 9e18 else repr(stored)
        case bytes():
            return stored.decode("utf-8", "replace")
        case _:
            return str(stored)


def is_key_of_some_row(key: str) -> bool:
    """Whether any database can hold this text at all."""
    return _is_encodable(key) and "\0" not in key


def _as_stored_boolean(value: bool, kind: Kind, instead_of: Value | bytes) -> Value:
    if kind == "boolean":
        return value
    old = instead_of.strip() if isinstance(instead_of, str) else ""
    for words in _WORDS[:-1]:
        if old.lower() in words:
            word = words[0 if value else 1]
            return word.upper() if old.isupper() else word.capitalize() if old.istitle() else word
    if kind == "text" and not old:
        return "true" if value else "false"
    return str(int(value)) if kind == "text" else int(value)


def _boolean(stored: Value) -> bool | None:
    word = text_of(stored).strip().lower()
    return next((word == yes for yes, no in _WORDS if word in (yes, no)), None)


def _number(stored: Value) -> Decimal | None:
    try:
        return Decimal(text_of(stored).strip())
    except InvalidOperation:
        return None


def _moment(stored: Value) -> datetime | None:
    text = text_of(stored).strip()
    if not _MOMENT.fullmatch(text):
        return None
    try:
        return _utc(datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-").replace(" Z", "Z")))
    except ValueError:
        return None


def _utc(moment: datetime) -> datetime:
    """Without a zone, in UTC; a moment without a zone is UTC already, as everywhere in the platform."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _is_encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
