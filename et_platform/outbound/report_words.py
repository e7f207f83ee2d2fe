"""The words of ExactTarget's report without what may be a customer's.

What belongs here: which words may be shown. What does not: reading the report (import_report.py), and what it leads to
(rejections.py).

How a report quotes values is not documented, so values are not looked for: words are kept only if they are known, as a
declared field or as one of the wording. A number never is.
"""

import re
from collections.abc import Iterable


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORDING = _words("""
a address after already an and any are as at be because been but by can can't cannot case character characters code
column columns constraint contain contains convert converted could couldn't data database date decimal default
destination did digits does doesn't duplicate duplicated email empty error exceeded exceeds expected extension failed
failure field fields file for format found from greater had has have header id import in incorrect into invalid is isn't
it its key larger least length less limit list locale long longer many match maximum mismatch minimum missing more most
must no not null number numeric of on one only operation or out phone point populated precision primary range record
records rejected required row rows same scale short size skipped specified subscriber supported text than that the this
to too truncated type unexpected unique unknown unrecognized unsupported valid validation value values violated
violation was wasn't were whole with would wrong
""")
_TYPES = _words("Boolean Date Decimal Email EmailAddress ExactTarget ID Locale NULL Number Phone Text")
_OPENERS = _words("""
A An Can't Cannot Column Conversion Could Data Duplicate Error Failed Field Invalid Missing No Primary Record Required
Row The This Unable Unknown Value
""")
"""What begins a sentence. Elsewhere a capital is a name's, such as Long's."""

_OPENING = "\"'‘’‚“”„«»‹›(\\[{<"
_CLOSING = "\"'‘’‚“”„«»‹›)\\]}>"


def without_values(told: str, fields: Iterable[str]) -> str:
    """The words of `told` that name one of `fields` or belong to the wording; `…` stands for all between them.

    What stands in quotes is kept only if it is a field.
    """
    declared = {name.lower(): name for name in fields}
    names = "|".join(re.escape(name) for name in sorted(declared, key=len, reverse=True)) or "(?!)"
    word = re.compile(
        rf"(?<!\S)(?:[{_OPENING}]*(?P<field>{names})[{_CLOSING}]*(?P<stop>[.,:;]?)|\S+)(?!\S)", re.IGNORECASE
    )
    kept: list[str] = []
    for match in word.finditer(told):
        begins = not kept or kept[-1].endswith(".")
        name = declared.get((match["field"] or "").lower())
        if _is_wording(match[0], begins=begins):
            kept.append(match[0])
        elif name is not None:
            kept.append(name + match["stop"])
        elif not kept or kept[-1] != "…":
            kept.append("…")
    return " ".join(kept)


def _is_wording(word: str, *, begins: bool) -> bool:
    plain = word.replace("’", "'")
    plain = plain[:-1] if plain.endswith((".", ",", ":", ";")) else plain
    return plain in _WORDING or plain in _TYPES or (begins and plain in _OPENERS)
