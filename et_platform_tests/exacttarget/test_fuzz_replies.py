"""Replies that are damaged on their way: an error of the client's own kinds, or every row that they still hold.

The pages are the local ExactTarget's; recorded replies are damaged too where they are present. The examples are the same
in each run.
"""

from collections.abc import Iterator
from pathlib import Path

import lxml.etree as etree
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.connection import Retries, Timeouts
from et_platform.exacttarget.data_extensions import read_data_extension
from et_platform.exacttarget.errors import ExactTargetError
from et_platform.exacttarget.faults import read_fault, read_message
from et_platform.exacttarget.folders import read_folder
from et_platform.exacttarget.models import DataExtension, Field, FieldType
from et_platform_tests import beside
from et_platform_tests.exacttarget.scripted import (
    API,
    ScriptedService,
    envelope,
    scripted_service,
    simulated_connection,
)

RECORDED = sorted(beside.RECORDED.glob("*.xml"))
KEY, FIELDS = "damaged-replies", ("Id", "Name")
ROWS = [{"Id": str(n), "Name": f"Name {n} & co"} for n in range(7)]
PER_PAGE = 3
OPERATIONS = {
    "CreateResponse": "Create",
    "UpdateResponse": "Update",
    "DeleteResponse": "Delete",
    "RetrieveResponseMsg": "Retrieve",
    "PerformResponseMsg": "Perform",
}
TEXTS = ("", " ", "OK", "MoreDataAvailable", "Error", "Error: x", "1", "true", "2026-13-45", "9" * 40, "ß", "a" * 3000)
fuzz = settings(
    derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow], max_examples=250
)


@pytest.fixture(scope="module")
def recorded() -> None:
    beside.needed(beside.RECORDED, "the recorded replies")


def local(tag: str) -> str:
    return tag.rpartition("}")[2]


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """The reply with bytes lost or changed, or as XML with elements gone, doubled, renamed or of other text."""
    if draw(st.booleans()):
        start = draw(st.integers(0, len(content)))
        end = draw(st.sampled_from([start, start + 1, start + 20, len(content)]))
        return content[:start] + draw(st.binary(max_size=6)) + content[end:]
    root = etree.fromstring(content)
    for _ in range(draw(st.integers(1, 3))):
        elements = [one for one in root.iter() if isinstance(one.tag, str) and one.getparent() is not None]
        if not elements:
            break
        one = draw(st.sampled_from(elements))
        match draw(st.sampled_from(["text", "drop", "twice", "name", "namespace", "type"])):
            case "text":
                one.text = draw(st.sampled_from(TEXTS))
            case "drop":
                one.getparent().remove(one)
            case "twice":
                one.addnext(etree.fromstring(etree.tostring(one)))
            case "name":
                one.tag = f"{{{API}}}" + draw(st.sampled_from(["Nothing", "Value", "Name", "Results", "Properties"]))
            case "namespace":
                one.tag = local(one.tag)
            case "type":
                one.set("{http://www.w3.org/2001/XMLSchema-instance}type", draw(st.sampled_from(["x:Nothing", "List"])))
    return etree.tostring(root, encoding="utf-8")


@pytest.fixture(scope="module")
def replies(exacttarget_info) -> list[bytes]:
    """The pages of one read, as the local ExactTarget gives them."""
    with ExactTarget(simulated_connection(exacttarget_info)) as client:
        fields = (
            Field(name="Id", type=FieldType.Text, max_length=20, is_primary_key=True, is_required=True),
            Field(name="Name", type=FieldType.Text, max_length=50),
        )
        client.data_extensions.create(data_extension=DataExtension(customer_key=KEY, name=KEY, fields=fields))
        assert all(one.ok for one in client.rows.upsert(customer_key=KEY, rows=ROWS))
        pages = client._soap.pages(f"DataExtensionObject[{KEY}]", FIELDS, what="Reading", batch_size=PER_PAGE)
        return [envelope(etree.tostring(page, encoding="unicode")) for page in pages]


@pytest.fixture(scope="module")
def service() -> Iterator[ScriptedService]:
    with scripted_service() as running:
        yield running


@pytest.fixture(scope="module")
def client(service: ScriptedService) -> Iterator[ExactTarget]:
    with ExactTarget(
        service.connection(), retries=Retries(attempts=1), timeouts=Timeouts(retrieve=10, sync=10)
    ) as made:
        yield made


@fuzz
@given(st.data(), st.integers(0, 2), st.sampled_from([200, 200, 200, 500]))
def test_a_damaged_page_is_an_error_or_read_whole(
    service: ScriptedService, client: ExactTarget, replies: list[bytes], data: st.DataObject, place: int, status: int
):
    assert len(replies) == 3
    content = data.draw(damaged(replies[place]))
    script = [(200, one) for one in replies]
    script[place] = (status, content)
    service.calls.clear()
    service.script[:] = script
    try:
        given_out = sum(batch.num_rows for batch in client.rows.read(customer_key=KEY, fields=FIELDS))
    except ExactTargetError:
        return
    # No error: the last page said that it is the last, and every result of every page was given out.
    pages = [read_message(one) for _, one in script[: len(service.calls)]]
    statuses = [page.findtext(f"{{{API}}}OverallStatus") for page in pages]
    assert statuses == ["MoreDataAvailable"] * (len(pages) - 1) + ["OK"]
    assert given_out == sum(len(page.findall(f"{{{API}}}Results")) for page in pages)


@pytest.mark.usefixtures("recorded")
@settings(fuzz, max_examples=200)
@given(st.data(), st.sampled_from(RECORDED or [Path()]))
def test_a_damaged_recorded_reply_is_an_error_or_read(client: ExactTarget, data: st.DataObject, path: Path):
    content = data.draw(damaged(path.read_bytes()))
    try:
        message = read_message(content)
        if read_fault(message) is not None or local(message.tag) not in OPERATIONS:
            return
        reply = client._soap.parse(OPERATIONS[local(message.tag)], message)
    except ExactTargetError:
        return
    for one in getattr(reply, "Results", None) or ():
        kind = type(one).__name__
        if kind == "DataExtension":
            read_data_extension(one, ())
        elif kind == "DataFolder":
            read_folder(one)
