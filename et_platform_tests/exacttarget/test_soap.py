import time

import pytest

from et_platform.exacttarget import errors
from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.models import DataExtension, Field, FieldType, ImportDefinition, SystemStatus
from et_platform_tests.exacttarget.scripted import (
    API,
    AT_ONCE,
    EXPIRED,
    HANG_UP,
    QUICK,
    SILENCE,
    STATUS_OK,
    closed_port,
    envelope,
    fault,
    message,
    page,
    performed,
    scripted_service,
)

THROTTLED = (500, b"<html>Server busy</html>")
BOMB = (
    b'<?xml version="1.0"?><!-- x --><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]><b>&j;</b>"
)


def client(service) -> ExactTarget:
    return ExactTarget(service.connection(), timeouts=QUICK, retries=AT_ONCE)


def test_nothing_is_opened_before_the_first_use():
    with scripted_service() as service:
        with client(service):
            pass
        assert (service.tokens, service.calls) == (0, [])


@pytest.mark.parametrize("trouble", [HANG_UP, THROTTLED, (503, b""), fault("Unplanned Outage"), (200, b"<html>")])
def test_a_read_is_repeated_after_passing_trouble(trouble):
    with scripted_service(trouble, trouble, page()) as service, client(service) as exacttarget:
        assert list(exacttarget.rows.read(customer_key="k", fields=["a"])) == []
        assert service.actions == ["Retrieve"] * 3


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (HANG_UP, errors.Unreachable),
        (SILENCE, errors.Unreachable),
        (THROTTLED, errors.ServiceUnavailable),
        (fault("Too many requests"), errors.Throttled),
        ((429, b""), errors.Throttled),
        ((200, b"<soap"), errors.MalformedReply),
    ],
)
def test_passing_trouble_that_lasts_ends_after_three_tries(trouble, expected):
    with scripted_service(*[trouble] * 9) as service:
        with (
            ExactTarget(
                service.connection(), timeouts=QUICK.model_copy(update={"retrieve": 0.3}), retries=AT_ONCE
            ) as exacttarget,
            pytest.raises(expected, match=r"data extension k|reply"),
        ):
            list(exacttarget.rows.read(customer_key="k", fields=["a"]))
        assert len(service.calls) == 3


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (fault("Login failed", kind="q0:Security"), errors.AuthenticationFailed),
        (fault("AuthorizationFailure", kind="soap:Client", code=11), errors.PermissionDenied),
        (fault("Account is in maintenance", code=9), errors.InMaintenance),
        (fault("No action", kind="soap:Client"), errors.InvalidDefinition),
        ((403, b""), errors.PermissionDenied),
        ((404, b""), errors.Misconfigured),
        ((302, b""), errors.Misconfigured),
        ((200, BOMB), errors.UnsafeReply),
        (page(status="Error: API Permission Failed"), errors.PermissionDenied),
        (page(status="Error: Invalid column name 'x'."), errors.InvalidDefinition),
        (page(status="Has Errors"), errors.InvalidDefinition),
        (page(status=""), errors.InvalidDefinition),
    ],
)
def test_what_will_not_pass_is_not_repeated(answer, expected):
    with scripted_service(answer) as service, client(service) as exacttarget:
        with pytest.raises(expected):
            list(exacttarget.rows.read(customer_key="k", fields=["a"]))
        assert len(service.calls) == 1


def test_an_entity_bomb_is_refused_quickly_in_whatever_encoding_it_hides():
    utf_16 = BOMB.decode().replace("?>", ' encoding="utf-16"?>', 1).encode("utf-16")
    comments = b"<!---->" * 200_000 + b"<!-"
    began = time.monotonic()
    with scripted_service(*[(200, utf_16), (200, comments)] * 3) as service, client(service) as exacttarget:
        for _ in range(2):
            with pytest.raises((errors.UnsafeReply, errors.MalformedReply)):
                exacttarget.system_status()
    assert time.monotonic() - began < 5


def test_status_is_told_by_faults_too():
    answers = [STATUS_OK, fault("Account is in maintenance", code=9), *[fault("Unplanned Outage", code=2)] * 3]
    with scripted_service(*answers) as service, client(service) as exacttarget:
        told = [exacttarget.system_status() for _ in range(3)]
    assert told == [SystemStatus.OK, SystemStatus.InMaintenance, SystemStatus.UnplannedOutage]


