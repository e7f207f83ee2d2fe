"""What a DateFormattingLocale says about dates and decimals.

What belongs here: the order of day, month and year, and the decimal sign, of a LocaleCode such as de-DE. What does
not: reading dates and numbers (`values.py`). The figures are those of the Unicode CLDR, which the vendor's platform
(.NET) shares for the common locales; that the locale counts for decimals too is an assumption [K].
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import babel

DEFAULT = "en-US"
"""The locale when none is given [D]."""


@dataclass(frozen=True)
class Locale:
    """`order` is `mdy`, `dmy` or `ymd`; `decimal_comma` whether 1,5 is one and a half."""

    order: str
    decimal_comma: bool


@cache
def find(code: str) -> Locale:
    """The locale of a code, as `en-GB` or `de`. Raises LookupError."""
    try:
        known = babel.Locale.parse(code.strip(), sep="-")
    except (ValueError, babel.UnknownLocaleError) as error:
        raise LookupError(f"no locale {code!r}") from error
    pattern = known.date_formats["short"].pattern.lower()
    order = "".join(sorted("dmy", key=pattern.index))
    return Locale(order, known.number_symbols[known.default_numbering_system].get("decimal") == ",")
