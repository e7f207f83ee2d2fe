"""Reading automations and query activities, as public developer tools do [R]; the former also at their older place.

What belongs here: the answers. What does not: paths and tokens (`router.py`), changing anything (SOAP). The numbers of
activity types are those that public tools know [R].
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from et_platform.simulator.automations.worker import AUTOMATION, FILTER, IMPORT, KINDS, QUERY, SEND
from et_platform.simulator.rest import answers, pages
from et_platform.simulator.rest.answers import Answer

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

_ACTIVITY_TYPES = {QUERY: 300, FILTER: 303, SEND: 42, IMPORT: 43}
_STATUSES = {"-1": "Error", "2": "Ready", "3": "Running", "4": "PausedSchedule", "5": "Stopped", "6": "Scheduled"}
_UPDATE_TYPES = {"Overwrite": 0, "Update": 1, "Append": 2}
_EVERY = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY")


def automations(service: Service, query: Mapping[str, str]) -> Answer:
    """A page of automations, without their steps."""
    return pages.page_of(service, AUTOMATION, query, lambda one: _automation(one, steps=False))


def automation(service: Service, object_id: str) -> Answer:
    """One automation by its id, or by `key:` and its key. Raises RestError."""
    return Answer(200, _automation(pages.one(service, AUTOMATION, object_id), steps=True))


def queries(service: Service, query: Mapping[str, str]) -> Answer:
    """A page of query activities."""
    return pages.page_of(service, KINDS[QUERY], query, _query)


def query(service: Service, object_id: str) -> Answer:
    """One query activity. Raises RestError."""
    return Answer(200, _query(pages.one(service, KINDS[QUERY], object_id)))


def legacy(service: Service, query: Mapping[str, str]) -> Answer:
    """A page of automations as `legacy/v1/beta/bulk` lists them: what a tool needs to ask for more of each [R]."""
    return pages.entries(map(_legacy, pages.documents(service, AUTOMATION)), query)


def legacy_automation(service: Service, object_id: str) -> Answer:
    """One of these. Raises RestError."""
    return Answer(200, _legacy(_by_legacy_id(service, object_id)))


def notifications(service: Service, object_id: str) -> Answer:
    """Whom an automation writes to: nobody here, which is told by the id alone [R]. Raises RestError."""
    return Answer(200, {"programId": _legacy_id(_by_legacy_id(service, object_id))})


def _automation(one: dict[str, Any], *, steps: bool) -> dict[str, Any]:
    properties = one["properties"]
    status = properties["Status"]
    content: dict[str, Any] = {
        "id": one["object_id"],
        "name": properties["Name"],
        "description": properties.get("Description", ""),
        "key": properties["CustomerKey"],
        "typeId": 1,
        "type": properties["AutomationType"].lower(),
        "statusId": int(status),
        "status": _STATUSES[status],
        "categoryId": int(properties["CategoryID"] or 0),
        "createdDate": properties["CreatedDate"],
        "modifiedDate": properties["ModifiedDate"],
    }
    if properties.get("LastRunTime"):
        content |= {"lastRunTime": properties["LastRunTime"], "lastRunInstanceId": properties["LastRunInstanceID"]}
    if one.get("timetable"):
        content["schedule"] = _schedule(one)
    if steps:
        content["steps"] = [
            {
                "id": f"{one['object_id']}-{number}",
                "name": step["name"],
                "step": number,
                "stepNumber": number,
                "activities": [
                    {
                        "id": f"{one['object_id']}-{number}-{place}",
                        "name": activity["name"],
                        "activityObjectId": activity["id"],
                        "objectTypeId": _ACTIVITY_TYPES[activity["type"]],
                        "displayOrder": place,
                    }
                    for place, activity in enumerate(step["activities"], 1)
                ],
            }
            for number, step in enumerate(one.get("told", []), 1)
        ]
    return content


def _schedule(one: dict[str, Any]) -> dict[str, Any]:
    """What starts it; server time is Central America's standard time [R]."""
    table = one["timetable"]
    parts = [f"FREQ={_EVERY[table['freq']]}", f"INTERVAL={table['interval']}"] if table["freq"] != "" else []
    parts += [f"COUNT={table['count']}"] if table["count"] else []
    parts += [f"UNTIL={table['until'].replace('-', '').replace(':', '')}"] if table["until"] else []
    return {
        "id": f"{one['object_id']}-schedule",
        "typeId": 3,
        "startDate": table["start"],
        "endDate": table["until"] or "",
        "scheduledTime": one["due"],
        "rangeTypeId": 1 if table["until"] else 0,
        "occurrences": table["count"] or 0,
        "timezoneId": 5,
        "timezoneName": "Central America Standard Time",
        "icalRecur": ";".join(parts),
        "scheduleStatus": "scheduled" if one["due"] else "paused",
    }


def _legacy_id(one: dict[str, Any]) -> str:
    """The id at the older place: what an ObjectID is there, with the number that stands for automations [R]."""
    short = base64.urlsafe_b64encode(uuid.UUID(one["object_id"]).bytes_le).decode().rstrip("=")
    return base64.b64encode(f"{short}:25:0".encode()).decode().rstrip("=")


def _by_legacy_id(service: Service, reference: str) -> dict[str, Any]:
    for one in pages.documents(service, AUTOMATION):
        if _legacy_id(one) == reference:
            return one
    raise answers.not_found()


def _legacy(one: dict[str, Any]) -> dict[str, Any]:
    properties = one["properties"]
    told: dict[str, Any] = {
        "id": _legacy_id(one),
        "key": properties["CustomerKey"],
        "name": properties["Name"],
        "description": properties.get("Description", ""),
        "automationType": properties["AutomationType"].lower(),
        "status": _STATUSES[properties["Status"]],
        "createdDate": properties["CreatedDate"],
        "lastSaveDate": properties["ModifiedDate"],
        "processes": [],
    }
    if one.get("timetable"):
        schedule = _schedule(one)
        told["scheduleObject"] = {
            "id": schedule["id"],
            "description": "",
            "iCalRecur": schedule["icalRecur"],
            "startDate": schedule["startDate"],
            "timeZone": schedule["timezoneName"],
        }
    return told


def _query(one: dict[str, Any]) -> dict[str, Any]:
    properties = one["properties"]
    return {
        "queryDefinitionId": one["object_id"],
        "name": properties["Name"],
        "key": properties["CustomerKey"],
        "description": properties.get("Description", ""),
        "queryText": properties["QueryText"],
        "targetName": properties["DataExtensionTarget.Name"],
        "targetKey": properties["DataExtensionTarget.CustomerKey"],
        "targetId": one["target"],
        "targetDescription": "",
        "isFrozen": False,
        "targetUpdateTypeId": _UPDATE_TYPES[properties["TargetUpdateType"]],
        "targetUpdateTypeName": properties["TargetUpdateType"],
        "categoryId": int(properties["CategoryID"] or 0),
        "status": properties["Status"],
        "createdDate": properties["CreatedDate"],
        "modifiedDate": properties["ModifiedDate"],
    }