@pytest.mark.parametrize(
    "lost",
    [
        HANG_UP,
        SILENCE,
        THROTTLED,
        (503, b""),
        (429, b""),
        (200, b"<soap"),
        (200, BOMB),
        fault("Unplanned Outage", code=2),
        performed("<StatusCode>OK</StatusCode><StatusMessage>fine</StatusMessage>"),
        performed(
            "<StatusCode>Error</StatusCode><StatusMessage>System exception</StatusMessage><ErrorCode>2</ErrorCode>"
        ),
        message("PerformResponseMsg", "<OverallStatus>Has Errors</OverallStatus>"),
    ],
)
def test_promise_4_a_start_whose_answer_is_lost_is_in_doubt_and_made_once(lost):
    with scripted_service(lost, performed("<StatusCode>OK</StatusCode>")) as service:
        with (
            ExactTarget(
                service.connection(), timeouts=QUICK.model_copy(update={"sync": 0.3}), retries=AT_ONCE
            ) as exacttarget,
            pytest.raises(errors.InDoubt, match="Starting import i1"),
        ):
            exacttarget.imports.start(customer_key="i1")
        assert service.actions == ["Perform"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (performed("<StatusCode>Error</StatusCode><StatusMessage>gone</StatusMessage><ErrorCode>43010</ErrorCode>", "Error"), errors.NotFound),
        (fault("Account is in maintenance", code=9), errors.InMaintenance),
        (fault("Login failed", kind="q0:Security"), errors.AuthenticationFailed),
        (fault("No action", kind="soap:Client"), errors.InvalidDefinition),
    ],
)  # fmt: skip
def test_a_start_that_was_refused_is_not_in_doubt(answer, expected):
    with scripted_service(answer) as service, client(service) as exacttarget:
        with pytest.raises(expected) as caught:
            exacttarget.imports.start(customer_key="i1")
        assert not isinstance(caught.value, errors.InDoubt)
        assert service.actions == ["Perform"]


def test_a_start_that_found_nobody_is_not_in_doubt():
    with scripted_service() as service:
        connection = service.connection(soap_url=f"http://127.0.0.1:{closed_port()}")
        with ExactTarget(connection, timeouts=QUICK, retries=AT_ONCE) as exacttarget:
            with pytest.raises(errors.Unreachable, match="was not sent"):
                exacttarget.imports.start(customer_key="i1")
            assert service.tokens == 1


def test_a_start_without_a_token_is_not_in_doubt():
    with scripted_service() as service, client(service) as exacttarget:
        service.token_script = [HANG_UP]
        with pytest.raises(errors.Unreachable):
            exacttarget.imports.start(customer_key="i1")
        assert service.calls == []


@pytest.mark.parametrize(
    "result",
    [
        "<StatusCode>OK</StatusCode><StatusMessage>ImportDefinition performed AsyncID:41</StatusMessage>",
        "<StatusCode>OK</StatusCode><StatusMessage/><Task><StatusCode>OK</StatusCode><ID>41</ID></Task>",
        '<New/><StatusCode>OK</StatusCode><StatusMessage/><Object xsi:type="Newer"/><Task><ID>41</ID></Task>',
    ],
)
def test_the_task_id_is_found_after_an_expired_token_and_in_any_reply(result: str):
    with scripted_service(EXPIRED, performed(result)) as service, client(service) as exacttarget:
        assert exacttarget.imports.start(customer_key="i1") == 41
        assert service.used_tokens() == ["bearer-1", "bearer-2"]
        definition = service.sent(1).find(f".//{{{API}}}Definition")
        assert definition is not None
        assert definition.get("{http://www.w3.org/2001/XMLSchema-instance}type", "").endswith("ImportDefinition")


DEFINED = message("CreateResponse", "<Results><StatusCode>OK</StatusCode></Results><OverallStatus>OK</OverallStatus>")


def refused(operation: str, code: int) -> tuple[int, bytes]:
    return message(
        f"{operation}Response",
        f"<Results><StatusCode>Error</StatusCode><StatusMessage>no</StatusMessage><ErrorCode>{code}</ErrorCode></Results>"
        "<RequestID>r9</RequestID><OverallStatus>Error</OverallStatus>",
    )


UPDATED = message("UpdateResponse", "<Results><StatusCode>OK</StatusCode></Results><OverallStatus>OK</OverallStatus>")
IMPORT = ImportDefinition(customer_key="i1", name="i1", destination_key="k", file_spec="x.csv")


def test_defining_again_updates():
    with scripted_service(HANG_UP, refused("Create", 43030), UPDATED) as service, client(service) as exacttarget:
        exacttarget.imports.define(definition=IMPORT)
        assert service.actions == ["Create", "Create", "Update"]


