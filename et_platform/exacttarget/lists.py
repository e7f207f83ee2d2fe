"""Lists: find, make, change, remove, and who is on them.

Belongs here: List and ListSubscriber. Does not: putting somebody on a list or taking them off, which is a change of the
subscriber (`subscribers.py`). A key never stands in an error or in `repr`.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Literal, get_args

from et_platform.exacttarget.batches import filters_of
from et_platform.exacttarget.errors import MalformedReply, NotFound
from et_platform.exacttarget.faults import API
from et_platform.exacttarget.models import ListMember, MailingList, SubscriberStatus
from et_platform.exacttarget.server_time import read_server_time
from et_platform.exacttarget.soap import Repeat, Soap

ALL_SUBSCRIBERS = "All Subscribers"
"""The name of the list that everybody is on [R]. Its number differs between accounts."""

ListType = Literal["Public", "Private", "SalesForce", "GlobalUnsubscribe", "Master"]
ListClassification = Literal["ExactTargetList", "PublicationList", "SuppressionList"]

_PROPERTIES = ("ID", "CustomerKey", "ListName", "Description", "Type", "ListClassification", "Category")
_MEMBER = ("SubscriberKey", "ListID", "Status", "CreatedDate")


class Lists:
    """The lists of the business unit. Every method raises what `Soap.call` raises."""

    def __init__(self, soap: Soap):
        self._soap = soap

    def find_all(self) -> list[MailingList]:
        """All lists, All Subscribers among them."""
        return [_read(one) for one in self._soap.objects("List", _PROPERTIES, what="Listing the lists")]

    def get(self, *, list_id: int) -> MailingList | None:
        """The list, or None."""
        where = self._soap.equals("ID", list_id)
        found = self._soap.objects("List", _PROPERTIES, what=f"Looking for list {list_id}", where=where)
        return _read(found[0]) if found else None

    def find(self, *, customer_key: str) -> MailingList | None:
        """The list of that customer key, which is unique; or None."""
        what, where = f"Looking for list {customer_key}", self._soap.equals("CustomerKey", customer_key)
        found = self._soap.objects("List", _PROPERTIES, what=what, where=where)
        return _read(found[0]) if found else None

    def create(
        self,
        *,
        name: str,
        description: str = "",
        customer_key: str = "",
        category_id: int = 0,
        type: ListType | None = None,  # noqa: A002 - the service's word
        classification: ListClassification | None = None,
    ) -> int:
        """Make a list; its number. Raises InvalidDefinition (13010 the name is too long, 13013 not valid).

        Lists may share a name, so a call whose answer was lost is not repeated: it raises Unreachable, and `find_all`
        tells. With a customer key, which is unique, you can be sure.
        """
        made = MailingList(
            id=0,
            name=name,
            description=description,
            customer_key=customer_key,
            category_id=category_id,
            type=type or "",
            classification=classification or "",
        )
        one = list_to_send(self._soap.types, made)
        return int(self._soap.write("Create", one, what=f"Creating list {name}", repeat=Repeat.UNSENT).NewID)

    def update(self, *, mailing_list: MailingList) -> None:
        """Give the list of that id the name, description, customer key, folder, type and classification of this one.

        What is empty stays as it is, save the description. Raises NotFound, and InvalidDefinition (13010 the name is
        too long, 13012 All Subscribers cannot be changed, 13013 not valid).
        """
        one = list_to_send(self._soap.types, mailing_list)
        self._soap.write("Update", one, what=f"Updating list {mailing_list.id}")

    def delete(self, *, list_id: int) -> bool:
        """Delete a list, whose members stay subscribers; returns whether it was there."""
        try:
            self._soap.write("Delete", self._soap.types.List(ID=list_id), what=f"Deleting list {list_id}")
        except NotFound:
            return False
        return True

    def members(self, *, list_id: int) -> Iterator[ListMember]:
        """Who is on a list, with the status there, page by page: everybody is on All Subscribers.

        Raises ReadInterrupted if a page is lost, and what was given out is then not the whole: read again.
        """
        yield from self._members(f"Reading who is on list {list_id}", self._soap.equals("ListID", list_id))

    def memberships(self, *, keys: Iterable[str]) -> Iterator[ListMember]:
        """On which lists the subscribers of these keys are, All Subscribers among them; else as `members`."""
        for where in filters_of(self._soap, "SubscriberKey", keys):
            yield from self._members("Reading who is on which list", where)

    def _members(self, what: str, where: Any) -> Iterator[ListMember]:
        for page in self._soap.pages("ListSubscriber", _MEMBER, what=what, where=where, hide_values=True):
            for one in page.iterfind(f"{{{API}}}Results"):
                text = {name: one.findtext(f"{{{API}}}{name}") or "" for name in _MEMBER}
                status = text["Status"] if text["Status"] in get_args(SubscriberStatus) else "Unknown"
                if not text["ListID"].isdecimal():
                    raise MalformedReply(f"{what}: somebody is on a list without a number. Read again later.")
                yield ListMember(
                    key=text["SubscriberKey"],
                    list_id=int(text["ListID"]),
                    status=status,  # pyright: ignore[reportArgumentType]
                    created_at=read_server_time(text["CreatedDate"]),
                )


def list_to_send(types: Any, one: MailingList) -> Any:
    """The service's object for a list; what is empty is left out. Words of a newer service are not sent."""
    given = {
        "ID": one.id,
        "ListName": one.name,
        "CustomerKey": one.customer_key,
        "Category": one.category_id,
        "Type": one.type if one.type in get_args(ListType) else "",
        "ListClassification": one.classification if one.classification in get_args(ListClassification) else "",
    }
    kept = {name: value for name, value in given.items() if value}
    return types.List(**kept, **({"Description": one.description} if one.id or one.description else {}))


def _read(one: Any) -> MailingList:
    return MailingList(
        id=int(one.ID or 0),
        name=one.ListName or "",
        customer_key=one.CustomerKey or "",
        description=one.Description or "",
        type=str(one.Type or ""),
        classification=str(one.ListClassification or ""),
        category_id=int(one.Category or 0),
    )
