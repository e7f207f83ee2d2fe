"""The Describe operation: which properties a type has, and which of them a Retrieve may name.

What belongs here: the message, and putting a type's definition together. What does not: the properties themselves.
Those that can be retrieved are the type's own `Shape` (first, and in the recorded way with their dots [R]); those that
cannot are what our WSDL has beyond them. So what is said to be retrievable always is.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from et_platform.simulator import envelope, markup, soap_faults, wsdl
from et_platform.simulator.envelope import Element
from et_platform.simulator.retrieval import Shape

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

_OF_SHAPES = {"Date": "DateTime", "Number": "Int32", "Boolean": "Boolean"}


@dataclass(frozen=True)
class Property:
    """One property as a definition tells it. `required` is None for what cannot be retrieved [R]."""

    name: str
    data_type: str
    retrievable: bool = True
    max_length: int | None = None
    required: bool | None = False


def answer(service: Service, message: Element) -> str:
    """Answer a DefinitionRequestMsg: a definition for each type that is asked for."""
    wanted = list(envelope.children(envelope.child(message, "DescribeRequests"), "ObjectDefinitionRequest"))
    if not wanted:
        raise soap_faults.client("The DefinitionRequestMsg has no ObjectDefinitionRequest")
    types = [(envelope.value(one, "ObjectType") or "").strip() for one in wanted]
    return envelope.message(
        "DefinitionResponseMsg",
        *(_definition(service, object_type) for object_type in types),
        markup.text("RequestID", str(uuid.uuid4())),
    )


def _definition(service: Service, object_type: str) -> str:
    """A type's definition; one that is unknown has no properties, or none is told at all [K]."""
    handler = service.handler(object_type)
    if handler is None and service.behaviour.unknown_type_description == "absent":
        return ""
    properties = properties_of(service, object_type, handler) if handler else []
    return markup.element(
        "ObjectDefinition",
        markup.text("ObjectType", object_type),
        *map(_written, properties),
    )


def properties_of(service: Service, object_type: str, handler: Any) -> list[Property]:
    """The properties of a type, those first that can be retrieved. Raises nothing: rows nobody knows have none."""
    if hasattr(handler, "describe"):
        return handler.describe(service, object_type)
    shape: Shape = handler.SHAPE
    shown = [retrievable(shape, name) for name in shape.retrievable if name not in shape.untold]
    told = {one.name for one in shown}
    return shown + [one for one in declared(object_type) if one.name not in told]


def retrievable(shape: Shape, name: str) -> Property:
    """A property that a type's shape has; it holds what the WSDL says, else what filters take it for."""
    declared = wsdl.data_type(shape.object_type, name)
    return Property(
        name,
        declared or _OF_SHAPES.get(shape.types.get(name, ""), "String"),
        max_length=shape.lengths.get(name),
        required=name in shape.required,
    )


def declared(object_type: str) -> list[Property]:
    """What the WSDL declares of a type; none of it can be retrieved by that name."""
    return [Property(name, held, retrievable=False, required=None) for name, held in wsdl.members(object_type)]


def _written(one: Property) -> str:
    content = [
        markup.nil("PartnerKey"),
        markup.nil("ObjectID"),
        markup.text("Name", one.name),
        markup.text("DataType", one.data_type),
        markup.text("IsUpdatable", "true"),  # of nearly everything [R]
        markup.text("IsRetrievable", "true" if one.retrievable else "false"),
    ]
    if one.max_length is not None:
        content.append(markup.text("MaxLength", one.max_length))
    if one.required is not None:
        content.append(markup.text("IsRequired", "true" if one.required else "false"))
    return markup.element("Properties", *content)
