"""`/platform/v1/...`: where the endpoints are, and whose token it is.

What belongs here: the answers [D][R]. What does not: paths and tokens (`router.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from et_platform.simulator.objects import role
from et_platform.simulator.objects.account import TIME_ZONE
from et_platform.simulator.objects.account_user import TIME_ZONE_ID
from et_platform.simulator.rest.answers import Answer, error

if TYPE_CHECKING:
    from et_platform.simulator.service import Service


def endpoints(addresses: dict[str, str]) -> Answer:
    """All endpoints, by type [D]."""
    items = [{"type": kind, "url": url} for kind, url in sorted(addresses.items())]
    return Answer(200, {"page": 1, "pageSize": len(items), "count": len(items), "items": items})


def endpoint(addresses: dict[str, str], kind: str) -> Answer:
    """One endpoint; `soap` is what the older SDKs ask for [R]. Raises RestError 30003 [D]."""
    url = addresses.get(kind.lower())
    if url is None:
        raise error(404, 30003, f"No endpoint exists for key '{kind}'.")
    return Answer(200, {"type": kind.lower(), "url": url})


def quick_flow(service: Service) -> Answer:
    """What the product's pages of users offer, as a public tool reads it [R]: roles and one time zone."""
    roles = [
        {"roleID": one["ObjectID"], "roleName": one["Name"], "description": one["Description"]}
        for one in role.known(service.account.mid)
    ]
    return Answer(200, {"languages": [], "roles": roles, "timeZones": [{"id": TIME_ZONE_ID, "description": TIME_ZONE}]})


def token_context(service: Service) -> Answer:
    """Of which enterprise and business unit the token is [R]; the user's number is made up."""
    mid = int(service.account.mid)
    enterprise = int(service.account.parent or service.account.mid)
    return Answer(200, {"enterprise": {"id": enterprise}, "organization": {"id": mid}, "user": {"id": mid}})
