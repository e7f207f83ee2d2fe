"""`$filter` and `$orderBy`: from their texts to a filter and an order.

What belongs here: reading the texts. What does not: what a comparison means (`filters.py`).
Written as clients write them [R]: `Country eq 'DE' and (Age gt 30 or Age eq 0)`, `Age desc,Name`. Which operators
there are beside `eq` is not documented [K].
"""

from __future__ import annotations

import re

from et_platform.simulator.filters import Complex, Filter, FilterError, Simple

_OPERATORS = {
    "eq": "equals",
    "ne": "notEquals",
    "neq": "notEquals",
    "gt": "greaterThan",
    "ge": "greaterThanOrEqual",
    "gte": "greaterThanOrEqual",
    "lt": "lessThan",
    "le": "lessThanOrEqual",
    "lte": "lessThanOrEqual",
    "like": "like",
}
# A quoted text (a quote in it is doubled), a name in brackets, a parenthesis, or a bare word.
_TOKEN = re.compile(r"\s*(?:'((?:[^']|'')*)'|\[([^\]]*)\]|([()])|([^\s()']+))")


class _Tokens:
    def __init__(self, text: str):
        self._tokens: list[tuple[str, bool]] = []
        place = 0
        while text[place:].strip():
            found = _TOKEN.match(text, place)
            if not found:
                raise FilterError(f"The filter cannot be read from {text[place:]!r} on.")
            quoted, bracketed, parenthesis, word = found.groups()
            exact = quoted if quoted is not None else bracketed
            self._tokens.append(
                ((exact or "").replace("''", "'"), True) if exact is not None else (parenthesis or word, False)
            )
            place = found.end()
        self._next = 0

    def peek(self) -> str:
        """The next word that is not quoted, in lower case; '' at the end or before a quoted one."""
        if self._next == len(self._tokens):
            return ""
        text, exact = self._tokens[self._next]
        return "" if exact else text.lower()

    def take(self) -> str:
        """The next token, whatever it is."""
        if self._next == len(self._tokens):
            raise FilterError("The filter ends too early.")
        self._next += 1
        return self._tokens[self._next - 1][0]

    @property
    def ended(self) -> bool:
        """Whether nothing is left."""
        return self._next == len(self._tokens)


def read_filter(text: str) -> Filter:
    """The filter that a text means. Raises FilterError."""
    tokens = _Tokens(text)
    wanted = _joined(tokens, "or")
    if not tokens.ended:
        raise FilterError(f"The filter has more than expected: {tokens.take()!r}.")
    return wanted


def _joined(tokens: _Tokens, word: str) -> Filter:
    def part() -> Filter:
        return _joined(tokens, "and") if word == "or" else _single(tokens)

    parts = [part()]
    while tokens.peek() == word:
        tokens.take()
        parts.append(part())
    return parts[0] if len(parts) == 1 else Complex(word.upper(), tuple(parts))


def _single(tokens: _Tokens) -> Filter:
    if tokens.peek() == "(":
        tokens.take()
        inner = _joined(tokens, "or")
        if tokens.peek() != ")":
            raise FilterError("The filter lacks a closing parenthesis.")
        tokens.take()
        return inner
    name, operator, value = tokens.take(), tokens.take(), tokens.take()
    if operator.lower() not in _OPERATORS:
        raise FilterError(f"Invalid operator {operator!r}.")
    return Simple(name, _OPERATORS[operator.lower()], (value,))


def read_order(text: str) -> list[tuple[str, bool]]:
    """Names in order, and whether each runs downwards. Raises FilterError."""
    order = []
    for part in filter(None, (one.strip() for one in text.split(","))):
        name, _, direction = part.rpartition(" ")
        if direction.lower() not in ("asc", "desc"):
            name, direction = part, "asc"
        order.append((name.strip(), direction.lower() == "desc"))
    return order
