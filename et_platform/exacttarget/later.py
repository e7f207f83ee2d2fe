"""Definitions that are handed over, to be made, changed or removed later.

Belongs here: asynchronous Create, Update and Delete of data extensions, import definitions, lists and folders. Does
not: rows (`rows.py`) and subscribers (`subscribers.py`), which have calls of their own; Perform, whose effect must be
looked for and not be queued.

Handing over has no result but a handle; a name that is taken, say, is a result that comes later. Nothing is ordered
among several calls: hand over a folder, and what shall lie in it once that is there.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, assert_never

from et_platform.exacttarget.asynchronous import QueuePriority, results_of, submit
from et_platform.exacttarget.data_extensions import data_extension_to_send
from et_platform.exacttarget.folders import folder_to_send
from et_platform.exacttarget.import_definitions import import_definition_to_send
from et_platform.exacttarget.lists import list_to_send
from et_platform.exacttarget.models import (
    AsyncWrite,
    DataExtension,
    Folder,
    ImportDefinition,
    MailingList,
    ObjectResult,
)
from et_platform.exacttarget.soap import Soap

Definition = DataExtension | ImportDefinition | MailingList | Folder


class Later:
    """Asynchronous writes of definitions. Every method raises what `Soap.call` raises.

    `not_before` is aware, and at most 30 days ahead [D]. A call whose answer was lost is repeated: what was handed over
    once is not taken twice. Raises InvalidDefinition for what the service refuses to take (200-227).
    """

    def __init__(self, soap: Soap):
        self._soap = soap

    def create(
        self,
        *,
        objects: Sequence[Definition],
        priority: QueuePriority = "Medium",
        not_before: datetime | None = None,
    ) -> AsyncWrite:
        """Hand over what shall be made; ids of lists and folders are 0."""
        return self._submit("Create", [self._whole(one) for one in objects], priority, not_before)

    def update(
        self,
        *,
        objects: Sequence[Definition],
        priority: QueuePriority = "Medium",
        not_before: datetime | None = None,
    ) -> AsyncWrite:
        """Hand over what shall be changed, each as its part's `update` says; of a data extension its fields too."""
        return self._submit("Update", [self._whole(one) for one in objects], priority, not_before)

    def delete(
        self,
        *,
        objects: Sequence[Definition],
        priority: QueuePriority = "Medium",
        not_before: datetime | None = None,
    ) -> AsyncWrite:
        """Hand over what shall be removed: a data extension goes with its rows, a folder must be empty by then."""
        return self._submit("Delete", [self._named(one) for one in objects], priority, not_before)

    def results_of(self, *, write: AsyncWrite) -> list[ObjectResult] | None:
        """One result for each definition that was handed over, in their order; None while it is not done.

        Results are kept for 30 days [D].
        """
        return results_of(self._soap, write, _read_result)

    def _submit(
        self, operation: str, objects: list[Any], priority: QueuePriority, not_before: datetime | None
    ) -> AsyncWrite:
        what = f"Handing over {len(objects)} definitions ({operation})"
        return submit(self._soap, operation, objects, what=what, priority=priority, not_before=not_before)

    def _whole(self, one: Definition) -> Any:
        types = self._soap.types
        match one:
            case DataExtension():
                return data_extension_to_send(types, one)
            case ImportDefinition():
                return import_definition_to_send(types, one)
            case MailingList():
                return list_to_send(types, one)
            case Folder():
                return folder_to_send(types, one)
        assert_never(one)

    def _named(self, one: Definition) -> Any:
        types = self._soap.types
        match one:
            case DataExtension():
                return types.DataExtension(CustomerKey=one.customer_key)
            case ImportDefinition():
                return types.ImportDefinition(CustomerKey=one.customer_key)
            case MailingList():
                return types.List(ID=one.id)
            case Folder():
                return types.DataFolder(ID=one.id)
        assert_never(one)


def _read_result(position: int, result: Any) -> ObjectResult:
    return ObjectResult(
        position=position,
        ok=result.StatusCode == "OK",
        code=result.ErrorCode,
        message=result.StatusMessage or "",
        new_id=int(number) if (number := getattr(result, "NewID", None)) else None,
        new_object_id=getattr(result, "NewObjectID", None) or None,
    )
