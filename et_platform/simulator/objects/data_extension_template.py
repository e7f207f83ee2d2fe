"""DataExtensionTemplate: what data extensions can be made after.

What belongs here: the templates of every account, retrieving them, and what a data extension takes from its template.
What does not: making data extensions (`data_extension.py`). Names, keys and properties are recorded [R]; which fields
a template brings is not, apart from the one that its property names [K].
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from et_platform.simulator import envelope, markup, retrieval, schema, values
from et_platform.simulator.envelope import Element
from et_platform.simulator.objects.field_rules import INVALID, Wanted
from et_platform.simulator.results import Refused

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

_ASKED_FOR = (
    "IsSendable",
    "IsTestable",
    "SendableCustomObjectField",
    "SendableSubscriberField",
    "DataRetentionPeriodLength",
    "DataRetentionPeriodUnitOfMeasure",
    "RowBasedRetention",
    "ResetRetentionPeriodOnImport",
    "DeleteAtEndOfRetentionPeriod",
    "RetainUntil",
)
"""What a public project asks of templates with success [R], though the WSDL does not have it: nothing is shown [K]."""

SHAPE = retrieval.Shape(
    object_type="DataExtensionTemplate",
    order=("PartnerKey", "PartnerProperties", "ObjectID", "CustomerKey", "Name", "Description", *_ASKED_FOR),
    types={},
    written=frozenset({"PartnerProperties"}),
    hidden=frozenset({"PartnerProperties"}),
    untold=frozenset(_ASKED_FOR),
)


@dataclass(frozen=True)
class Template:
    """A template: its names, and what its data extensions have from it."""

    key: str
    name: str
    description: str
    field: str = ""
    """The sendable field; empty for what is not sendable."""
    subscriber_field: str = "_SubscriberKey"

    @property
    def properties(self) -> dict[str, str]:
        """The properties that a new data extension takes over."""
        known = {"Template.CustomerKey": self.key}
        if self.field:
            known |= {
                "IsSendable": "true",
                "SendableDataExtensionField.Name": self.field,
                "SendableSubscriberField.Name": self.subscriber_field,
            }
        return known

    @property
    def fields(self) -> list[Wanted]:
        """The fields that a new data extension gets: its sendable field, and an address for sends that need one."""
        names = [self.field] if self.field else []
        if self.name == "TriggeredSendDataExtension":
            names.append("EmailAddress")
        return [_field(name) for name in names]


def _field(name: str) -> Wanted:
    address = name in ("EmailAddress", "Email Address")
    kind, length = ("EmailAddress", None) if address else ("Text", 254)
    return Wanted(None, name, kind, length, None, required=True, key=False, default=None)


_TEMPLATES = (
    Template("086D14D3-5057-462B-AF33-01CA8D1FE87A", "DomainExclusion", "Domain Exclusion Data Extension Template"),
    Template(
        "B6E8AE4C-3D93-49B1-B299-E0AE734213DD",
        "TriggeredSendDataExtension",
        "Triggered Send Source Data Extension Template",
        "SubscriberKey",
    ),
    Template(
        "23471ECA-8710-4512-9296-040CA86FBD9E",
        "CONTEXTUAL_SUPPRESSION_LISTS",
        "Used to create new auto-suppression lists",
        "Email Address",
        "_EmailAddress",
    ),
    Template(
        "00A4369E-0B57-4EF2-BFFA-E3F23B4D1098",
        "SocialPages Default Template Extension",
        "Required for contacts.  Used by Smart Capture for Social Pages.",
        "EmailAddress",
    ),
    Template(
        "DAE95D91-762C-4124-B082-0433165ADD30",
        "AudienceBuilderResult",
        "Used for creating audience builder result destinations.",
        "SubscriberKey",
    ),
    Template(
        "BE1B7591-BFA6-473F-A6CE-0E458204865B", "Event DE Template", "Event Data Extension Template", "ContactKey"
    ),
)


def named(element: Element) -> Template | None:
    """The template that a new data extension names by CustomerKey, else by Name; None without. Raises Refused."""
    given = envelope.child(element, "Template")
    key = (envelope.value(given, "CustomerKey") or "").strip()
    name = (envelope.value(given, "Name") or "").strip()
    if not (key or name):
        return None
    for one in _TEMPLATES:
        if schema.folded(key) in (schema.folded(one.key), schema.folded(one.name)):
            return one
        if not key and schema.folded(name) == schema.folded(one.name):
            return one
    raise Refused(INVALID, f"The template was not found: {key or name}")


def retrieve(service: Service, query: retrieval.Query) -> retrieval.Page:
    """A page of templates. Their PartnerProperties are always there [R]."""
    known = ", ".join(
        f"({place}, {values.quoted(json.dumps(_shown(one, service.account.mid)))})"
        for place, one in enumerate(_TEMPLATES)
    )
    source = f"SELECT * FROM (VALUES {known}) AS known(seq, shown)"
    return retrieval.documents(service, query, SHAPE, source, "shown->>'$.\"{}\"'", "seq")


def _shown(template: Template, mid: str) -> dict[str, str]:
    sendable = {
        "IsSendable": "True" if template.field else "False",
        "IsTestable": "False",
        "SendableCustomObjectField": template.field,
        "SendableSubscriberField": template.subscriber_field if template.field else "",
        "DataRetentionPeriodLength": "",
        "DataRetentionPeriodUnitOfMeasure": "",
        "RowBasedRetention": "False",
        "ResetRetentionPeriodOnImport": "False",
        "DeleteAtEndOfRetentionPeriod": "False",
        "RetainUntil": "",
    }
    pairs = "".join(
        markup.element("PartnerProperties", markup.text("Name", name), markup.text("Value", value))
        for name, value in sendable.items()
    )
    return {
        "PartnerProperties": pairs,
        "ObjectID": str(uuid.uuid5(uuid.NAMESPACE_OID, f"template {template.key} {mid}")),
        "CustomerKey": template.key,
        "Name": template.name,
        "Description": template.description,
    }
