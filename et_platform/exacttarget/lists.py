"""Lists: find, make, remove, and who is on them.

Belongs here: List and ListSubscriber. Does not: putting somebody on a list or taking them off, which is a change of the
subscriber (`subscribers.py`). A key never stands in an error or in `repr`.
"""

from typing import Any, get_args

from et_platform.exacttarget.errors import NotFound
from et_platform.exacttarget.faults import API
from et_platform.exacttarget.models import ListMember, MailingList, SubscriberStatus
from et_platform.exacttarget.server_time import read_server_time
from et_platform.exacttarget.soap import Repeat, Soap

ALL_SUBSCRIBERS = "All Subscribers"
"""The name of the list that everybody is on [R]. Its number differs between accounts."""

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

    def create(self, *, name: str, description: str = "", customer_key: str = "", category_id: int = 0) -> int:
        """Make a list; its number. Raises InvalidDefinition (13010 the name is too long, 13013 not valid).

        Lists may share a name, so a call whose answer was lost is not repeated: it raises Unreachable, and `find_all`
        tells. With a customer key, which is unique, you can be sure.
        """
        one = self._soap.types.List(
            ListName=name,
            **({"Description": description} if description else {}),
            **({"CustomerKey": customer_key} if customer_key else {}),
            **({"Category": category_id} if category_id else {}),
        )
        return int(self._soap.write("Create", one, what=f"Creating list {name}", repeat=Repeat.UNSENT).NewID)

    def delete(self, *, list_id: int) -> bool:
        """Delete a list, whose members stay subscribers; returns whether it was there."""
        try:
            self._soap.write("Delete", self._soap.types.List(ID=list_id), what=f"Deleting list {list_id}")
        except NotFound:
            return False
        return True

    def members(self, *, list_id: int) -> list[ListMember]:
        """Who is on a list, with the status there. Raises ReadInterrupted if a page is lost: read again."""
        what, where = f"Reading who is on list {list_id}", self._soap.equals("ListID", list_id)
        found: list[ListMember] = []
        for page in self._soap.pages("ListSubscriber", _MEMBER, what=what, where=where, hide_values=True):
            for one in page.iterfind(f"{{{API}}}Results"):
                text = {name: one.findtext(f"{{{API}}}{name}") or "" for name in _MEMBER}
                status = text["Status"] if text["Status"] in get_args(SubscriberStatus) else "Unknown"
                found.append(
                    ListMember(
                        key=text["SubscriberKey"],
                        list_id=int(text["ListID"]),
                        status=status,  # pyright: ignore[reportArgumentType]
                        created_at=read_server_time(text["CreatedDate"]),
                    )
                )
        return found


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
