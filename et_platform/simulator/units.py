"""Which business units a request is about.

What belongs here: who may reach whom, `Client/ID`, `ClientIDs`, `QueryAllAccounts`, and shared data extensions.
What does not: running units (`service.py`), what a unit answers (`dispatch.py`, `objects/`).

A token is for one unit. By naming them the enterprise reaches each of its children [D], though a public project saw
that it did not [R], so that is a setting; a child reaches only itself [K]. A shared data extension is the enterprise's:
whoever works with it over the API does so as the enterprise [D]; whether children may use the prefix `ENT.` over SOAP
and REST, as they do in queries [3], is a setting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from et_platform.simulator import envelope, folders, schema
from et_platform.simulator.envelope import Element
from et_platform.simulator.store import Connection

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

SHARED_PREFIX = "ent."


class NoAccess(Exception):
    """The business unit that a request names does not exist, or the caller may not act for it."""

    def __init__(self, mid: str):
        super().__init__(f"The account {mid} cannot be accessed.")


def reached(caller: Service, mid: str) -> Service:
    """The unit that a caller names, its own when it names none. Raises NoAccess."""
    if mid in ("", caller.account.mid):
        return caller
    if caller.account.parent or not caller.behaviour.client_id_reaches_children:
        raise NoAccess(mid)
    return caller.units.service(mid)


def reachable(caller: Service) -> list[Service]:
    """All units that a caller may name, itself first."""
    others = [] if caller.account.parent else [one for one in caller.units if one is not caller]
    return [caller, *others]


def of(caller: Service, element: Element | None) -> Service:
    """The unit that `Client/ID` of Options, of an object or of an ExtractRequest names [D]. Raises NoAccess."""
    return reached(caller, _number(envelope.child(element, "Client")))


def _number(client: Element | None) -> str:
    """The MID in a ClientID: its ID, or the ClientID that is deprecated [W]."""
    return (envelope.value(client, "ID") or envelope.value(client, "ClientID") or "").strip()


def asked(caller: Service, request: Element) -> list[Service]:
    """The units that a RetrieveRequest asks. Raises NoAccess.

    `QueryAllAccounts` means the enterprise and all children, whatever `ClientIDs` say [D].
    """
    everywhere = (envelope.value(request, "QueryAllAccounts") or "").strip().lower() in ("true", "1")
    if everywhere and (not caller.account.parent or caller.behaviour.child_queries_all_accounts):
        return list(caller.units)
    named = [_number(one) for one in envelope.children(request, "ClientIDs")]
    if any(named):
        return [reached(caller, mid) for mid in dict.fromkeys(named)]
    return [of(caller, envelope.child(request, "Options"))]


def owner(caller: Service, key: str) -> tuple[Service, str]:
    """The unit that holds the data extension a caller names, and its key or name there: `ENT.` is the enterprise's.

    Where the prefix means nothing, it is part of the key.
    """
    if not key.lower().startswith(SHARED_PREFIX) or caller.behaviour.shared_prefix == "unknown":
        return caller, key
    enterprise, rest = caller.units.enterprise, key[len(SHARED_PREFIX) :]
    with enterprise.store.connect() as connection:
        found = schema.by_key_or_name(connection, rest)
        if found is None or not (enterprise is caller or is_shared(connection, found)):
            return caller, key
    return enterprise, rest


def shared(caller: Service, key: str) -> tuple[str, str] | None:
    """Database and ObjectID of the shared data extension that a key with the prefix means; None when it means none."""
    unit, rest = owner(caller, key)
    if unit is caller:
        return None
    with unit.store.connect() as connection:
        found = schema.by_key_or_name(connection, rest)
    return (unit.store.catalog, found.object_id) if found else None


def is_shared(connection: Connection, data_extension: schema.DataExtension) -> bool:
    """Whether a data extension of the enterprise lies in a folder of shared ones."""
    return folders.content_type(connection, data_extension.properties["CategoryID"]) == "shared_dataextension"
