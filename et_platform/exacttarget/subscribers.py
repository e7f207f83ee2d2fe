"""Subscribers: their status for the business unit, and opting out.

Belongs here: Subscriber, SubscriberStatusEvent, and Execute LogUnsubEvent. Does not: lists themselves (`lists.py`),
deciding who wants mail. Nothing here takes part in sends. A key or an address never stands in an error or in `repr`.

The status of a subscriber is the one on All Subscribers, which stops everything but transactional mail; each list has
one of its own beside it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, get_args

import lxml.etree as etree

from et_platform.exacttarget.asynchronous import QueuePriority, results_of, submit
from et_platform.exacttarget.batches import NOT_XML, filters_of, write_all
from et_platform.exacttarget.errors import InvalidDefinition
from et_platform.exacttarget.faults import API, PERMISSION_CODES, result_error
from et_platform.exacttarget.filters import AllOf, Condition, Filter, checked, to_part
from et_platform.exacttarget.models import (
    AsyncWrite,
    Field,
    FieldType,
    StatusChange,
    Subscriber,
    SubscriberChange,
    SubscriberResult,
    SubscriberStatus,
)
from et_platform.exacttarget.server_time import read_server_time
from et_platform.exacttarget.soap import Repeat, Soap

_PROPERTIES = (
    "ID",
    "SubscriberKey",
    "EmailAddress",
    "Status",
    "UnsubscribedDate",
    "CreatedDate",
    "EmailTypePreference",
)
_EVENT = ("CreatedDate", "SubscriberKey", "CurrentStatus", "PreviousStatus", "ReasonUnsub")
_UPDATE_ADD = {"SaveOptions": {"SaveOption": [{"PropertyName": "*", "SaveAction": "UpdateAdd"}]}}
_UPDATING, _HANDING_OVER = "Updating subscribers", "Handing over subscribers"
_IN_CONDITIONS = (
    Field(name="ID", type=FieldType.Number),
    Field(name="SubscriberKey", type=FieldType.Text),
    Field(name="EmailAddress", type=FieldType.EmailAddress),
    Field(name="Status", type=FieldType.Text),
    Field(name="UnsubscribedDate", type=FieldType.Date),
    Field(name="CreatedDate", type=FieldType.Date),
    Field(name="EmailTypePreference", type=FieldType.Text),
)
"""What `find` takes in a condition: attributes cannot be asked for [R]."""
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

    def find(self, *, where: Filter | None = None) -> Iterator[Subscriber]:
        """Those who fulfil a condition (`filters.py`), or all, page by page, in the service's order.

        Its fields are ID, SubscriberKey, EmailAddress, Status, UnsubscribedDate, CreatedDate and EmailTypePreference.
        Raises InvalidDefinition for a condition that does not fit, and ReadInterrupted if a page is lost: what was
        given out is then not the whole. For millions ask for an extract.
        """
        what = "Reading subscribers"
        part = None if where is None else to_part(checked(where, _IN_CONDITIONS, what=what), self._soap.types)
        for page in self._soap.pages("Subscriber", _PROPERTIES, what=what, where=part, hide_values=True):
            yield from map(_read, page.iterfind(f"{{{API}}}Results"))

    def create(self, *, subscribers: Sequence[SubscriberChange]) -> list[SubscriberResult]:
        """Add subscribers, which needs an address of each [D]; else as `update`.

        Who is there already is a result with the code 12014, and stays as they are. After a lost answer the call is
        repeated, and reports those that it had added itself in that way.
        """
        return self._write("Create", "Adding subscribers", subscribers, {})

    def update(self, *, changes: Sequence[SubscriberChange], add: bool = False) -> list[SubscriberResult]:
        """Set statuses (addresses, attributes, lists, where given); one result for each change, in their order.

        With `add`, who is not known is added, which needs an address [D]; without, that is a result with the code
        12001. The same change again has no effect, so a call whose answer was lost is repeated. A key that XML cannot
        carry is refused here; the others are sent. Raises PermissionDenied when a result says so: all others would.
        """
        return self._write("Update", _UPDATING, changes, _UPDATE_ADD if add else {})

    def delete(self, *, keys: Sequence[str]) -> list[SubscriberResult]:
        """Delete subscribers, with their places on lists; one result for each key, in their order; else as `update`.

        Never delete to opt out: who is added again is mailable again [D]. Who is not there is a result with the code
        12001; after a lost answer the call is repeated, and reports those that it had deleted itself in that way.
        """
        gone = [SubscriberChange(key=key, status=None) for key in keys]
        return self._write("Delete", "Deleting subscribers", gone, {})

    def update_later(
        self,
        *,
        changes: Sequence[SubscriberChange],
        add: bool = False,
        priority: QueuePriority = "Medium",
        not_before: datetime | None = None,
    ) -> AsyncWrite:
        """Hand changes over, as those of `update`, to be done later; `results_of` tells what came of them.

        `not_before` is aware, and at most 30 days ahead [D]. Raises InvalidDefinition for a key that XML cannot carry,
        before anything is sent. Parts are not ordered among each other: do not hand over one key twice.
        """
        return self._later("Update", changes, _UPDATE_ADD if add else {}, priority, not_before)

    def delete_later(
        self, *, keys: Sequence[str], priority: QueuePriority = "Medium", not_before: datetime | None = None
    ) -> AsyncWrite:
        """Hand subscribers over to be deleted later; else as `update_later` and `delete`."""
        gone = [SubscriberChange(key=key, status=None) for key in keys]
        return self._later("Delete", gone, {}, priority, not_before)

    def results_of(self, *, write: AsyncWrite) -> list[SubscriberResult] | None:
        """One result for each that was handed over, in their order; None while it is not done.

        Results are kept for 30 days [D].
        """
        return results_of(self._soap, write, _read_result)

    def _write(
        self, operation: str, what: str, changes: Sequence[SubscriberChange], options: Mapping[str, Any]
    ) -> list[SubscriberResult]:
        results: dict[int, SubscriberResult] = {}
        for position, change in enumerate(changes):
            if _is_bad(change):
                message = "Not sent: the key, the address or an attribute has a character that XML cannot carry."
                results[position] = SubscriberResult(position=position, ok=False, message=message)
        to_send = [position for position in range(len(changes)) if position not in results]
        objects = (self._to_send(changes[one]) for one in to_send)
        written = write_all(self._soap, operation, objects, what=what, options=options)
        for position, result in zip(to_send, written, strict=True):
            if result.ErrorCode in PERMISSION_CODES:
                raise result_error(
                    what, message=result.StatusMessage or "", code=result.ErrorCode, request_id=result.RequestID
                )
            results[position] = _read_result(position, result)
        return [results[position] for position in range(len(changes))]

    def _later(
        self,
        operation: str,
        changes: Sequence[SubscriberChange],
        options: Mapping[str, Any],
        priority: QueuePriority,
        not_before: datetime | None,
    ) -> AsyncWrite:
        bad = [str(position) for position, change in enumerate(changes) if _is_bad(change)]
        if bad:
            raise InvalidDefinition(
                f"{_HANDING_OVER} was not done: those at {', '.join(bad[:20])} have characters that XML cannot carry. "
                "Remove them."
            )
        return submit(
            self._soap,
            operation,
            [self._to_send(change) for change in changes],
            what=_HANDING_OVER,
            options=options,
            priority=priority,
            not_before=not_before,
        )

    def status_changes(
        self, *, since: datetime | None = None, until: datetime | None = None, key: str | None = None
    ) -> Iterator[StatusChange]:
        """How statuses on All Subscribers changed, oldest first, page by page; of one subscriber, if there is a key.

        `since` is included and `until` is not, both aware. Changes on single lists are no part of it [D]. Raises
        ReadInterrupted if a page is lost: read again.
        """
        what = "Reading changes of subscribers' statuses"
        given = [
            *([] if since is None else [Condition(field="CreatedDate", operator="greaterThanOrEqual", value=since)]),
            *([] if until is None else [Condition(field="CreatedDate", operator="lessThan", value=until)]),
            *([] if key is None else [Condition(field="SubscriberKey", value=key)]),
        ]
        where = None
        if given:
            condition = checked(AllOf(parts=tuple(given)), _IN_CONDITIONS, what=what)
            where = to_part(condition, self._soap.types)
        for page in self._soap.pages("SubscriberStatusEvent", _EVENT, what=what, where=where, hide_values=True):
            for one in page.iterfind(f"{{{API}}}Results"):
                text = {
                    each.findtext(f"{{{API}}}Name") or "": each.findtext(f"{{{API}}}Value") or ""
                    for each in one.iterfind(f"{{{API}}}Properties/{{{API}}}Property")
                }
                yield StatusChange(
                    key=text.get("SubscriberKey", ""),
                    at=read_server_time(one.findtext(f"{{{API}}}CreatedDate") or text.get("CreatedDate")),
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
        if change.email_type is not None:
            one.EmailTypePreference = change.email_type
        if change.attributes:
            one.Attributes = [types.Attribute(Name=name, Value=value) for name, value in change.attributes.items()]
        if change.lists:
            one.Lists = [
                types.SubscriberList(
                    ID=each.list_id, Action=each.action, **({} if each.status is None else {"Status": each.status})
                )
                for each in change.lists
            ]
        return one


def _is_bad(change: SubscriberChange) -> bool:
    """Whether something of it has a character that XML cannot carry."""
    texts = (change.key, change.email or "", *(text for pair in change.attributes.items() for text in pair))
    return any(NOT_XML.search(text) for text in texts)


def _read_result(position: int, result: Any) -> SubscriberResult:
    return SubscriberResult(
        position=position,
        ok=result.StatusCode == "OK",
        code=result.ErrorCode,
        message=result.StatusMessage or "",
    )


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
        email_type=text("EmailTypePreference") or None,
        attributes={
            each.findtext(f"{{{API}}}Name") or "": each.findtext(f"{{{API}}}Value") or ""
            for each in one.iterfind(f"{{{API}}}Attributes")
        },
    )
