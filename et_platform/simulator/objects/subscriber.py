"""Subscriber: create, update, upsert, delete, retrieve, with their places on lists.

What belongs here: what a request may say of a subscriber, and its errors (12000-12099 [D]). What does not: keeping
them (`tracking/people.py`), and opting out with an event (`log_unsub_event.py`).

An Update to Unsubscribed is a status event and no unsubscribe event: that is what LogUnsubEvent was made for [D].
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from et_platform.simulator import clock, envelope, markup, retrieval, table
from et_platform.simulator.envelope import Element
from et_platform.simulator.objects import list_
from et_platform.simulator.results import Refused, Result, SaveMode, refusal
from et_platform.simulator.tracking import subscribers
from et_platform.simulator.tracking.people import ALL_SUBSCRIBERS, People, Person

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

BAD_ADDRESS, NOT_FOUND, BAD_VALUE, ON_LIST, NOT_ON_LIST = 12000, 12001, 12004, 12014, 13007
STATUSES = ("Active", "Bounced", "Held", "Unsubscribed")
"""What a request may set [W]; Deleted is what Delete is for [K]."""
REASON = "Unsubscribed via API"
"""ReasonUnsub of a status that an Update sets [K]."""
_LONGEST = 254  # characters of a key, and of an address [R]
_ADDRESS = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")

SHAPE = retrieval.Shape(
    object_type="Subscriber",
    order=(
        "Client.ID",
        "Client.PartnerClientKey",
        "PartnerKey",
        "CreatedDate",
        "ID",
        "ObjectID",
        "EmailAddress",
        "SubscriberKey",
        "UnsubscribedDate",
        "Status",
        "EmailTypePreference",
    ),
    types={"Client.ID": "Number", "CreatedDate": "Date", "ID": "Number", "UnsubscribedDate": "Date"},
    plain=frozenset({"Client"}),
)
_ATTRIBUTES = "Attributes"  # not retrievable by name [R], so no property of the shape


def retrieve(service: Service, query: retrieval.Query) -> retrieval.Page:
    """A page of subscribers, oldest first. Their attributes come along unasked [R]."""
    columns = {
        "Client.ID": service.account.mid,
        "CreatedDate": "created",
        "ID": "id",
        "EmailAddress": "email",
        "SubscriberKey": "key",
        "UnsubscribedDate": "unsubscribed",
        "Status": "status",
        "EmailTypePreference": "email_type",
        _ATTRIBUTES: "attributes",
    }
    relation = f"SELECT *, id AS position FROM tracking.subscribers WHERE status <> '{subscribers.DELETED}'"
    found, following = table.page(service, query, SHAPE, relation, columns)
    asked = set(query.properties)
    return retrieval.Page([_result(one, asked) for one in found], following)


def _result(properties: dict[str, str], asked: set[str]) -> str:
    attributes = "".join(
        markup.element("Attributes", markup.text("Name", name), markup.text("Value", value))
        for name, value in json.loads(properties[_ATTRIBUTES]).items()
    )
    return SHAPE.render(properties, asked, after=("EmailAddress", attributes))


def save(service: Service, objects: list[Element], mode: SaveMode, operation: str) -> list[Result]:
    """Create, update or upsert subscribers; each succeeds or fails on its own, as a whole."""
    results = []
    with service.store.lock(subscribers.LOCK), service.store.transaction() as connection:
        people = _loaded(People(connection, clock.now()), objects)
        lists = list_.numbers(connection)
        for element in objects:
            try:
                results.append(_saved(people, lists, element, mode, operation))
            except Refused as refused:
                results.append(refusal(refused, _echo(element)))
        people.write()
    return results


def delete(service: Service, objects: list[Element]) -> list[Result]:
    """Delete subscribers. A good result shows no object [R]."""
    results = []
    with service.store.lock(subscribers.LOCK), service.store.transaction() as connection:
        people = _loaded(People(connection, clock.now()), objects)
        for element in objects:
            try:
                person = _identified(people, element)
                if person is None:
                    raise Refused(NOT_FOUND, "SubscriberNotFound")
                people.remove(person)
                results.append(Result("Subscriber deleted"))
            except Refused as refused:
                results.append(refusal(refused, _echo(element)))
        people.write()
    return results


def _text(element: Element, name: str) -> str:
    return (envelope.value(element, name) or "").strip()


def _loaded(people: People, objects: list[Element]) -> People:
    people.load(
        keys=[_text(one, "SubscriberKey") for one in objects],
        emails=[_text(one, "EmailAddress") for one in objects],
        ids=[int(_text(one, "ID")) for one in objects if _text(one, "ID").isdecimal()],
    )
    return people


def _identified(people: People, element: Element) -> Person | None:
    """The subscriber that an element means: by key, number, else address [D]. Raises Refused."""
    key, number, email = (_text(element, name) for name in ("SubscriberKey", "ID", "EmailAddress"))
    if key:
        return people.by_key(key)
    if number:
        return people.by_id(int(number)) if number.isdecimal() else None
    if not email:
        raise Refused(NOT_FOUND, "SubscriberNotFound: a SubscriberKey or an EmailAddress must be given.")
    found = people.by_email(email)
    if len(found) > 1:
        # Several keys may share an address; which one is meant cannot be told [K].
        raise Refused(NOT_FOUND, "SubscriberNotFound: several subscribers have this EmailAddress.")
    return found[0] if found else None


def _saved(people: People, lists: set[int], element: Element, mode: SaveMode, operation: str) -> Result:
    """Everything is checked before anything is changed."""
    person = _identified(people, element)
    key, email, status = (_text(element, name) for name in ("SubscriberKey", "EmailAddress", "Status"))
    email_type = _text(element, "EmailTypePreference")
    if person is None and not mode.add:
        raise Refused(NOT_FOUND, "SubscriberNotFound")
    if person is not None and not mode.change:
        raise Refused(ON_LIST, "The subscriber is already on the list")  # [R]
    if (email or person is None) and (len(email) > _LONGEST or not _ADDRESS.fullmatch(email)):
        raise Refused(BAD_ADDRESS, "InvalidEmailAddress")
    if len(key) > _LONGEST:
        raise Refused(BAD_VALUE, f"InvalidDPV: SubscriberKey has more than {_LONGEST} characters.")
    if status and status not in STATUSES:
        raise Refused(BAD_VALUE, f"InvalidDPV: Status {status!r} is none of {', '.join(STATUSES)}.")
    if email_type and email_type not in ("Text", "HTML"):
        raise Refused(BAD_VALUE, "InvalidDPV: EmailTypePreference is Text or HTML.")
    wanted = [_place(one, person, lists, operation) for one in envelope.children(element, "Lists")]

    is_new = person is None
    if person is None:
        person = people.add(key=key or email, email=email)  # without a key the address is the key [D]
    people.touch(person)
    person.email = email or person.email
    person.email_type = email_type or person.email_type
    for one in envelope.children(element, "Attributes"):
        person.attributes[_text(one, "Name")] = envelope.value(one, "Value") or ""
    if status:
        people.set_status(person, status, REASON if status == "Unsubscribed" else "")
    for list_id, there in wanted:
        if there == _AWAY:
            del person.lists[list_id]
        elif list_id == ALL_SUBSCRIBERS:
            people.set_status(person, there or person.status, REASON)
        else:
            person.lists[list_id] = there or person.lists.get(list_id, "Active")
    message = "Created Subscriber." if operation == "Create" and is_new else "Updated Subscriber."  # [R]
    return Result(message, _echo(element, person), new_id=person.id)


_AWAY = "away"


def _place(element: Element, person: Person | None, lists: set[int], operation: str) -> tuple[int, str]:
    """What a `Lists` element asks for: the list, and the status there: _AWAY, or '' for what it is. Raises Refused.

    Without an Action a Create means `create` and an Update `upsert` [K].
    """
    text = _text(element, "ID")
    if not text:
        raise Refused(list_.NOT_GIVEN, "List ID Not Specified")
    list_id = int(text) if text.isdecimal() else 0
    if list_id != ALL_SUBSCRIBERS and list_id not in lists:
        raise Refused(list_.NOT_FOUND, f"List Not Found: {text}")
    status = _text(element, "Status")
    if status and status not in STATUSES:
        raise Refused(BAD_VALUE, f"InvalidDPV: Status {status!r} is none of {', '.join(STATUSES)}.")
    action = _text(element, "Action").lower() or ("create" if operation == "Create" else "upsert")
    is_on = person is not None and (list_id == ALL_SUBSCRIBERS or list_id in person.lists)
    match action:
        case "create" if is_on and list_id != ALL_SUBSCRIBERS:
            raise Refused(ON_LIST, "The subscriber is already on the list")
        case "update" | "delete" if not is_on:
            raise Refused(NOT_ON_LIST, "Not On List")
        case "delete" if list_id == ALL_SUBSCRIBERS:
            raise Refused(list_.CANNOT_CHANGE, "Nobody can be taken from All Subscribers")
        case "delete":
            return list_id, _AWAY
        case "create" | "update" | "upsert":
            return list_id, status
    raise Refused(BAD_VALUE, f"The Action {action!r} is none of create, update, upsert, delete.")


def _echo(element: Element, person: Person | None = None) -> str:
    """The object as replies show it [R]: as far as it named itself, with its number where it has one."""
    given = {name: text for name in ("EmailAddress", "SubscriberKey", "Status") if (text := _text(element, name))}
    if given.get("Status") not in STATUSES:
        given.pop("Status", None)
    if person is not None:
        given["ID"] = str(person.id)
    return SHAPE.render(given, set(given), tag="Object")
