"""What a data extension's own properties may be, and how they read back.

What belongs here: defaults, spellings, folder, name, what a sendable one needs. What does not: which data extension a
request means (`data_extension.py`), fields (`field_rules.py`), what retention does (`retention.py`).
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from et_platform.simulator import clock, envelope, folders, retention, schema, values
from et_platform.simulator.envelope import Element
from et_platform.simulator.objects.field_rules import INVALID, boolean
from et_platform.simulator.results import Refused
from et_platform.simulator.schema import DataExtension
from et_platform.simulator.store import Connection

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

_FLAGS = (
    "IsSendable",
    "IsTestable",
    "RowBasedRetention",
    "ResetRetentionPeriodOnImport",
    "DeleteAtEndOfRetentionPeriod",
)
_TEXTS = ("Name", "Description", "RetainUntil", "CategoryID", "DataRetentionPeriodLength")
_UNITS = {"Days": "3", "Weeks": "4", "Months": "5", "Years": "6"}  # [W][R]
_DEFAULTS = dict.fromkeys(_FLAGS, "false") | {"Description": "", "RetainUntil": ""}
_SUBSCRIBER_FIELDS = {"subscriber key": "_SubscriberKey", "email address": "_EmailAddress"}  # as it reads back [R]


def new(service: Service) -> dict[str, str]:
    """The properties of a new data extension before it says anything about itself."""
    return _DEFAULTS | {
        "ObjectID": str(uuid.uuid4()),
        "Client.ID": service.account.mid,
        "CreatedDate": clock.iso(clock.now()),
        "CategoryID": str(folders.numbered(service.store.number, folders.DATA_EXTENSIONS)),
    }


def take_over(service: Service, connection: Connection, data_extension: DataExtension, element: Element) -> None:
    """Take over what the request gives; what it leaves out stays. Raises Refused."""
    properties = data_extension.properties
    before = dict(properties)
    properties["ModifiedDate"] = clock.iso(clock.now())
    for name in _FLAGS:
        given = boolean(envelope.value(element, name), name)
        if given is not None:
            properties[name] = "true" if given else "false"
    for name in _TEXTS:
        text = envelope.value(element, name)
        if text is not None and (text.strip() or name in ("Description", "RetainUntil")):
            properties[name] = text.strip()
    _take_retention_unit(properties, element)
    sendable = envelope.value(envelope.child(element, "SendableDataExtensionField"), "Name")
    if sendable and sendable.strip():
        properties["SendableDataExtensionField.Name"] = sendable.strip()
    subscriber = envelope.value(envelope.child(element, "SendableSubscriberField"), "Name")
    if subscriber and subscriber.strip():
        name = subscriber.strip()
        properties["SendableSubscriberField.Name"] = _SUBSCRIBER_FIELDS.get(name.lower(), name)
    _check(service, connection, data_extension)
    _check_folder(service, connection, before.get("CategoryID"), properties["CategoryID"])
    properties["RetainUntil"] = _american(connection, properties["RetainUntil"])


def name_taken(service: Service, name: str) -> Refused:
    """What refuses a second data extension of a name."""
    return Refused(service.behaviour.name_taken_code, f"The data extension name is already in use. Name: {name}")


def _take_retention_unit(properties: dict[str, str], element: Element) -> None:
    """The unit of the retention period, by word or by the deprecated number; both read back [W]."""
    unit = (envelope.value(element, "DataRetentionPeriod") or "").strip()
    number = (envelope.value(element, "DataRetentionPeriodUnitOfMeasure") or "").strip()
    if unit and unit not in _UNITS:
        raise Refused(INVALID, f"DataRetentionPeriod must be one of {', '.join(_UNITS)}, not '{unit}'.")
    number = number or _UNITS.get(unit, "")
    if not number:
        return
    word = next((one for one, code in _UNITS.items() if code == number), None)
    if word is None:
        raise Refused(INVALID, f"DataRetentionPeriodUnitOfMeasure must be 3, 4, 5 or 6, not '{number}'.")
    properties |= {"DataRetentionPeriodUnitOfMeasure": number, "DataRetentionPeriod": word}


def _check(service: Service, connection: Connection, data_extension: DataExtension) -> None:
    properties = data_extension.properties
    name = properties.get("Name", "")
    if not name:
        raise Refused(INVALID, "A data extension needs a Name.")
    other = schema.by_property(connection, "Name", name)
    if other and other.object_id != data_extension.object_id:
        raise name_taken(service, name)
    problem = retention.problem(connection, properties)
    if problem:
        raise Refused(INVALID, problem)
    if properties["IsSendable"] == "true":
        field = properties.get("SendableDataExtensionField.Name", "")
        if not data_extension.field(field) or not properties.get("SendableSubscriberField.Name"):
            raise Refused(
                INVALID,
                "A sendable data extension needs a SendableDataExtensionField among its fields"
                " and a SendableSubscriberField.",
            )


def _check_folder(service: Service, connection: Connection, before: str | None, now: str) -> None:
    if now == before or service.behaviour.unknown_category == "keep":
        return
    if not folders.takes_data_extensions(connection, now):
        raise Refused(INVALID, f"The CategoryID {now} is no folder for data extensions.")


def _american(connection: Connection, text: str) -> str:
    """RetainUntil as it reads back: `5/9/2024 12:00:00 AM` [R]."""
    if not text:
        return ""
    row = connection.execute(f"SELECT {values.date(values.quoted(text))}").fetchone()
    assert row is not None
    return clock.american(row[0])
