from __future__ import annotations

from datetime import datetime
from typing import Any

import duckdb
import pytest

from et_platform.simulator import clock, values
from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.schema import Field


def judged(field: Field, raw: str, **options: Any) -> tuple[Any, str | None]:
    rule = values.rule(field, "raw", **options)
    with duckdb.connect() as connection:
        row = connection.execute(
            f"SELECT {rule.value}, {rule.problem} FROM (SELECT CAST(? AS VARCHAR) AS raw)",
            [raw],
        ).fetchone()
    assert row is not None
    return row


def field(kind: str, length: int | None = None, scale: int = 0) -> Field:
    return Field("", "f", kind, "f1", 0, max_length=length, scale=scale)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("2024-01-02", datetime(2024, 1, 2)),  # noqa: DTZ001 - server time is naive here
        ("2024-01-02 03:04:05.5", datetime(2024, 1, 2, 3, 4, 6)),  # noqa: DTZ001
        ("2024-01-02T03:04:05.499", datetime(2024, 1, 2, 3, 4, 5)),  # noqa: DTZ001
        ("2024-01-02T03:04:05Z", datetime(2024, 1, 1, 21, 4, 5)),  # noqa: DTZ001
        ("2024-07-02T03:04:05Z", datetime(2024, 7, 1, 21, 4, 5)),  # noqa: DTZ001 - no daylight saving
        ("2024-01-02T03:04:05+05:30", datetime(2024, 1, 1, 15, 34, 5)),  # noqa: DTZ001
        ("2024-01-02T03:04:05-03:30", datetime(2024, 1, 2, 0, 34, 5)),  # noqa: DTZ001
        ("2024-01-02T03:04-0600", datetime(2024, 1, 2, 3, 4)),  # noqa: DTZ001
        ("1/2/2024", datetime(2024, 1, 2)),  # noqa: DTZ001
        ("1/2/2024 3:04:05 pm", datetime(2024, 1, 2, 15, 4, 5)),  # noqa: DTZ001
        ("01/02/2024 15:04", datetime(2024, 1, 2, 15, 4)),  # noqa: DTZ001
        ("13/2/2024", None),
        ("2024-02-30", None),
        ("soon", None),
        ("epoch", None),
    ],
)
def test_dates(raw: str, expected: datetime | None) -> None:
    value, problem = judged(field("Date"), raw)
    assert value == expected
    assert (problem is None) == (expected is not None)


@pytest.mark.parametrize(
    ("order", "raw", "expected"),
    [
        ("dmy", "1/2/2024", datetime(2024, 2, 1)),  # noqa: DTZ001
        ("dmy", "1.2.2024 14:00", datetime(2024, 2, 1, 14)),  # noqa: DTZ001
        ("dmy", "13-2-2024", datetime(2024, 2, 13)),  # noqa: DTZ001
        ("dmy", "2024-02-13", datetime(2024, 2, 13)),  # noqa: DTZ001
        ("ymd", "2024/2/1 03:04:05", datetime(2024, 2, 1, 3, 4, 5)),  # noqa: DTZ001
        ("ymd", "24/2/1", datetime(2024, 2, 1)),  # noqa: DTZ001
        ("mdy", "1/2/24", datetime(2024, 1, 2)),  # noqa: DTZ001
        ("mdy", "1-2-29 3:04 PM", datetime(2029, 1, 2, 15, 4)),  # noqa: DTZ001
        ("mdy", "1/2/30", datetime(1930, 1, 2)),  # noqa: DTZ001
        ("dmy", "1.2.99", datetime(1999, 2, 1)),  # noqa: DTZ001
        ("mdy", "13/2/24", None),
        ("dmy", "2/13/2024", None),
    ],
)
def test_dates_of_other_locales(order: str, raw: str, expected: datetime | None) -> None:
    assert judged(field("Date"), raw, order=order)[0] == expected


def test_a_decimal_comma_counts_only_where_it_is_written_so() -> None:
    decimal = field("Decimal", 5, 2)
    assert judged(decimal, "1,5")[1]
    assert [str(judged(decimal, raw, decimal_comma=True)[0]) for raw in ("1,5", "1.5", "-2")] == [
        "1.50",
        "1.50",
        "-2.00",
    ]
    assert judged(decimal, "1.000,5", decimal_comma=True)[1]


@pytest.mark.parametrize(
    ("kind", "length", "scale", "raw", "good"),
    [
        ("Number", None, 0, "-12", True),
        ("Number", None, 0, " 7 ", True),
        ("Number", None, 0, "1.5", False),
        ("Number", None, 0, "1e3", False),
        ("Number", None, 0, "2147483647", True),
        ("Number", None, 0, "2147483648", False),
        ("Decimal", 6, 2, "1234.565", True),
        ("Decimal", 6, 2, "12345.6", False),
        ("Decimal", 29, 4, "1234567890123456789012345.1234", True),
        ("Decimal", 6, 2, "1,5", False),
        ("Decimal", 6, 2, ".5", True),
        ("Boolean", None, 0, "YES", True),
        ("Boolean", None, 0, "n", True),
        ("Boolean", None, 0, "maybe", False),
        ("Text", 3, 0, "日本語", True),
        ("Text", 3, 0, "日本語だ", False),
        ("Text", 3, 0, "😀😀", False),
        ("Text", 4, 0, "😀😀", True),
        ("Text", None, 0, "x" * 10_000, True),
        ("EmailAddress", 254, 0, "a@b.example", True),
        ("EmailAddress", 254, 0, "a b@c.example", False),
        ("EmailAddress", 254, 0, "nobody", False),
        ("EmailAddress", 254, 0, "a" * 250 + "@b.example", False),
        ("Locale", 5, 0, "en-US", True),
        ("Locale", 5, 0, "english", False),
    ],
)
def test_what_fields_accept(kind: str, length: int | None, scale: int, raw: str, good: bool) -> None:
    _, problem = judged(field(kind, length, scale), raw)
    assert (problem is None) == good


def test_an_email_address_may_be_unchecked() -> None:
    assert judged(field("EmailAddress", 254), "nobody", check_email=False) == ("nobody", None)


def test_server_time_is_six_hours_behind_utc_all_year() -> None:
    assert clock.SERVER_ZONE.utcoffset(None).total_seconds() == -6 * 3600
    assert clock.iso(datetime(2022, 4, 21, 6, 56, 27, 270_000)) == "2022-04-21T06:56:27.27"  # noqa: DTZ001
    assert clock.american(datetime(2024, 5, 9)) == "5/9/2024 12:00:00 AM"  # noqa: DTZ001
    assert clock.american(datetime(2024, 5, 9, 12, 1, 2)) == "5/9/2024 12:01:02 PM"  # noqa: DTZ001


def test_settings_are_read_from_texts() -> None:
    behaviour = Behaviour.from_pairs(["token_seconds=5", "blank_means_null=false", "duplicates=reject"])
    assert (behaviour.token_seconds, behaviour.blank_means_null, behaviour.duplicates) == (5, False, "reject")


@pytest.mark.parametrize(
    ("pair", "message"),
    [("nonsense", "name=value"), ("colour=red", "no such setting: colour"), ("duplicates=all", "duplicates='all'")],
)
def test_wrong_settings_are_named(pair: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Behaviour.from_pairs([pair])
