"""Which data extensions and data views a query of T-SQL reads, by the names that follow FROM and JOIN.

What belongs here: a scanner of words, names and brackets. What does not: whether the SQL is right, which ExactTarget
says when it is saved, and what a column is made of (sync/segments.py has a parser for that, slow to import: this is
read whenever the definitions are loaded).
"""

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\[(?P<bracket>[^\]]+)\]|\"(?P<quote>[^\"]+)\"|(?P<word>[A-Za-z_][\w$]*)"
    r"|(?P<sign>[(),.;])|\S",
    re.DOTALL,
)
_ENDS = {"WHERE", "GROUP", "ORDER", "HAVING", "UNION", "EXCEPT", "INTERSECT"}
_Token = tuple[str, str]
"""`name` (in brackets or quotes), `word` or `sign`, and the text."""


def tables_of(query: str) -> list[str]:
    """The names that are read, each once, in order; without `ENT.`, subqueries and names that WITH defines."""
    tokens = list(_tokens(query))
    defined = {
        first[1].lower()
        for first, second, third in zip(tokens, tokens[1:], tokens[2:], strict=False)
        if first[0] != "sign" and second == ("word", "AS") and third == ("sign", "(")
    }
    found = {name.lower(): name for name in _read(tokens) if name.lower() not in defined}
    return list(found.values())


def _tokens(query: str) -> Iterator[_Token]:
    for one in _TOKEN.finditer(query):
        if (name := one["bracket"] or one["quote"]) is not None:
            yield "name", name.strip()
        elif (word := one["word"]) is not None:
            yield "word", word.upper() if word.upper() in {*_ENDS, "AS", "FROM", "JOIN", "APPLY", "SELECT"} else word
        elif one["sign"] is not None:
            yield "sign", one["sign"]


def _read(tokens: list[_Token]) -> Iterator[str]:
    # Per open bracket: whether a SELECT stands in it, whether its FROM is being read, whether a name must come next.
    selects, reads, expects = [False], [False], [False]
    position = 0
    while position < len(tokens):
        kind, text = tokens[position]
        position += 1
        if kind == "sign":
            if text == "(":
                expects[-1] = False
                for stack in (selects, reads, expects):
                    stack.append(False)
            elif text == ")" and len(selects) > 1:
                for stack in (selects, reads, expects):
                    stack.pop()
            elif text == "," and reads[-1]:
                expects[-1] = True
        elif kind == "word" and text == "SELECT":
            selects[-1], reads[-1], expects[-1] = True, False, False
        elif kind == "word" and text in ("FROM", "JOIN", "APPLY"):
            reads[-1] = expects[-1] = selects[-1]  # TRIM(' ' FROM x) reads nothing
        elif kind == "word" and text in _ENDS:
            reads[-1] = expects[-1] = False
        elif expects[-1]:
            while tokens[position : position + 1] == [("sign", ".")] and position + 1 < len(tokens):
                text = tokens[position + 1][1]
                position += 2
            if tokens[position : position + 1] != [("sign", "(")]:
                yield text
            expects[-1] = False
