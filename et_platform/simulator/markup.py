"""Writing XML: the few functions with which every reply is put together.

What belongs here: escaping and element text. Replies are plain strings, since a page of 2,500 rows as a tree of
objects costs several times as much. What does not: what a reply contains.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

NIL = ' xsi:nil="true"'

# XML 1.0 cannot carry these characters at all; a reply with them could not be parsed by any client.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SPECIAL = re.compile("[&<>\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def escape(value: str) -> str:
    """The value as character data. A carriage return is kept as a reference, else parsers would drop it."""
    if not _SPECIAL.search(value):
        return value
    value = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#xD;")
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", value)


def text(name: str, value: str | int) -> str:
    """An element with character data; empty values give `<Name />` as the service writes them [R]."""
    content = escape(str(value))
    return f"<{name}>{content}</{name}>" if content else f"<{name} />"


def nil(name: str) -> str:
    """`<Name xsi:nil="true" />`."""
    return f"<{name}{NIL} />"


def element(name: str, *content: str, type: str | None = None) -> str:  # noqa: A002 - the attribute's own name
    """An element around already written content, with `xsi:type` when asked."""
    quoted = escape(type).replace('"', "&quot;") if type else ""  # replies repeat the types that requests name
    attribute = f' xsi:type="{quoted}"' if quoted else ""
    return f"<{name}{attribute}>{''.join(content)}</{name}>"


def elements(name: str, values: Iterable[str | int]) -> str:
    """One element per value."""
    return "".join(text(name, value) for value in values)
