"""Folders as they are kept, and those that every business unit has from the start: one root for each type of content.

What belongs here: which content types there are, the roots' names, keys and numbers, what a folder is for. What does
not: making and changing folders (`objects/data_folder.py`). Names and keys are recorded ones where known [R]; else
the name is the documentation's word for the content [D] and the key follows the recorded pattern [K]. The numbers are
the simulator's own, but for the 2 of the data extensions [R].
"""

from __future__ import annotations

import uuid

from et_platform.simulator import store
from et_platform.simulator.store import Connection, Store

KIND = "data_folder"

DATA_EXTENSIONS, SHARED_DATA_EXTENSIONS = 2, 3
"""Numbers of the roots for data extensions, in the enterprise; a child's are its own (`numbered`)."""

_RECORDED = {
    "dataextension": "Data Extensions",
    "queryactivity": "Query",
    "mysubs": "my subscribers",
    "list": "my lists",
    "publication": "Publication Lists",
    "suppression_list": "Suppression Lists",
    "journey": "my journeys",
    "automations": "my automations",
    "asset": "Content Builder",
    "triggered_send": "Triggered Sends",
    "triggered_send_journeybuilder": "Journey Builder Sends",
    "Hidden": "HiddenCategory",
}
_DOCUMENTED = {
    "ABTest": "AB test",
    "automated_email": "simple automated emails",
    "BuildAudienceActivity": "Build audience activity",
    "campaign": "Campaign",
    "condensedlpview": "Condensed preview",
    "content": "my contents",
    "contextual_suppression_list": "Contextual suppression list",
    "document": "my documents",
    "ELTactivity": "ELT activity",
    "email": "my emails",
    "email_hidden_messagemodel": "Email hidden message model",
    "filteractivity": "Filter activities",
    "filterdefinition": "Data Filters",
    "global_email": "Global email",
    "global_email_sub": "Global email subscribers",
    "group": "my groups",
    "image": "my images",
    "job": "my tracking",
    "livecontent": "Live content",
    "measure": "Measures",
    "media": "Portfolio",
    "message": "Message",
    "microsite": "Microsites",
    "micrositelayout": "Microsite layouts",
    "organization": "Organizations",
    "playbooks": "Playbooks",
    "programs2": "Programs",
    "salesforcedataextension": "Salesforce data extension",
    "salesforcesends": "Salesforce sends",
    "salesforcesendsv5": "Salesforce sends v5",
    "shared_content": "Shared content",
    "shared_contextual_suppression_list": "Shared contextual suppression list",
    "shared_data": "Shared data",
    "shared_dataextension": "Shared data extensions",
    "shared_email": "Shared email messages",
    "shared_item": "Shared items",
    "shared_portfolio": "Shared portfolios",
    "shared_publication": "Shared publication lists",
    "shared_salesforcedataextension": "Shared Salesforce data extension",
    "shared_suppression_list": "Shared suppression lists",
    "shared_survey": "Shared surveys",
    "shared_template": "Shared templates",
    "ssjsactivity": "SSJS Activity",
    "survey": "my surveys",
    "synchronizeddataextension": "Synchronized Data Extension",
    "template": "my templates",
    "userinitiatedsends": "User-initiated sends",
    # Not in the documentation's list; clients ask for them [R].
    "asset-shared": "Shared Content",
    "cloudpages": "CloudPages",
}
_NAMES = _RECORDED | _DOCUMENTED
_KEYLESS = ("automations", "asset")  # [R]
_KEYS = {"triggered_send_journeybuilder": "triggered_send_journeybuilder", "Hidden": "HiddenCategory_default"}  # [R]
_NUMBERS = {kind: 10 + place for place, kind in enumerate(_NAMES)} | {
    "dataextension": DATA_EXTENSIONS,
    "shared_dataextension": SHARED_DATA_EXTENSIONS,
}
_FOR_DATA_EXTENSIONS = frozenset(
    {
        "dataextension",
        "shared_dataextension",
        "salesforcedataextension",
        "shared_salesforcedataextension",
        "synchronizeddataextension",
    }
)
_CREATED = "2016-07-22T11:52:19.6"

CONTENT_TYPES = {kind.lower(): kind for kind in _NAMES}
"""The content types as they are written, by their lower case."""


def numbered(unit: int, number: int) -> int:
    """The number of a root in a unit: 0 is the enterprise, children count from 1."""
    return unit * store.FOLDERS_OF_A_UNIT + number


def root(unit: int, kind: str) -> str:
    """The number of the root of a content type in a unit."""
    return str(numbered(unit, _NUMBERS[kind]))


def seed(unit_store: Store, mid: str, enterprise: str) -> None:
    """Give a new unit its roots."""
    with unit_store.definitions, unit_store.transaction() as connection:
        known = {one["properties"]["ID"] for one in store.find(connection, KIND)}
        for properties in _roots(unit_store.number, mid):
            if properties["ID"] not in known:
                own = {"Client.EnterpriseID": enterprise}
                store.put(connection, KIND, properties["ID"], {"properties": properties | own})


def content_type(connection: Connection, number: str) -> str | None:
    """What a folder is for; None when there is no such folder."""
    found = store.get(connection, KIND, number)
    return found["properties"]["ContentType"] if found else None


def takes_data_extensions(connection: Connection, number: str) -> bool:
    """Whether data extensions may lie in a folder."""
    return content_type(connection, number) in _FOR_DATA_EXTENSIONS


def _roots(unit: int, mid: str) -> list[dict[str, str]]:
    return [
        {
            "Client.ID": mid,
            "CreatedDate": _CREATED,
            "ModifiedDate": _CREATED,
            "ID": str(numbered(unit, _NUMBERS[kind])),
            "ObjectID": str(uuid.uuid5(uuid.NAMESPACE_OID, f"folder {kind} {mid}")),
            "CustomerKey": "" if kind in _KEYLESS else _KEYS.get(kind, f"{kind}_default"),
            "ParentFolder.ID": "0",
            "Name": name,
            "Description": "",
            "ContentType": kind,
            "IsActive": "true",
            "IsEditable": "true" if kind == "automations" else "false",  # [R]
            "AllowChildren": "true",
        }
        for kind, name in _NAMES.items()
    ]
