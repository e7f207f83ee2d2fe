"""A condition on rows as somebody types it at the terminal: `Points greaterThan 5`, `City IN Bonn|Ulm`, `Born isNull`.

Belongs here: from such a text to a `Condition` with typed values. Does not: checking it (`filters.py`).
"""

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import get_args

from et_platform.exacttarget.errors import InvalidDefinition
from et_platform.exacttarget.filters import AllOf, Condition, Filter, Operator, Value
from et_platform.exacttarget.models import SERVER_TIME, Field, FieldType

_OPERATORS: dict[str, Operator] = {name.casefold(): name for name in get_args(Operator)}
_FORM = re.compile(rf"\s*(.+?)\s+({'|'.join(_OPERATORS)})(?:\s+(.*))?", re.IGNORECASE | re.DOTALL)
_BOOLEANS = {"true": True, "false": False}


def read_conditions(texts: Sequence[str], fields: Sequence[Field]) -> Filter | None:
    """All of the conditions, joined by AND; None without any. Raises InvalidDefinition, which quotes no value."""
    read = tuple(_read(text, fields) for text in texts)
    return AllOf(parts=read) if read else None


def _read(text: str, fields: Sequence[Field]) -> Condition:
    found = _FORM.fullmatch(text)
    if found is None:
        raise InvalidDefinition(
            "A condition has a field, an operator and its values: `Points greaterThan 5`, `City IN Bonn|Ulm`, `Born "
            f"isNull`. Nothing was read. Operators are {', '.join(_OPERATORS.values())}."
        )
    name, operator, rest = found[1], _OPERATORS[found[2].casefold()], found[3]
    field = next((one for one in fields if one.name.casefold() == name.casefold()), None)
    kind = FieldType.Text if field is None else field.type
    texts = [] if rest is None else rest.split("|") if operator in ("IN", "between") else [rest]
    return Condition(field=name, operator=operator, value=[_value(one, name, kind) for one in texts])


def _value(text: str, name: str, kind: FieldType) -> Value:
    bare = text.strip()
    try:
        match kind:
            case FieldType.Number:
                return int(bare)
            case FieldType.Decimal:
                return Decimal(bare)
            case FieldType.Boolean:
                return _BOOLEANS[bare.casefold()]
            case FieldType.Date if len(bare) == len("2026-11-01"):
                return date.fromisoformat(bare)
            case FieldType.Date:
                moment = datetime.fromisoformat(bare)
                return moment if moment.tzinfo else moment.replace(tzinfo=SERVER_TIME)
    except (ValueError, KeyError, InvalidOperation):
        raise InvalidDefinition(
            f"The condition on {name} has a value that is no {kind.value}. Nothing was read. Numbers are written 5 or "
            "5.25, dates 2026-11-01 or 2026-11-01T13:00:00 (server time unless it has an offset), Booleans true or "
            "false."
        ) from None  # Python's own words quote the value
    return text
