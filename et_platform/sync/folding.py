"""The folded key: a key as ExactTarget compares it. One function, versioned.

ExactTarget compares keys as its SQL Server does: without regard to case and to blanks at the end (measured on
data extensions by public projects; which collation exactly is not documented). For ASCII that is certain. For
other characters the answer depends on the collation (is ß equal to ss, İ to i, ａ to a?), so a key that holds
one is `undecidable`: its row is held and listed, never guessed.
"""

from collections.abc import Sequence

VERSION = 1

DECIDABLE = "\\x20-\\x7E"
"""The characters, as in a regular expression, whose equality is certain."""


SEPARATOR = "\x1f"
"""Between the parts of a key of several columns; no part may hold it, being a control character."""


def folded_key(key: str, parts: int = 1) -> str:
    """SQL for the folded form of the SQL text expression `key`; null for a key that is null or blank.

    A key of several `parts` has them joined by SEPARATOR; each is compared by itself, and none may be blank.
    """
    if parts == 1:
        return f"nullif(lower(rtrim({key}, ' ')), '')"
    trimmed = f"regexp_replace({key}, ' +(\\x1f|$)', '\\1', 'g')"
    blank = f"regexp_matches({trimmed}, '(^|\\x1f)(\\x1f|$)')"
    return f"CASE WHEN NOT {blank} THEN lower({trimmed}) END"


def joined(parts: Sequence[str]) -> str:
    """SQL for the text of a key, from the SQL text expressions of its parts; null if one of them is."""
    return " || chr(31) || ".join(parts)


def undecidable(key: str) -> str:
    """SQL condition: whether ExactTarget takes this key for equal to another cannot be known from here."""
    return f"NOT regexp_full_match({key}, '[{DECIDABLE}\\x1F]*')"
