"""The script of faults: `etp sim --faults FILE`, in YAML.

What belongs here: its form, and errors that name file, line and field. What does not: what a fault is (`effects.py`).

    seed: 7
    faults:
      - {effect: throttle, operation: Update, key: Customers, times: 3}
      - {effect: cut, at: sftp, file: "Import/*", at_byte: 100000}
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from et_platform.simulator.faults.effects import fault
from et_platform.simulator.faults.model import Fault


class ScriptError(Exception):
    """The script cannot be used; the message names the file, the line and the reason."""


@dataclass(frozen=True)
class Script:
    """Faults in their order, and the seed of their chances."""

    faults: tuple[Fault, ...] = ()
    seed: int = 0


def read(path: Path) -> Script:
    """Read the file. Raises ScriptError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScriptError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    return parse(text, str(path))


def parse(text: str, name: str = "script") -> Script:
    """The script that a text holds. Raises ScriptError."""
    try:
        content, root = yaml.safe_load(text), yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ScriptError(f"{name} is no YAML: {error}") from error
    if content is None:
        return Script()
    if not isinstance(content, dict) or not set(content) <= {"seed", "faults"}:
        raise ScriptError(f"{name}: a script has `faults`, a list, and perhaps `seed`, a whole number; nothing else")
    seed, listed = content.get("seed", 0), content.get("faults") or []
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise ScriptError(f"{name}: seed must be a whole number, not {seed!r}")
    if not isinstance(listed, list):
        raise ScriptError(f"{name}: faults must be a list")
    lines = _lines(root)
    faults = tuple(_fault(one, f"{name}, line {line}") for one, line in zip(listed, lines, strict=True))
    for number, one in enumerate(faults):
        if one.name and one.name in {above.name for above in faults[:number]}:
            raise ScriptError(f"{name}, line {lines[number]}: the name {one.name} is taken by a fault above")
    return Script(faults, seed)


def _fault(given: Any, place: str) -> Fault:
    if not isinstance(given, dict):
        raise ScriptError(f"{place}: a fault is a mapping such as {{effect: throttle, operation: Update}}")
    try:
        return fault(given)
    except ValueError as error:
        raise ScriptError(f"{place}: {error}") from error


def _lines(root: Any) -> list[int]:
    """The line on which each fault begins."""
    for key, value in root.value:
        if key.value == "faults" and isinstance(value, yaml.SequenceNode):
            return [one.start_mark.line + 1 for one in value.value]
    return []
