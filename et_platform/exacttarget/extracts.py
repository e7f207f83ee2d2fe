"""Extracts: ask ExactTarget to write a file onto the Enhanced FTP site.

Belongs here: the Extract operation. Does not: the file, which is the only answer there ever is (`sftp.py`), nor
remembering what was asked for, which is the caller's. The reply has no task id and nothing can be polled [D].
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from et_platform.exacttarget.errors import InDoubt, InvalidDefinition
from et_platform.exacttarget.faults import API, result_error
from et_platform.exacttarget.models import EXPORT, ExtractKind
from et_platform.exacttarget.server_time import write_server_time
from et_platform.exacttarget.soap import Repeat, Soap

TRACKING = "c7219016-a7f0-4c72-8657-1ec12c28a0db"
"""The tracking extract's type id [R]."""
DATA_EXTENSION = "bb94a04d-9632-4623-be47-daabc3f588a6"
"""The data-extension extract's type id [R]."""
LONGEST = timedelta(days=30)
"""A specific range may not be longer [3]."""

_NO_DATE = "1/1/1900 1:00:00 AM"  # wanted where a date has no meaning [D]

TrackingType = Literal["unsubscribe", "open", "click", "bounce", "sent"]
_SWITCHES: dict[str, str] = {  # exact spelling [D]
    "sent": "ExtractSent",
    "open": "ExtractOpens",
    "click": "ExtractClicks",
    "bounce": "ExtractBounces",
    "unsubscribe": "ExtractUnsubs",
}


class Extracts:
    """The extracts of the business unit."""

    def __init__(self, soap: Soap):
        self._soap = soap

    def request_tracking(
        self, *, output_name: str, start: datetime, end: datetime, types: Collection[TrackingType]
    ) -> str | None:
        """Ask for the events of `types` from `start` to `end` (aware), in a ZIP named `output_name`.

        Returns the RequestID, which leads nowhere. Whether an event at exactly `end` belongs to it is not
        documented [K]; a caller that removes duplicates loses nothing either way. Raises InvalidDefinition for what
        the service would refuse, InDoubt when the answer was lost (asking again under the same name is harmless:
        at worst the file is written twice), and what `Soap.call` raises: then nothing was asked for.
        """
        what = f"Asking for the tracking extract {output_name}"
        _check_tracking(what, output_name, start, end, types)
        parameters = {
            "StartDate": write_server_time(start),
            "EndDate": write_server_time(end),
            "OutputFileName": output_name,
            "AccountIDs": "",  # this account [D]
            "Format": "csv",
            "ColumnDelimiter": ",",
            "QuoteText": "True",
            "UnicodeOutput": "False",
            "UseLocalTZinQuery": "False",
            "IncludeUnsubReason": str("unsubscribe" in types),
            "IncludeTestSends": "False",
            **{switch: str(name in types) for name, switch in _SWITCHES.items()},
        }
        return self._ask(what, TRACKING, parameters)

    def request_data_extension(
        self, *, output_name: str, customer_key: str, delimiter: str = ",", has_headings: bool = True
    ) -> str | None:
        """Ask for all rows of a data extension, in a delimited file named `output_name`.

        There is no filter and no increment [D]. Returns and raises as `request_tracking` does.
        """
        what = f"Asking for the extract {output_name} of data extension {customer_key}"
        if len(delimiter) != 1 or not output_name or not customer_key:
            raise InvalidDefinition(
                f"{what} was not sent: output name and customer key must be given, and the delimiter must be one "
                "character. Correct the request."
            )
        parameters = {
            "DECustomerKey": customer_key,
            "HasColumnHeaders": str(has_headings),
            "OutputFileName": output_name,
            "_AsyncID": "0",
            "StartDate": _NO_DATE,
            "EndDate": _NO_DATE,
            "ColumnDelimiter": delimiter,
            "TextQualified": "True",
        }
        return self._ask(what, DATA_EXTENSION, parameters)

    def kinds(self) -> list[ExtractKind]:
        """Every extract that the account has, also those that this client has no method for."""
        found = self._soap.objects("ExtractDescription", ("ObjectID", "Name"), what="Listing the extracts")
        return [ExtractKind(id=one.ObjectID or "", name=one.Name or "") for one in found]

    def _ask(self, what: str, kind: str, parameters: Mapping[str, str]) -> str | None:
        request = self._soap.types.ExtractRequest(
            ID=kind,
            Options={},
            Parameters={"Parameter": [{"Name": name, "Value": value} for name, value in parameters.items()]},
        )
        try:
            reply = self._soap.call("Extract", what=what, repeat=Repeat.NEVER, Requests=[request])
        except InDoubt as doubt:
            raise InDoubt(
                f"{what} is in doubt: {doubt.__cause__ or doubt} The file may still appear in {EXPORT}; ask again "
                "under the same name if it does not: the worst that can happen is the same file twice.",
                code=doubt.code,
                request_id=doubt.request_id,
            ) from doubt
        return self._read(what, reply)

    @staticmethod
    def _read(what: str, reply: Any) -> str | None:
        status = (reply.findtext(f"{{{API}}}OverallStatus") or "").strip()
        request_id = reply.findtext(f"{{{API}}}RequestID")
        if status == "OK":
            return request_id
        if not status:
            raise InDoubt(
                f"{what} is in doubt: the answer has no OverallStatus. The file may still appear in {EXPORT}; ask "
                f"again under the same name if it does not. RequestID {request_id}.",
                request_id=request_id,
            )
        code = (reply.findtext(f"{{{API}}}Results/{{{API}}}ErrorCode") or "").strip()
        message = (reply.findtext(f"{{{API}}}Results/{{{API}}}StatusMessage") or "").strip() or status
        raise result_error(what, message=message, code=int(code) if code.isdigit() else None, request_id=request_id)


def _check_tracking(
    what: str, output_name: str, start: datetime, end: datetime, types: Collection[TrackingType]
) -> None:
    problems = []
    if not output_name.endswith(".zip"):  # [D]
        problems.append("the output name must end in .zip")
    if start.tzinfo is None or end.tzinfo is None:
        problems.append("start and end must have a time zone")
    elif not start < end:
        problems.append("start must be before end")
    elif end - start > LONGEST:
        problems.append(f"a range of more than {LONGEST.days} days is not taken; ask for several")
    if not types or not set(types) <= _SWITCHES.keys():
        problems.append(f"the types must be some of {', '.join(_SWITCHES)}")
    if problems:
        raise InvalidDefinition(f"{what} was not sent: {'; '.join(problems)}. Correct the request.")
