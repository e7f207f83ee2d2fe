"""Imports: define one, start it, ask how it went.

Belongs here: ImportDefinition, Perform and ImportResultsSummary. Does not: the file (`sftp.py`), waiting and the
decision what a figure proves, which are the caller's.
"""

import re
from datetime import datetime
from typing import Any

from et_platform.exacttarget.errors import AlreadyExists, InvalidDefinition, NotFound, StartInDoubt
from et_platform.exacttarget.faults import API, result_error
from et_platform.exacttarget.models import SERVER_TIME, ImportDefinition, ImportResult
from et_platform.exacttarget.soap import Repeat, Soap

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

    def define(self, definition: ImportDefinition) -> None:
        """Make the import definition what is given, whether it is there or not.

        Raises InvalidDefinition (43020, 43060), NameTaken.
        """
        one = self._to_send(definition)
        what = f"Defining import {definition.customer_key}"
        try:
            self._soap.write("Create", one, what=what)
        except AlreadyExists:
            self._soap.write("Update", one, what=what)

    def start(self, *, customer_key: str) -> int:
        """Start the import; returns its task id, the only handle [D]. Never repeated by itself.

        Raises StartInDoubt whenever the import may have started: the answer was lost, cannot be read, has no
        task id, or is a failure of the server. Every other error means that nothing was started.
        """
        what = f"Starting import {customer_key}"
        definition = self._soap.types.ImportDefinition(CustomerKey=customer_key)
        reply = self._soap.call(
            "Perform", what=what, repeat=Repeat.NEVER, Action="start", Definitions={"Definition": [definition]}
        )
        # Read by hand, not by zeep: after a start, no surprise in the rest of the reply may hide the task id.
        result = reply.find(f"{{{API}}}Results/{{{API}}}Result")
        request_id = reply.findtext(f"{{{API}}}RequestID")
        status = _text(result, "StatusCode") or reply.findtext(f"{{{API}}}OverallStatus") or ""
        message = _text(result, "StatusMessage") or reply.findtext(f"{{{API}}}OverallStatusMessage") or ""
        if status.startswith("Error"):
            code = _text(result, "ErrorCode") or ""
            error = result_error(
                what, message=message, code=int(code) if code.isdigit() else None, request_id=request_id
            )
            if error.code == 2:  # a general system exception [D] is no promise that nothing happened
                raise StartInDoubt(f"{what} is in doubt: {error} Ask for its results.", code=2) from error
            raise error
        # `ImportDefinition performed AsyncID:<n>` says the same as Task/ID [D].
        told = _text(result, "Task/ID") or "".join(re.findall(r"AsyncID:\s*(\d+)", message)[:1])
        if not told.strip().isdigit():
            raise StartInDoubt(
                f"{what}: the service answered {status or 'no status'}, and no task id. The import may have started: "
                f"ask for the results of this definition. RequestID {request_id}.",
                request_id=request_id,
            )
        return int(told)

    def result(self, *, task_id: int) -> ImportResult | None:
        """How the task stands; None is normal at first [D], so keep asking."""
        found = self._summaries("TaskResultID", task_id)
        return found[0] if found else None

    def results_of(self, *, definition_key: str) -> list[ImportResult]:
        """Every task of the definition, in the order of their ids; empty is normal at first [D]."""
        return self._summaries("ImportDefinitionCustomerKey", definition_key)

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

    def _to_send(self, definition: ImportDefinition) -> Any:
        types = self._soap.types
        one = types.ImportDefinition(
            CustomerKey=definition.customer_key,
            Name=definition.name,
            Description=definition.description,
            AllowErrors=definition.allow_errors,
            DestinationObject=types.DataExtension(CustomerKey=definition.destination_key),
            FieldMappingType=definition.field_mapping,
            FileSpec=definition.file_spec,
            FileType=definition.file_type,
            RetrieveFileTransferLocation=types.FileTransferLocation(CustomerKey=definition.location),
            UpdateType=definition.update_type,
            Delimiter=definition.delimiter if definition.file_type == "Other" else None,
            HeaderLines=definition.header_lines,
            StandardQuotedStrings=definition.standard_quoted_strings,
            EncodingCodePage=definition.encoding,
            ControlColumn=definition.control_column,
            ControlColumnDefaultAction=definition.control_default_action,
        )
        if definition.field_maps:
            source = {"MapByOrdinal": "SourceOrdinal"}.get(definition.field_mapping, "SourceName")
            one.FieldMaps = {
                "FieldMap": [
                    types.FieldMap(**{source: field.source}, DestinationName=field.destination)
                    for field in definition.field_maps
                ]
            }
        if definition.control_actions:
            one.ControlColumnActions = {
                "ControlColumnAction": [
                    types.ImportDefinitionColumnBasedAction(Value=value, Action=action)
                    for value, action in definition.control_actions.items()
                ]
            }
        return one


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


def read_server_time(text: str | None) -> datetime | None:
    """A time as the service writes it; without an offset it is server time [D]. None if it is no time.

    The WSDL types these as strings [W]; ISO and the US form `M/d/yyyy h:mm:ss AM` have both been seen [D][R].
    """
    if not text or not text.strip():
        return None
    for read in (datetime.fromisoformat, _us_time):
        try:
            found = read(text.strip())
        except ValueError:
            continue
        return found if found.tzinfo else found.replace(tzinfo=SERVER_TIME)
    return None


def _us_time(text: str) -> datetime:
    return datetime.strptime(text, "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=SERVER_TIME)


def _text(parent: Any, path: str) -> str | None:
    if parent is None:
        return None
    return parent.findtext("/".join(f"{{{API}}}{step}" for step in path.split("/")))
