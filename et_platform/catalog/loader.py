"""Reads one YAML file into one declaration; an error names file, line, key and remedy.

What belongs here: YAML, line numbers, error text. What does not: what a declaration may say (models.py).
"""

import difflib
from collections.abc import Hashable
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

Location = tuple[str | int, ...]


class CatalogError(Exception):
    """A declaration cannot be used; the message lists every problem as `file:line: key: what, remedy`."""


class _Reader(yaml.CSafeLoader):
    """Safe YAML that refuses a key written twice (plain YAML keeps the last one silently)."""


def _mapping(reader: _Reader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    seen: dict[Hashable, int] = {}
    for key_node, _ in node.value:
        key = reader.construct_object(key_node)
        if key in seen:
            mark = key_node.start_mark
            raise yaml.MarkedYAMLError(
                problem=f"key {key!r} is written twice (first on line {seen[key]}); keep one",
                problem_mark=mark,
            )
        seen[key] = key_node.start_mark.line + 1
    return reader.construct_mapping(node, deep=True)


_Reader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


M = TypeVar("M", bound=BaseModel)


def load_declaration(path: Path, model: type[M]) -> tuple[M, dict[Location, int]]:
    """The declaration in `path`, and the line of every key in it.

    Raises CatalogError for unreadable files, text that is not YAML, unknown keys (with the nearest known one),
    missing keys, and values that break a rule of the model.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError(f"{path}: cannot be read as UTF-8 text ({error}).") from None
    try:
        node, content = _parsed(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise CatalogError(f"{path}:{line}: {error.problem}.") from None
    except yaml.YAMLError as error:
        raise CatalogError(f"{path}: not YAML: {error}") from None
    lines = _lines(node)
    if not isinstance(content, dict):
        raise CatalogError(
            f"{path}:1: expected keys and values such as `description: …`, found {type(content).__name__}."
        )
    try:
        return model.model_validate(content), lines
    except ValidationError as error:
        problems = [_explain(path, lines, dict(e), model) for e in error.errors()]
        raise CatalogError("\n".join(problems)) from None


def _parsed(text: str) -> tuple[yaml.Node | None, Any]:
    """The nodes of a document, which know their lines, and what they say."""
    reader = _Reader(text)
    try:
        node = reader.get_single_node()
        return node, None if node is None else reader.construct_document(node)
    finally:
        reader.dispose()


def line_of(lines: dict[Location, int], location: Location) -> int:
    """The line of `location`, or of the nearest enclosing key that has one."""
    while location and location not in lines:
        location = location[:-1]
    return lines.get(location, 1)


def _explain(path: Path, lines: dict[Location, int], error: dict[str, Any], model: type[BaseModel]) -> str:
    location: Location = tuple(error["loc"])
    where = f"{path}:{line_of(lines, location)}: {'.'.join(str(part) for part in location) or 'the file'}"
    match error["type"]:
        case "extra_forbidden":
            known = _known_keys(model, location[:-1])
            near = difflib.get_close_matches(str(location[-1]), known, n=1)
            remedy = f"did you mean `{near[0]}`?" if near else f"known keys here: {', '.join(known)}."
            return f"{where}: unknown key; {remedy}"
        case "missing":
            return f"{where}: this key is required; add it."
        case _:
            message = error["msg"].removeprefix("Value error, ")
            said: Location = (*location, *message.split(": ")[0].split("."))
            if said in lines:  # a rule of several keys begins with the one to be changed
                return f"{path}:{lines[said]}: {'.'.join(str(part) for part in location)}{message}."
            return f"{where}: {message}."


def _known_keys(model: type[BaseModel], location: Location) -> list[str]:
    """The keys that `model` allows at `location`, walking through nested models and dictionaries of models."""
    current: type[BaseModel] | None = model
    parts = list(location)
    while current is not None and parts:
        part = parts.pop(0)
        field = next((f for n, f in current.model_fields.items() if (f.alias or n) == part), None)
        current = _model_inside(field.annotation) if field else None
        if field is not None and get_origin(field.annotation) is dict and parts:
            parts.pop(0)  # the entry's own name
    return [f.alias or name for name, f in current.model_fields.items()] if current else []


def _model_inside(annotation: Any) -> type[BaseModel] | None:
    """The model named by an annotation such as Model, Model | None or dict[str, Model]."""
    candidates = [annotation, *get_args(annotation)]
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


def _lines(node: yaml.Node | None, at: Location = ()) -> dict[Location, int]:
    """Line numbers by location, for every key and list item."""
    if node is None:
        return {}
    lines = {at: node.start_mark.line + 1}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            lines |= _lines(value, (*at, key.value))
            lines[(*at, key.value)] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines |= _lines(value, (*at, index))
    return lines
