"""Role: what users may be allowed to do, as far as every account has it.

What belongs here: the roles that the system defines [R], and retrieving them. What does not: what a role permits;
scopes of packages rule here (`permissions.py`).
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

from et_platform.simulator import retrieval, values

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

SHAPE = retrieval.Shape(
    object_type="Role",
    order=(
        "PartnerKey",
        "CreatedDate",
        "ModifiedDate",
        "ObjectID",
        "CustomerKey",
        "Name",
        "Description",
        "IsPrivate",
        "IsSystemDefined",
        "PermissionSets",  # asked for by public tools [R]; empty here
    ),
    types={"CreatedDate": "Date", "ModifiedDate": "Date"},
)
_CREATED = "2016-07-22T17:52:36.93"
_NAMES = {
    "SYS_DEF_ADMIN": "Administrator",
    "SYS_DEF_CONTENT": "Content Creator",
    "SYS_DEF_DATA": "Data Manager",
    "SYS_DEF_ANALYST": "Analyst",
    "SYS_DEF_DS_USER": "Distributed Sending User",
}


def retrieve(service: Service, query: retrieval.Query) -> retrieval.Page:
    """A page of roles."""
    roles = ", ".join(
        f"({place}, {values.quoted(json.dumps(one))})" for place, one in enumerate(known(service.account.mid))
    )
    source = f"SELECT * FROM (VALUES {roles}) AS known(seq, shown)"
    return retrieval.documents(service, query, SHAPE, source, "shown->>'$.\"{}\"'", "seq")


def known(mid: str) -> list[dict[str, str]]:
    """The roles of a unit, by their properties."""
    return [_shown(key, name, mid) for key, name in _NAMES.items()]


def _shown(key: str, name: str, mid: str) -> dict[str, str]:
    return {
        "CreatedDate": _CREATED,
        "ModifiedDate": _CREATED,
        "ObjectID": str(uuid.uuid5(uuid.NAMESPACE_OID, f"role {key} {mid}")),
        "CustomerKey": key,
        "Name": name,
        "Description": name,
        "IsPrivate": "false",
        "IsSystemDefined": "true",
    }
