"""Definitions that are kept as they were given: what queries, filters, e-mails, sends and automations have in common.

What belongs here: identity, save, delete and retrieve of one kind of definition, from its shape and its rules. What
does not: the rules themselves, and starting one (`objects/`).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from et_platform.simulator import clock, envelope, folders, retrieval, store
from et_platform.simulator.envelope import Element
from et_platform.simulator.results import Refused, Result, SaveMode, refusal
from et_platform.simulator.store import Connection
from et_platform.simulator.values import quoted

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

Document = dict[str, Any]
"""A definition: `object_id`, `properties` (texts by the names of its shape), and what its rules add."""

Rule = Callable[["Service", Connection, Document, Element], None]
"""Checks and completes a definition that a request has changed. Raises Refused."""


@dataclass(frozen=True)
class Codes:
    """Error codes of a kind; where a kind's own are not known, the general ones [D]: 1 in use, 2 anything else."""

    no_key: int = 2
    not_found: int = 2
    exists: int = 1
    invalid: int = 2


def _no_rule(service: Service, connection: Connection, document: Document, element: Element) -> None:
    """Everything goes."""


@dataclass(frozen=True)
class Kind:
    """One kind of definition. `texts` are the properties that a request sets, `fixed` those of them that Update leaves.

    `words` are the messages of Create, Update and Delete. `numbered` kinds have a number beside their ObjectID;
    `unique_names` says whether two may share a Name. What names no folder lies in the root of `content_type`, if that
    is given. `shown` is what a Retrieve shows of properties that nobody set; `told` are the properties that the reply
    of Create or Update shows beside those that the request gave.
    """

    shape: retrieval.Shape
    kind: str
    texts: tuple[str, ...]
    words: tuple[str, str, str]
    codes: Codes = Codes()
    rule: Rule = _no_rule
    defaults: Mapping[str, str] = field(default_factory=dict)
    fixed: frozenset[str] = frozenset()
    numbered: bool = False
    unique_names: bool = True
    content_type: str = ""
    shown: Mapping[str, str] = field(default_factory=dict)
    told: frozenset[str] = frozenset({"CustomerKey"})

    @property
    def name(self) -> str:
        """The type's name."""
        return self.shape.object_type

    def retrieve(self, service: Service, query: retrieval.Query) -> retrieval.Page:
        """A page of definitions, oldest first."""
        shown = "body->'$.properties'"
        if self.shown:
            shown = f"json_merge_patch({quoted(json.dumps(dict(self.shown)))}::JSON, {shown})"
        source = f"SELECT seq, {shown} AS shown FROM documents WHERE kind = '{self.kind}'"
        return retrieval.documents(service, query, self.shape, source, "shown->>'$.\"{}\"'", "seq")

    def save(self, service: Service, objects: list[Element], mode: SaveMode, operation: str) -> list[Result]:
        """Create, update or upsert, each on its own."""
        return [self._saved(service, one, mode) for one in objects]

    def delete(self, service: Service, objects: list[Element]) -> list[Result]:
        """Delete, each on its own."""
        return [self._deleted(service, one) for one in objects]

    def existing(self, connection: Connection, element: Element) -> Document:
        """The definition that an element names. Raises Refused."""
        found = self.find(connection, element)
        if found is None:
            raise Refused(self.codes.not_found, f"{self.name} Not Found")
        return found

    def find(self, connection: Connection, element: Element) -> Document | None:
        """The definition that an element names by ObjectID, number, else CustomerKey. Raises Refused without any."""
        object_id = text(element, "ObjectID")
        if object_id:
            return store.get(connection, self.kind, object_id)
        for name in ("ID", "CustomerKey") if self.numbered else ("CustomerKey",):
            given = text(element, name)
            if given:
                return self.by(connection, name, given)
        raise Refused(self.codes.no_key, f"{self.name}: an ObjectID or a CustomerKey must be given.")

    def by(self, connection: Connection, name: str, value: str) -> Document | None:
        """The definition whose property is that, without regard to case and trailing blanks."""
        condition = f"lower(rtrim(body->>'$.properties.\"{name}\"', ' ')) = lower(rtrim(?, ' '))"
        found = store.find(connection, self.kind, condition, [value])
        return found[0] if found else None

    def named(self, element: Element) -> str:
        """An object as far as it named itself: so whatever was refused or performed is shown."""
        known = {name: given for name in ("ObjectID", "CustomerKey") if (given := text(element, name))}
        return self.shape.render(known, set(known), tag="Object")

    def _saved(self, service: Service, element: Element, mode: SaveMode) -> Result:
        try:
            with service.store.definitions, service.store.transaction() as connection:
                identified = any(text(element, name) for name in ("ObjectID", "CustomerKey", "ID"))
                found = self.find(connection, element) if identified or not mode.add else None
                if found is None and not mode.add:
                    raise Refused(self.codes.not_found, f"{self.name} Not Found")
                if found is not None and not mode.change:
                    raise Refused(self.codes.exists, f"{self.name}: the CustomerKey is in use.")
                document = found or self._new(service, connection, element)
                given = self._given(element)
                if found is not None:
                    given = {name: value for name, value in given.items() if name not in self.fixed}
                document["properties"] |= {**given, "ModifiedDate": clock.iso(clock.now())}
                self._check_name(connection, document)
                self.rule(service, connection, document, element)
                store.put(connection, self.kind, document["object_id"], document)
        except Refused as refused:
            return refusal(refused, self.named(element))
        properties = document["properties"]
        shown = self.shape.render(properties, {*self.told, *self._given(element)}, tag="Object")
        if found is not None:
            return Result(self.words[1], shown)
        number = int(properties["ID"]) if self.numbered else 0
        return Result(self.words[0], shown, new_object_id=document["object_id"], new_id=number)

    def _new(self, service: Service, connection: Connection, element: Element) -> Document:
        object_id = str(uuid.uuid4())
        properties = {
            "Client.ID": service.account.mid,
            "ObjectID": object_id,
            "CustomerKey": text(element, "CustomerKey") or object_id,  # a key of its own, as the product makes one [K]
            "CreatedDate": clock.iso(clock.now()),
            **self.defaults,
        }
        if self.content_type:
            properties["CategoryID"] = folders.root(service.store.number, self.content_type)
        if self.numbered:
            properties["ID"] = str(store.next_task_id(connection))
        return {"object_id": object_id, "properties": properties}

    def _given(self, element: Element) -> dict[str, str]:
        """The properties that a request sets."""
        found = {name: at(element, name) for name in self.texts}
        return {name: value for name, value in found.items() if value is not None}

    def _check_name(self, connection: Connection, document: Document) -> None:
        name = document["properties"].get("Name", "")
        if not name:
            raise Refused(self.codes.invalid, f"{self.name}: a Name is required.")
        other = self.by(connection, "Name", name) if self.unique_names else None
        if other is not None and other["object_id"] != document["object_id"]:
            raise Refused(self.codes.exists, f"{self.name}: the name is in use.")

    def _deleted(self, service: Service, element: Element) -> Result:
        try:
            with service.store.definitions, service.store.transaction() as connection:
                found = self.existing(connection, element)
                store.remove(connection, self.kind, found["object_id"])
        except Refused as refused:
            return refusal(refused, self.named(element))
        return Result(self.words[2], self.shape.render(found["properties"], {"ObjectID", "CustomerKey"}, tag="Object"))


def text(element: Element, name: str) -> str:
    """The text of a child, without blanks around it; '' without one."""
    return (envelope.value(element, name) or "").strip()


def at(element: Element, path: str) -> str | None:
    """The text at a path of children, `Email.ID`; None where there is none."""
    head, _, rest = path.partition(".")
    if not rest:
        found = envelope.value(element, head)
        return found.strip() if found is not None and head != "QueryText" else found
    inner = envelope.child(element, head)
    return None if inner is None else at(inner, rest)


def replace(properties: dict[str, str], element: Element, name: str) -> None:
    """Let a sub-object that a request gives (`Email`, by ID, ObjectID or CustomerKey) replace what identified it."""
    inner = envelope.child(element, name)
    if inner is None:
        return
    for identity in ("ID", "ObjectID", "CustomerKey"):
        properties.pop(f"{name}.{identity}", None)
        if text(inner, identity):
            properties[f"{name}.{identity}"] = text(inner, identity)
