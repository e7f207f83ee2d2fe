"""Imports: define one, start it, ask how it went.

Belongs here: ImportDefinition, Perform and ImportResultsSummary. Does not: the file (`sftp.py`), waiting and the
decision what a figure proves, which are the caller's.
"""

import re
from typing import Any

from et_platform.exacttarget.errors import AlreadyExists, InDoubt, InvalidDefinition, NotFound, StartInDoubt
from et_platform.exacttarget.faults import API
from et_platform.exacttarget.import_definitions import (
    DEFINITION_PROPERTIES,
    import_definition_to_send,
    read_import_definition,
)
from et_platform.exacttarget.models import ImportDefinition, ImportResult
from et_platform.exacttarget.perform import perform_once
from et_platform.exacttarget.server_time import read_server_time
from et_platform.exacttarget.soap import Soap

_SUMMARY = (
    "ImportDefinitionCustomerKey",
    "ImportStatus",
    "StartDate",
    "EndDate",
    "DestinationID",
    "NumberSuccessful",
    "NumberDuplicated",
    "NumberErrors",
    "TotalRows",
    "TaskResultID",
)
_RESTRICTED = "NumberRestricted"
"""Documented [D], and not in the published WSDL [W]: a service may not know it."""


class Imports:
    """The imports of the business unit. Every method raises what `Soap.call` raises."""

    def __init__(self, soap: Soap):
        self._soap = soap
        self._is_restricted_known = True

    def define(self, *, definition: ImportDefinition) -> None:
        """Make the import definition what is given, whether it is there or not.

        Raises InvalidDefinition (43020, 43060, or without one destination), NameTaken.
        """
        one = import_definition_to_send(self._soap.types, definition)
        what = f"Defining import {definition.customer_key}"
        try:
            self._soap.write("Create", one, what=what)
        except AlreadyExists:
            self._soap.write("Update", one, what=what)

    def definition(self, *, customer_key: str) -> ImportDefinition | None:
        """The import definition as the service keeps it, or None."""
        what = f"Looking for import {customer_key}"
        found = self._definitions(what, self._soap.equals("CustomerKey", customer_key))
        return found[0] if found else None

    def definitions(self) -> list[ImportDefinition]:
        """Every import definition, into data extensions and onto lists."""
        return self._definitions("Listing the imports", None)

    def _definitions(self, what: str, where: Any) -> list[ImportDefinition]:
        found = self._soap.objects("ImportDefinition", DEFINITION_PROPERTIES, what=what, where=where)
        return [read_import_definition(one) for one in found]

    def start(self, *, customer_key: str) -> int:
        """Start the import; returns its task id, the only handle [D]. Never repeated by itself.

        Raises StartInDoubt whenever the import may have started: the answer was lost, cannot be read, has no
        task id, or is a failure of the server. Every other error means that nothing was started.
        """
        what = f"Starting import {customer_key}"
        definition = self._soap.types.ImportDefinition(CustomerKey=customer_key)
        try:
            done = perform_once(self._soap, action="start", definition=definition, what=what)
        except InDoubt as doubt:
            raise StartInDoubt(
                f"{doubt} Ask for the results of this definition, and read back if there are none.",
                code=doubt.code,
                request_id=doubt.request_id,
            ) from doubt
        # `ImportDefinition performed AsyncID:<n>` says the same as Task/ID [D].
        told = done.task_id or "".join(re.findall(r"AsyncID:\s*(\d+)", done.message)[:1])
        if not told.isdigit():
            raise StartInDoubt(
                f"{what}: the service answered {done.status or 'no status'}, and no task id. The import may have "
                f"started: ask for the results of this definition. RequestID {done.request_id}.",
                request_id=done.request_id,
            )
        return int(told)

    def result(self, *, task_id: int) -> ImportResult | None:
        """How the task stands; None is normal at first [D], so keep asking."""
        found = self._summaries("TaskResultID", task_id)
        return found[0] if found else None

    def results_of(self, *, definition_key: str) -> list[ImportResult]:
        """Every task of the definition, in the order of their ids; empty is normal at first [D]."""
        return self._summaries("ImportDefinitionCustomerKey", definition_key)

    def results_into(self, *, customer_key: str) -> list[ImportResult]:
        """Every task, of any definition, that imported into the data extension, in the order of their ids.

        The documentation says both that a task names its destination by object id and by key, so both are asked for.
        """
        what = f"Looking for the data extension {customer_key}"
        where = self._soap.equals("CustomerKey", customer_key)
        found = self._soap.objects("DataExtension", ("ObjectID", "CustomerKey"), what=what, where=where)
        names = [customer_key, *(one.ObjectID for one in found if one.ObjectID)]
        tasks = {one.task_id: one for name in names for one in self._summaries("DestinationID", name)}
        return [tasks[id_] for id_ in sorted(tasks)]

    def delete(self, *, customer_key: str) -> bool:
        """Delete the definition; returns whether it was there. Results of its tasks can still be asked for."""
        one = self._soap.types.ImportDefinition(CustomerKey=customer_key)
        try:
            self._soap.write("Delete", one, what=f"Deleting import definition {customer_key}")
        except NotFound:
            return False
        return True

    def _summaries(self, name: str, value: str | int) -> list[ImportResult]:
        what = f"Asking for imports whose {name} is {value}"
        where = self._soap.equals(name, value)
        try:
            properties = (*_SUMMARY, _RESTRICTED) if self._is_restricted_known else _SUMMARY
            found = self._soap.objects("ImportResultsSummary", properties, what=what, where=where)
        except InvalidDefinition as error:
            if _RESTRICTED not in str(error):
                raise
            self._is_restricted_known = False
            found = self._soap.objects("ImportResultsSummary", _SUMMARY, what=what, where=where)
        return sorted((read_import_result(one) for one in found), key=lambda result: result.task_id)


def read_import_result(one: Any) -> ImportResult:
    """An import's result from the service's ImportResultsSummary."""
    unknown = getattr(one, "_raw_elements", None) or ()  # what the WSDL lacks
    restricted = next((e.text for e in unknown if e.tag == f"{{{API}}}{_RESTRICTED}"), None)
    return ImportResult(
        task_id=one.TaskResultID or 0,
        definition_key=one.ImportDefinitionCustomerKey or "",
        status=one.ImportStatus or "Unknown",
        successful=one.NumberSuccessful or 0,
        duplicated=one.NumberDuplicated or 0,
        errors=one.NumberErrors or 0,
        restricted=int(restricted) if restricted and restricted.strip().isdigit() else None,
        total_rows=one.TotalRows or 0,
        started=read_server_time(one.StartDate),
        ended=read_server_time(one.EndDate),
        destination=one.DestinationID or None,
    )
