"""Subscribers: their status for the business unit, and opting out.

Belongs here: Subscriber, SubscriberStatusEvent, and Execute LogUnsubEvent. Does not: lists themselves (`lists.py`),
deciding who wants mail. Nothing here takes part in sends. A key or an address never stands in an error or in `repr`.

The status of a subscriber is the one on All Subscribers, which stops everything but transactional mail; each list has
one of its own beside it.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, get_args

import lxml.etree as etree

from et_platform.exacttarget.batches import NOT_XML, filters_of, write_all
from et_platform.exacttarget.errors import InvalidDefinition
from et_platform.exacttarget.faults import API, PERMISSION_CODES, result_error
from et_platform.exacttarget.models import (
    StatusChange,
    Subscriber,
    SubscriberChange,
    SubscriberResult,
    SubscriberStatus,
)
from et_platform.exacttarget.server_time import read_server_time
from et_platform.exacttarget.soap import Repeat, Soap

_PROPERTIES = ("ID", "SubscriberKey", "EmailAddress", "Status", "UnsubscribedDate", "CreatedDate")
_EVENT = ("CreatedDate", "SubscriberKey", "CurrentStatus", "PreviousStatus", "ReasonUnsub")
_UPDATE_ADD = {"SaveOptions": {"SaveOption": [{"PropertyName": "*", "SaveAction": "UpdateAdd"}]}}
_UPDATING = "Updating subscribers"
_ALREADY_UNSUBSCRIBED = 401


class Subscribers:
    """The subscribers of the business unit. Every method raises what `Soap.call` raises."""

    def __init__(self, soap: Soap):
        self._soap = soap

    def read(self, *, keys: Iterable[str]) -> list[Subscriber]:
        """Those of the keys that ExactTarget knows, in as many calls as needed; the order is the service's.

        Keys compare without case and blanks at the end. Raises ReadInterrupted if a page is lost: read again.
        """
        what = "Reading subscribers by key"
        found: list[Subscriber] = []
        for where in filters_of(self._soap, "SubscriberKey", keys):
            for page in self._soap.pages("Subscriber", _PROPERTIES, what=what, where=where, hide_values=True):
                found += [_read(one) for one in page.iterfind(f"{{{API}}}Results")]
        return found

    def update(self, *, changes: Sequence[SubscriberChange], add: bool = False) -> list[SubscriberResult]:
        """Set statuses (addresses and lists, where given); one result for each change, in their order.

        With `add`, who is not known is added, which needs an address [D]; without, that is a result with the code
        12001. The same change again has no effect, so a call whose answer was lost is repeated. A key that XML cannot
        carry is refused here; the others are sent. Raises PermissionDenied when a result says so: all others would.
        """
        results: dict[int, SubscriberResult] = {}
        for position, change in enumerate(changes):
            if NOT_XML.search(change.key + (change.email or "")):
                message = "Not sent: the key or the address has a character that XML cannot carry."
                results[position] = SubscriberResult(position=position, ok=False, message=message)
        to_send = [position for position in range(len(changes)) if position not in results]
        written = write_all(
            self._soap,
            "Update",
            (self._to_send(changes[one]) for one in to_send),
            what=_UPDATING,
            options=_UPDATE_ADD if add else {},
        )
        for position, result in zip(to_send, written, strict=True):
            if result.ErrorCode in PERMISSION_CODES:
                raise result_error(
                    _UPDATING, message=result.StatusMessage or "", code=result.ErrorCode, request_id=result.RequestID
                )
            results[position] = SubscriberResult(
                position=position,
                ok=result.StatusCode == "OK",
                code=result.ErrorCode,
                message=result.StatusMessage or "",
            )
        return [results[position] for position in range(len(changes))]

    def status_changes(self, *, since: datetime | None = None) -> Iterator[StatusChange]:
        """How statuses on All Subscribers changed, oldest first, page by page; `since` is aware.

        Changes on single lists are no part of it [D]. Raises ReadInterrupted if a page is lost: read again.
        """
        what, where = "Reading changes of subscribers' statuses", None
        if since is not None:
            where = self._soap.types.SimpleFilterPart(
                Property="CreatedDate", SimpleOperator="greaterThanOrEqual", DateValue=[since]
            )
        for page in self._soap.pages("SubscriberStatusEvent", _EVENT, what=what, where=where, hide_values=True):
            for one in page.iterfind(f"{{{API}}}Results"):
                text = {
                    each.findtext(f"{{{API}}}Name") or "": each.findtext(f"{{{API}}}Value") or ""
                    for each in one.iterfind(f"{{{API}}}Properties/{{{API}}}Property")
                }
                yield StatusChange(
                    key=text.get("SubscriberKey", ""),
                    at=read_server_time(one.findtext(f"{{{API}}}CreatedDate")),
                    current=text.get("CurrentStatus", ""),
                    previous=text.get("PreviousStatus", ""),
                    reason=text.get("ReasonUnsub", ""),
                )

    def log_unsub_event(
        self,
        *,
        key: str,
        email: str | None = None,
        job_id: int | None = None,
        list_id: int | None = None,
        batch_id: int | None = None,
        reason: str | None = None,
    ) -> bool:
        """Opt a subscriber out and record the event against its job; False if that had been done before.

        With a job (or a list, whose last job is taken) it is the job's list that is left; without both it is
        everything, and no event is recorded [D]. An address must be the subscriber's own. A lost answer is asked for
        again, so False can also mean the first try. Raises NotFound, InvalidDefinition (400-407).
        """
        what = "Logging an unsubscribe event"
        given = {
            "SubscriberKey": key,
            "EmailAddress": email,
            "JobID": job_id,
            "ListID": list_id,
            "BatchID": batch_id,
            "Reason": reason,
        }
        parameters = [{"Name": name, "Value": str(value)} for name, value in given.items() if value is not None]
        if any(NOT_XML.search(one["Value"]) for one in parameters):
            raise InvalidDefinition(f"{what} was not sent: a value has a character that XML cannot carry. Remove it.")
        request = self._soap.types.ExecuteRequest(Name="LogUnsubEvent", Parameters=parameters)
        reply = self._soap.call("Execute", what=what, repeat=Repeat.SAFE, Requests=[request])
        status = reply.findtext(f"{{{API}}}OverallStatus") or ""
        if status == "OK":
            return True
        code = (reply.findtext(f"{{{API}}}Results/{{{API}}}ErrorCode") or "").strip()
        if code == str(_ALREADY_UNSUBSCRIBED):
            return False
        raise result_error(
            what,
            message=reply.findtext(f"{{{API}}}Results/{{{API}}}StatusMessage") or status or "no status",
            code=int(code) if code.isdigit() else None,
            request_id=reply.findtext(f"{{{API}}}RequestID"),
        )

    def _to_send(self, change: SubscriberChange) -> Any:
        types = self._soap.types
        one = types.Subscriber(SubscriberKey=change.key)
        if change.status is not None:
            one.Status = change.status
        if change.email is not None:
            one.EmailAddress = change.email
        if change.lists:
            one.Lists = [
                types.SubscriberList(
                    ID=each.list_id, Action=each.action, **({} if each.status is None else {"Status": each.status})
                )
                for each in change.lists
            ]
        return one


def _read(one: etree._Element) -> Subscriber:
    def text(name: str) -> str:
        return one.findtext(f"{{{API}}}{name}") or ""

    status = text("Status")
    return Subscriber(
        key=text("SubscriberKey"),
        email=text("EmailAddress") or None,
        status=status if status in get_args(SubscriberStatus) else "Unknown",  # pyright: ignore[reportArgumentType]
        unsubscribed_at=read_server_time(text("UnsubscribedDate")),
        created_at=read_server_time(text("CreatedDate")),
        id=int(text("ID")) if text("ID").isdigit() else None,
    )
