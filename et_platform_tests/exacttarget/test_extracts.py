"""Asking for an extract: what travels, and what each answer means."""

from datetime import UTC, datetime, timedelta

import pytest

from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.errors import InDoubt, InvalidDefinition, ServiceUnavailable
from et_platform.exacttarget.extracts import TRACKING
from et_platform_tests.exacttarget.scripted import (
    API,
    AT_ONCE,
    EXPIRED,
    HANG_UP,
    QUICK,
    SILENCE,
    fault,
    message,
    scripted_service,
)

START = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def answered(status: str, results: str = "<Results/>"):
    head = f"<OverallStatus>{status}</OverallStatus>" if status else ""
    return message("ExtractResponseMsg", f"{head}<RequestID>r9</RequestID>{results}")


def ask(service, **changes):
    given = {"output_name": "t.zip", "start": START, "end": START + DAY, "types": ["open", "unsubscribe"], **changes}
    with ExactTarget(service.connection(), timeouts=QUICK, retries=AT_ONCE) as exacttarget:
        return exacttarget.extracts.request_tracking(**given)


def test_the_request_speaks_server_time_and_the_documented_spelling():
    with scripted_service(answered("OK")) as service:
        assert ask(service) == "r9"
        sent = service.sent(0)
    assert service.actions == ["Extract"]
    assert sent.findtext(f".//{{{API}}}ID") == TRACKING
    parameters = {
        one.findtext(f"{{{API}}}Name"): one.findtext(f"{{{API}}}Value") or ""
        for one in sent.iter(f"{{{API}}}Parameter")
    }
    assert parameters["StartDate"] == "10/31/2026 6:00:00 PM"
    assert parameters["EndDate"] == "11/1/2026 6:00:00 PM"
    assert parameters["OutputFileName"] == "t.zip"
    assert [parameters[name] for name in ("ExtractOpens", "ExtractUnsubs", "ExtractSent")] == ["True", "True", "False"]


def test_midnight_and_noon_are_twelve():
    start = datetime(2026, 7, 4, 6, 0, 5, tzinfo=UTC)
    with scripted_service(answered("OK")) as service:
        ask(service, start=start, end=start + DAY / 2)
        values = [one.text for one in service.sent(0).iter(f"{{{API}}}Value")][:2]
    assert values == ["7/4/2026 12:00:05 AM", "7/4/2026 12:00:05 PM"]


@pytest.mark.parametrize("answer", [HANG_UP, SILENCE, (200, b"<torn"), (500, b""), answered(""), fault("x", code=2)])
def test_a_lost_answer_is_in_doubt_and_not_repeated(answer):
    with scripted_service(answer, answered("OK")) as service:
        with pytest.raises(InDoubt, match="ask again under the same name"):
            ask(service)
        assert service.actions == ["Extract"]


def test_an_expired_token_is_renewed_and_the_request_made_again():
    with scripted_service(EXPIRED, answered("OK")) as service:
        assert ask(service) == "r9"
        assert service.tokens == 2


def test_a_refusal_is_one():
    result = (
        "<Results><StatusCode>Error</StatusCode><StatusMessage>bad</StatusMessage><ErrorCode>7</ErrorCode></Results>"
    )
    with (
        scripted_service(answered("Error", result)) as service,
        pytest.raises(InvalidDefinition, match="bad") as caught,
    ):
        ask(service)
    assert caught.value.code == 7
    with (
        scripted_service(answered("Error", result.replace(">7<", ">2<"))) as service,
        pytest.raises(ServiceUnavailable),
    ):
        ask(service)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"output_name": "t.csv"}, "end in .zip"),
        ({"start": START.replace(tzinfo=None)}, "time zone"),
        ({"end": START}, "before end"),
        ({"end": START + 31 * DAY}, "30 days"),
        ({"types": []}, "the types must be"),
        ({"types": ["conversion"]}, "the types must be"),
    ],
)
def test_what_the_service_would_refuse_is_not_sent(changes, words):
    with scripted_service() as service:
        with pytest.raises(InvalidDefinition, match=words):
            ask(service, **changes)
        assert service.actions == []
