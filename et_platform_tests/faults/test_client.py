"""The real client meets each fault of SOAP: a typed error, a repeat only where it is safe, and no page ever lost."""

import contextlib
import csv

import pytest

from et_platform.exacttarget import errors
from et_platform.exacttarget.models import DataExtension, Field, FieldType, ImportDefinition, SystemStatus

FIELDS = (
    Field(name="Id", type=FieldType.Text, max_length=20, is_primary_key=True, is_required=True),
    Field(name="Name", type=FieldType.Text, max_length=200),
)
PEOPLE = [f"p{n:02d}" for n in range(25)]


@pytest.fixture
def rows(exacttarget, key):
    """Twenty-five rows: three pages of ten."""
    exacttarget.data_extensions.create(data_extension=DataExtension(customer_key=key, name=key, fields=FIELDS))
    exacttarget.rows.upsert(customer_key=key, rows=[{"Id": one, "Name": "n"} for one in PEOPLE])
    return key


def read(exacttarget, key, into=None):
    found = [] if into is None else into
    for batch in exacttarget.rows.read(customer_key=key, fields=["Id"]):
        found += [row["Id"] for row in batch.to_pylist()]
    return found


PASSING = [
    ({"effect": "status", "code": 500}, errors.ServiceUnavailable),
    ({"effect": "status", "code": 503}, errors.ServiceUnavailable),
    ({"effect": "status", "code": 429}, errors.Throttled),
    ({"effect": "throttle"}, errors.Throttled),
    ({"effect": "soap_fault"}, errors.ServiceUnavailable),
    ({"effect": "outage"}, errors.ServiceUnavailable),
    ({"effect": "cut", "when": "before"}, errors.Unreachable),
    ({"effect": "cut", "when": "during"}, errors.Unreachable),
    ({"effect": "cut", "when": "after"}, errors.Unreachable),
    ({"effect": "stall", "when": "before"}, errors.Unreachable),
    ({"effect": "stall", "when": "after"}, errors.Unreachable),
]


def named(value):
    return "-".join(str(one) for one in value.values()) if isinstance(value, dict) else getattr(value, "__name__", None)


@pytest.mark.parametrize(("fault", "error"), PASSING, ids=named)
def test_a_read_is_repeated_after_a_passing_failure_of_its_first_page(faults, exacttarget, rows, fault, error):
    with faults.striking(key=rows, operation="Retrieve", continued=False, strikes=1, **fault):
        assert sorted(read(exacttarget, rows)) == PEOPLE
    if fault["effect"] == "stall":
        return  # three times two seconds would show no more
    with (
        faults.striking(key=rows, operation="Retrieve", continued=False, times="always", strikes=3, **fault),
        pytest.raises(error),
    ):
        read(exacttarget, rows)


@pytest.mark.parametrize(("fault", "error"), PASSING, ids=named)
def test_a_later_page_that_is_lost_ends_the_read_with_an_error_and_never_with_less(
    faults, exacttarget, rows, fault, error
):
    found: list[str] = []
    with (
        faults.striking(key=rows, operation="Retrieve", continued=True, strikes=1, **fault),
        pytest.raises(errors.ReadInterrupted, match="Start the read again") as raised,
    ):
        read(exacttarget, rows, into=found)
    assert isinstance(raised.value.__cause__, error)
    assert found == PEOPLE[:10]
    assert read(exacttarget, rows) == PEOPLE


@pytest.mark.parametrize("continued", [False, True])
def test_a_failing_status_with_http_200_ends_the_read_with_an_error(faults, exacttarget, rows, continued):
    with (
        faults.striking("retrieve_error", key=rows, continued=continued, strikes=1),
        pytest.raises(errors.ServiceUnavailable, match="The operation timed out"),
    ):
        read(exacttarget, rows)


def test_a_token_that_expires_between_pages_is_renewed_and_every_row_comes_once(faults, exacttarget, rows):
    with faults.striking("token_expired", key=rows, continued=True, skip=1):
        assert read(exacttarget, rows) == PEOPLE
    with faults.striking("token_expired", times=2, strikes=2), pytest.raises(errors.AuthenticationFailed):
        read(exacttarget, rows)
    assert read(exacttarget, rows) == PEOPLE


@pytest.mark.parametrize("status", ["Halted", ""])
def test_a_status_that_nobody_knows_is_no_success(faults, exacttarget, rows, status):
    with (
        faults.striking("alter", key=rows, operation="Retrieve", elements={"OverallStatus": status}),
        pytest.raises(errors.ExactTargetError, match=status or "no status"),
    ):
        read(exacttarget, rows)


def test_a_page_that_promises_more_and_tells_no_request_id_is_malformed(faults, exacttarget, rows):
    with (
        faults.striking("alter", key=rows, operation="Retrieve", elements={"RequestID": ""}),
        pytest.raises(errors.MalformedReply, match="promises more"),
    ):
        read(exacttarget, rows)


def test_promise_13_refused_credentials_are_sent_once(faults, simulator, exacttarget):
    with faults.striking("login_failed", path="/v2/token", times="always", strikes=1):
        for _ in range(3):
            with pytest.raises(errors.AuthenticationFailed):
                exacttarget.data_extensions.get(customer_key="x")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"effect": "throttle"}, errors.Throttled),
        ({"effect": "status"}, errors.ServiceUnavailable),
        ({"effect": "cut", "when": "during"}, errors.Unreachable),
        ({"effect": "stall"}, errors.Unreachable),
    ],
    ids=named,
)
def test_a_token_that_cannot_be_had_now_can_be_had_later(faults, exacttarget, fault, error):
    with faults.striking(at="rest", path="/v2/token", **fault):
        with pytest.raises(error):
            exacttarget.log_in()
        exacttarget.log_in()


