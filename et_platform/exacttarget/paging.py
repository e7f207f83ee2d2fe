"""Following a Retrieve from page to page.

Belongs here: when there is a next page, and what a break between two means. Does not: asking (`soap.py`), what is on a
page (`rows.py`).
"""

from collections.abc import Callable, Iterator

import lxml.etree as etree

from et_platform.exacttarget.errors import (
    ExactTargetError,
    InMaintenance,
    MalformedReply,
    NotFound,
    ReadInterrupted,
    ServiceUnavailable,
    Throttled,
    Unreachable,
)
from et_platform.exacttarget.faults import API, retrieve_error

PASSING = (Unreachable, ServiceUnavailable, Throttled, MalformedReply)
"""What may pass, and leaves open whether the call had its effect."""


def pages(
    *, first: Callable[[], etree._Element], after: Callable[[str], etree._Element], what: str, hide_values: bool
) -> Iterator[etree._Element]:
    """Every page, as a RetrieveResponseMsg; `after` asks for the one that follows a RequestID.

    A page after the first is asked for once: whether a repeated ContinueRequest gives the same page or skips it is not
    documented [K], so a lost page raises ReadInterrupted (`after` itself repeats what certainly did not arrive, or was
    refused for its token). So does a page that the service does not find any more; any other failing status in the
    middle raises as it would in the beginning.
    """
    page, is_first = first(), True
    while True:
        status, request_id = page.findtext(f"{{{API}}}OverallStatus") or "", page.findtext(f"{{{API}}}RequestID")
        if status not in ("OK", "MoreDataAvailable"):
            failure = retrieve_error(what, status=status or "no status", request_id=request_id, hide=hide_values)
            if is_first or not isinstance(failure, NotFound):
                raise failure
            raise _interrupted(what, failure) from failure
        has_results = page.find(f"{{{API}}}Results") is not None
        yield page
        del page  # a page is large: this one may go before the next is read
        if status == "OK":
            return
        if not request_id or not has_results:
            raise MalformedReply(f"{what}: a page promises more, but has no RequestID or no results. Read again later.")
        try:
            page, is_first = after(request_id), False
        except (*PASSING, InMaintenance) as error:
            raise _interrupted(what, error) from error


def _interrupted(what: str, error: ExactTargetError) -> ReadInterrupted:
    return ReadInterrupted(
        f"{what} broke off between two pages: {error} What was read so far is not the whole. Start the read again from "
        "its beginning; for big data extensions use an extract.",
        code=error.code,
    )
