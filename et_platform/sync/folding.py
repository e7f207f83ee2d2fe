"""The folded key: a key as ExactTarget compares it. One function, versioned.

ExactTarget compares keys as its SQL Server does: without regard to case and to blanks at the end (measured on
data extensions by public projects; which collation exactly is not documented). For ASCII that is certain. For
other characters the answer depends on the collation (is ß equal to ss, İ to i, ａ to a?), so a key that holds
one is `undecidable`: its row is held and listed, never guessed.
"""

VERSION = 1

DECIDABLE = "\\x20-\\x7E"
"""The characters, as in a regular expression, whose equality is certain."""


def folded_key(key: str) -> str:
    """SQL for the folded form of the SQL text expression `key`; null for a key that is null or blank."""
    return f"nullif(lower(rtrim({key}, ' ')), '')"


def undecidable(key: str) -> str:
    """SQL condition: whether ExactTarget takes this key for equal to another cannot be known from here."""
    return f"NOT regexp_full_match({key}, '[{DECIDABLE}]*')"
