"""`/automation/v1/...`: reading automations and query activities, as public developer tools do [R].

What belongs here: the answers. What does not: paths and tokens (`router.py`), changing anything (SOAP). The numbers of
activity types are those that public tools know [R].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from et_platform.simulator import store
from et_platform.simulator.automations.worker import AUTOMATION, FILTER, IMPORT, KINDS, QUERY, SEND
from et_platform.simulator.rest import answers
from et_platform.simulator.rest.answers import Answer

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

_ACTIVITY_TYPES = {QUERY: 300, FILTER: 303, SEND: 42, IMPORT: 43}
_STATUSES = {"-1": "Error", "2": "Ready", "3": "Running", "4": "PausedSchedule", "5": "Stopped", "6": "Scheduled"}
_UPDATE_TYPES = {"Overwrite": 0, "Update": 1, "Append": 2}
_PAGE = 50


def automations(service: Service, query: Mapping[str, str]) -> Answer:
    """A page of automations, without their steps."""
    return _page(service, AUTOMATION, query, lambda one: _automation(one, steps=False))


def automation(service: Service, object_id: str) -> Answer:
    """One automation by its id, or by `key:` and its key. Raises RestError."""
    return Answer(200, _automation(_one(service, AUTOMATION, object_id), steps=True))


def queries(service: Service, query: Mapping[str, str]) -> Answer:
    """A page of query activities."""
    return _page(service, KINDS[QUERY], query, _query)


def query(service: Service, object_id: str) -> Answer:
    """One query activity. Raises RestError."""
    return Answer(200, _query(_one(service, KINDS[QUERY], object_id)))


def _one(service: Service, kind: str, reference: str) -> dict[str, Any]:
    head, colon, key = reference.partition(":")
    with service.store.connect() as connection:
        if colon and head.lower() == "key":
            found = store.find(connection, kind, "body->>'$.properties.CustomerKey' = ?", [key])
        else:
            found = store.find(connection, kind, "body->>'$.object_id' = ?", [reference])
    if not found:
        raise answers.not_found()
    return found[0]


def _page(service: Service, kind: str, query: Mapping[str, str], shown: Any) -> Answer:
    page, size = (_number(query, name, usual) for name, usual in (("$page", 1), ("$pagesize", _PAGE)))
    with service.store.connect() as connection:
        found = store.find(connection, kind)
    items = [shown(one) for one in found[(page - 1) * size : page * size]]
    return Answer(200, {"count": len(found), "page": page, "pageSize": size, "links": {}, "items": items})


def _number(query: Mapping[str, str], name: str, usual: int) -> int:
    text = query.get(name, "")
    return int(text) if text.isdecimal() and int(text) > 0 else usual


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
    if steps:
        content["steps"] = [
            {
                "id": f"{one['object_id']}-{number}",
                "name": step["name"],
                "step": number,
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
        "targetUpdateTypeId": _UPDATE_TYPES[properties["TargetUpdateType"]],
        "targetUpdateTypeName": properties["TargetUpdateType"],
        "categoryId": int(properties["CategoryID"] or 0),
        "status": properties["Status"],
        "createdDate": properties["CreatedDate"],
        "modifiedDate": properties["ModifiedDate"],
    }
