"""How sure each part of the SOAP side is: types, operations and properties, as a table for readers.

What belongs here: the level of evidence of each, which properties a request can set, and writing
`docs/simulator/objects.md` (`python -m et_platform.simulator.evidence`). What does not: behaviour. Types, operations
and properties are read from the code; only levels and what is settable stand here, and tests hold both against the
code and a running simulator.

Levels: [D] the vendor's documentation, [R] recorded or verified live by a public project, [W] the WSDL, [3] a
third-party page, [K] background knowledge, unconfirmed: a setting where it matters.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from et_platform.simulator import describe
from et_platform.simulator.evidence_of_objects import EVIDENCE, IDENTITY, Evidence
from et_platform.simulator.evidence_of_operations import OPERATIONS
from et_platform.simulator.objects.handlers import HANDLERS
from et_platform.simulator.operations import ACTIONS
from et_platform.simulator.retrieval import Shape

__all__ = ["EVIDENCE", "IDENTITY", "table", "verbs"]
VERBS = ("Create", "Retrieve", "Update", "Delete", "Perform", "Describe")


def verbs(kind: str) -> list[str]:
    """The operations that a type's module offers."""
    module = HANDLERS[kind]
    offered = {
        "Create": hasattr(module, "save"),
        "Retrieve": hasattr(module, "retrieve"),
        "Update": hasattr(module, "save") and not getattr(module, "CREATED_ONLY", False),
        "Delete": hasattr(module, "delete"),
        "Perform": any(hasattr(module, function) for function in ACTIONS.values()),
        "Describe": True,
    }
    return [verb for verb in VERBS if offered[verb]]


def table() -> str:
    """The page `docs/simulator/objects.md`."""
    lines = [
        "# The local ExactTarget over SOAP: objects, operations, properties",
        "",
        "Written by `python -m et_platform.simulator.evidence`; a test fails when it is not what the code says.",
        "Every object may name its business unit by `Client.ID` [D], and itself by `ObjectID`, `ID` or `CustomerKey`.",
        "A sub-object's properties must be named [D]; alone (`Client`) it shows nothing (`bare_sub_objects`) [K].",
        "Every property can be used in a filter. What is unconfirmed and matters is a setting (`etp sim --help`).",
        "",
        "How sure it is: **D** the vendor's documentation · **R** recorded, or verified live by a public project ·",
        "**W** the WSDL · **3** a third-party page · **K** background knowledge, unconfirmed. A dash: not offered.",
        "",
        "## Operations",
        "",
        *_rows(("operation", "", "what of it"), ((name, *told) for name, told in OPERATIONS.items())),
        "",
        "## Objects",
        "",
        *_rows(("object", *VERBS), ((f"[{kind}](#{kind.lower()})", *_levels(kind)) for kind in EVIDENCE)),
    ]
    for kind, known in EVIDENCE.items():
        lines += ["", f"### {kind}", ""]
        if known.note:
            lines += [known.note, ""]
        if known.forms or (kind != "DataExtensionObject" and "Retrieve" in known.verbs):
            lines += _rows(("property", "holds", "", "Retrieve", "Create", "Update"), _properties(kind, known))
    return "\n".join(lines) + "\n"


def _levels(kind: str) -> list[str]:
    offered = verbs(kind)
    return [EVIDENCE[kind].verbs[verb] if verb in offered else "–" for verb in VERBS]


def _properties(kind: str, known: Evidence) -> Iterable[tuple[str, ...]]:
    module: Any = HANDLERS[kind]
    shape: Shape | None = getattr(module, "SHAPE", None)
    retrievable: Sequence[str] = shape.retrievable if shape is not None and "Retrieve" in known.verbs else ()
    for name in retrievable:
        assert shape is not None
        held = describe.retrievable(shape, name).data_type
        created = "×" if name in known.settable or name in known.forms else ""
        updated = "×" if name in known.settable - known.fixed or name in known.forms else ""
        yield f"`{name}`", held, known.other.get(name, known.fields), "×", created, updated
    for name, form in known.forms.items():
        if name not in retrievable:
            updated = "×" if "Update" in known.verbs else ""
            yield f"`{name}`", form, known.other.get(name, known.fields), "", "×", updated


def _rows(heading: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    heading = tuple(heading)
    return [_row(heading), _row("---" for _ in heading), *map(_row, rows)]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.stdout.write(table())
