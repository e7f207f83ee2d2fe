"""Replies that the real service gave are read by the client's own way of reading."""

from pathlib import Path

import pytest

from et_platform.exacttarget.auth import Tokens
from et_platform.exacttarget.connection import Retries, Timeouts
from et_platform.exacttarget.data_extensions import read_data_extension
from et_platform.exacttarget.errors import ExactTargetError
from et_platform.exacttarget.faults import read_fault, read_message
from et_platform.exacttarget.folders import read_folder
from et_platform.exacttarget.http import open_session
from et_platform.exacttarget.models import FieldType
from et_platform.exacttarget.soap import Soap
from et_platform_tests import beside
from et_platform_tests.exacttarget.scripted import PACKAGE, ScriptedService

RECORDED = beside.RECORDED
FILES = sorted(RECORDED.glob("*.xml"))
OPERATIONS = {
    "CreateResponse": "Create",
    "UpdateResponse": "Update",
    "DeleteResponse": "Delete",
    "RetrieveResponseMsg": "Retrieve",
    "PerformResponseMsg": "Perform",
}


@pytest.fixture(scope="module", autouse=True)
def replies() -> None:
    beside.needed(RECORDED, "the recorded replies")


@pytest.fixture(scope="module")
def soap():
    with open_session() as session:
        connection = ScriptedService(url="http://127.0.0.1:9").connection()
        tokens = Tokens(connection, PACKAGE, session=session, timeouts=Timeouts())
        yield Soap(tokens=tokens, session=session, timeouts=Timeouts(), retries=Retries(), wait_out=no_patience)


def no_patience(error: ExactTargetError) -> None:
    raise error


def parsed(soap: Soap, name: str):
    message = read_message((RECORDED / name).read_bytes())
    assert read_fault(message) is None
    return soap.parse(OPERATIONS[message.tag.rpartition("}")[2]], message)


@pytest.mark.parametrize("path", FILES or [RECORDED], ids=lambda path: path.stem)
def test_every_recorded_reply_is_read(soap: Soap, path: Path):
    text = path.read_text(encoding="utf-8")
    reply = parsed(soap, path.name)
    assert reply.OverallStatus in ("OK", "Error", "Has Errors")
    assert reply.RequestID in text
    if path.stem == "automation-perform":
        assert reply.Results.Result[0].StatusMessage == "Performed Activity"
    else:
        assert len(reply.Results) == text.count("<Results")


def test_what_stands_behind_an_unknown_element_is_not_lost(soap: Soap):
    reply = parsed(soap, "automation-perform.xml")
    assert reply.Results.Result[0].Object.CustomerKey == "testExisting_automation"


def test_recorded_data_extensions_and_fields_become_models(soap: Soap):
    one = parsed(soap, "dataextension-retrieve.xml").Results[0]
    fields = parsed(soap, "dataextensionfield-retrieve.xml").Results
    found = read_data_extension(one, fields)
    assert (found.customer_key, found.category_id, found.is_sendable) == ("testExisting_dataExtension", 2, True)
    assert (found.sendable_field, found.sendable_subscriber_field) == ("ContactKey", "Subscriber Key")
    assert len(found.fields) == len(fields)
    by_name = {field.name: field for field in found.fields}
    assert (by_name["ContactKey"].is_primary_key, by_name["ContactKey"].max_length) == (True, 50)
    assert by_name["ContactKey"].default is None
    assert all(field.type is not FieldType.Unknown for field in found.fields)
    assert all(field.max_length is None for field in found.fields if field.type in (FieldType.Date, FieldType.Boolean))


def test_recorded_folders_become_models(soap: Soap):
    folders = [read_folder(one) for one in parsed(soap, "datafolder-retrieve.xml").Results]
    assert len({folder.id for folder in folders}) == len(folders) > 0
    assert all(folder.name and folder.content_type and folder.id > 0 for folder in folders)