def test_a_login_that_the_service_itself_refuses_is_fatal_and_asks_for_a_new_token_next(faults, exacttarget, rows):
    with faults.striking("login_failed", at="soap", strikes=1):
        with pytest.raises(errors.AuthenticationFailed):
            read(exacttarget, rows)
        assert read(exacttarget, rows) == PEOPLE


@pytest.mark.parametrize(
    ("effect", "error", "status"),
    [
        ("maintenance", errors.InMaintenance, SystemStatus.InMaintenance),
        ("outage", errors.ServiceUnavailable, SystemStatus.UnplannedOutage),
    ],
)
def test_maintenance_and_outage_are_told_by_error_and_by_status(faults, exacttarget, rows, effect, error, status):
    with faults.striking(effect, times="always"):
        with pytest.raises(error):
            read(exacttarget, rows)
        assert exacttarget.system_status() is status
    assert exacttarget.system_status() is SystemStatus.OK


@pytest.mark.parametrize(("fault", "error"), [one for one in PASSING if "stall" not in one[0].values()], ids=named)
def test_a_data_extension_is_created_once_although_the_answer_was_lost(faults, exacttarget, key, fault, error):
    with faults.striking(key=key, operation="Create", strikes=1, **fault):
        object_id = exacttarget.data_extensions.create(
            data_extension=DataExtension(customer_key=key, name=key, fields=FIELDS)
        )
    found = exacttarget.data_extensions.get(customer_key=key)
    assert found is not None
    assert found.object_id == object_id


@pytest.mark.parametrize("when", ["before", "during", "after"])
def test_rows_are_written_again_after_a_lost_answer_for_the_same_rows_change_nothing(faults, exacttarget, rows, when):
    with faults.striking("cut", when=when, key=rows, operation="Update", strikes=1):
        results = exacttarget.rows.upsert(customer_key=rows, rows=[{"Id": "p00", "Name": "new"}, {"Id": "q"}])
    assert [one.ok for one in results] == [True, True]
    assert read(exacttarget, rows) == [*PEOPLE, "q"]


def test_a_row_that_was_refused_by_a_deadlock_is_named_and_the_others_are_written(faults, exacttarget, rows):
    with faults.striking("reject_rows", key=rows):
        results = exacttarget.rows.upsert(customer_key=rows, rows=[{"Id": "q"}, {"Id": "r"}])
    assert [(one.ok, one.code) for one in results] == [(False, 2), (True, None)]
    assert "deadlock victim" in results[0].message
    assert read(exacttarget, rows) == [*PEOPLE, "r"]


@pytest.fixture
def definition(simulator, exacttarget, rows):
    """An import of two rows into that data extension, ready to start; its definition has the same key."""
    with (simulator.ftp_folder / "Import" / f"{rows}.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("Id", "Name"), ("q", "n"), ("r", "n")])
    exacttarget.imports.define(
        definition=ImportDefinition(customer_key=rows, name=rows, destination_key=rows, file_spec=f"{rows}.csv")
    )
    return rows


@pytest.mark.parametrize(
    ("fault", "error", "started"),
    [
        ({"effect": "status", "code": 500}, errors.StartInDoubt, 0),
        ({"effect": "status", "code": 503, "when": "after"}, errors.StartInDoubt, 1),
        ({"effect": "throttle"}, errors.StartInDoubt, 0),
        ({"effect": "soap_fault"}, errors.StartInDoubt, 0),
        ({"effect": "soap_fault", "when": "after"}, errors.StartInDoubt, 1),
        ({"effect": "outage"}, errors.StartInDoubt, 0),
        ({"effect": "cut", "when": "before"}, errors.StartInDoubt, 0),
        ({"effect": "cut", "when": "during"}, errors.StartInDoubt, 1),
        ({"effect": "cut", "when": "after"}, errors.StartInDoubt, 1),
        ({"effect": "stall", "when": "after"}, errors.StartInDoubt, 1),
        ({"effect": "alter", "elements": {"ID": "", "StatusMessage": "fine"}}, errors.StartInDoubt, 1),
        ({"effect": "maintenance"}, errors.InMaintenance, 0),
        ({"effect": "login_failed", "at": "soap"}, errors.AuthenticationFailed, 0),
        ({"effect": "token_expired"}, None, 1),
    ],
    ids=named,
)
def test_promise_4_an_import_is_started_once_at_most_and_a_doubt_is_called_a_doubt(
    faults, exacttarget, definition, fault, error, started
):
    # The fault strikes once, so a second start would have gone through and be found.
    with (
        faults.striking(key=definition, operation="Perform", strikes=1, **fault),
        pytest.raises(error) if error else contextlib.nullcontext(),
    ):
        exacttarget.imports.start(customer_key=definition)
    assert len(exacttarget.imports.results_of(definition_key=definition)) == started


def test_a_late_start_is_seen_by_who_looks_again(faults, exacttarget, definition):
    with faults.striking("stall", when="before", operation="Perform", key=definition) as name:
        with pytest.raises(errors.StartInDoubt):
            exacttarget.imports.start(customer_key=definition)
        assert exacttarget.imports.results_of(definition_key=definition) == []
        faults.release(name)
        while not exacttarget.imports.results_of(definition_key=definition):
            pass