def test_a_definition_is_sent_as_the_wsdl_orders_it():
    with scripted_service(DEFINED) as service, client(service) as exacttarget:
        exacttarget.imports.define(definition=IMPORT)
        sent = service.sent(0).find(f".//{{{API}}}Objects")
        assert sent is not None
        values = {child.tag.rpartition("}")[2]: "".join(child.itertext()) for child in sent}
    assert values == {
        "CustomerKey": "i1",
        "Name": "i1",
        "Description": "",
        "AllowErrors": "true",
        "DestinationObject": "k",
        "FieldMappingType": "InferFromColumnHeadings",
        "FileSpec": "x.csv",
        "FileType": "CSV",
        "RetrieveFileTransferLocation": "ExactTarget Enhanced FTP",
        "UpdateType": "AddAndUpdate",
        "StandardQuotedStrings": "true",
        "EncodingCodePage": "65001",
    }
    assert list(values)[3:] == [name for name in values if name not in ("CustomerKey", "Name", "Description")]


@pytest.mark.parametrize(
    ("code", "expected"),
    [(43060, errors.InvalidDefinition), (1, errors.NameTaken), (11, errors.PermissionDenied), (2, errors.ServiceUnavailable)],
)  # fmt: skip
def test_a_refused_definition_names_code_and_request(code: int, expected: type[errors.ExactTargetError]):
    with scripted_service(refused("Create", code)) as service, client(service) as exacttarget:
        with pytest.raises(expected, match=rf"import i1 was refused \(code {code}\): no\. .*RequestID r9") as caught:
            exacttarget.imports.define(definition=IMPORT)
        assert (caught.value.code, caught.value.request_id) == (code, "r9")


def test_deleting_what_is_gone_is_fine():
    with (
        scripted_service(refused("Delete", 43010), refused("Delete", 310002)) as service,
        client(service) as exacttarget,
    ):
        assert exacttarget.imports.delete(customer_key="i1") is False
        assert exacttarget.data_extensions.delete(customer_key="k") is False


def test_a_create_whose_answer_is_lost_finds_what_it_created():
    found = message(
        "RetrieveResponseMsg",
        "<OverallStatus>OK</OverallStatus><RequestID>r</RequestID>"
        '<Results xsi:type="DataExtension"><ObjectID>o1</ObjectID><CustomerKey>k</CustomerKey><Name>n</Name></Results>',
    )
    script = [HANG_UP, refused("Create", 310003), found, page()]
    wanted = DataExtension(customer_key="k", name="n", fields=(Field(name="Id", type=FieldType.Text, max_length=5),))
    with scripted_service(*script) as service, client(service) as exacttarget:
        assert exacttarget.data_extensions.create(data_extension=wanted) == "o1"
        assert service.actions == ["Create", "Create", "Retrieve", "Retrieve"]


def test_an_older_service_that_does_not_know_restricted_rows_is_asked_without():
    unknown = page(status="Error: The Request Property(s) NumberRestricted do not match with the fields of X retrieve")
    summary = message(
        "RetrieveResponseMsg",
        "<OverallStatus>OK</OverallStatus><RequestID>r</RequestID>"
        '<Results xsi:type="ImportResultsSummary"><ImportDefinitionCustomerKey>i1</ImportDefinitionCustomerKey>'
        "<StartDate>11/23/2026 7:27:49 PM</StartDate><NumberSuccessful>3</NumberSuccessful>"
        "<ImportStatus>IOWork</ImportStatus><TaskResultID>9</TaskResultID></Results>",
    )
    with scripted_service(unknown, summary, summary) as service, client(service) as exacttarget:
        first = exacttarget.imports.result(task_id=9)
        assert exacttarget.imports.results_of(definition_key="i1") == [first]
        assert [b"NumberRestricted" in body for _, body in service.calls] == [True, False, False]
    assert first is not None
    assert (first.restricted, first.successful, first.is_terminal) == (None, 3, False)
    assert first.started is not None
    assert first.started.isoformat() == "2026-11-23T19:27:49-06:00"


def test_what_xml_cannot_carry_is_refused_before_anything_is_sent():
    with scripted_service() as service, client(service) as exacttarget:
        with pytest.raises(errors.InvalidDefinition, match="Nothing was sent") as caught:
            exacttarget.data_extensions.get(customer_key="a\x00secretvalue")
        assert service.calls == []
    assert "control characters" in str(caught.value)


def test_a_reply_that_is_no_envelope():
    with (
        scripted_service(*[(200, b"<a/>"), (200, envelope("")), (200, b"")]) as service,
        client(service) as exacttarget,
    ):
        with pytest.raises(errors.MalformedReply):
            exacttarget.system_status()
        assert len(service.calls) == 3
