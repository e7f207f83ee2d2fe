import lxml.etree as etree
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from et_platform.exacttarget import errors
from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.faults import read_message
from et_platform.exacttarget.row_pages import read_rows
from et_platform_tests.exacttarget.scripted import (
    API,
    AT_ONCE,
    HANG_UP,
    QUICK,
    envelope,
    message,
    page,
    scripted_service,
)


def client(service) -> ExactTarget:
    return ExactTarget(service.connection(), timeouts=QUICK, retries=AT_ONCE)


def rows_of(*results: str, fields: list[str]) -> list[dict]:
    content = "".join(f"<Results><Type>DataExtensionObject</Type>{result}</Results>" for result in results)
    reply = envelope(
        f'<RetrieveResponseMsg xmlns="{API}"><OverallStatus>OK</OverallStatus>{content}</RetrieveResponseMsg>'
    )
    return read_rows(read_message(reply), fields).to_pylist()


def properties(*content: str) -> str:
    return "<Properties>" + "".join(f"<Property>{one}</Property>" for one in content) + "</Properties>"


def test_null_empty_absent_and_case():
    assert rows_of(
        properties('<Name>ID</Name><Value xsi:nil="true"/>', "<Name>b</Name><Value/>"),
        properties("<Name>Id</Name><Value>1</Value>", "<Name>b</Name><Value> x </Value>"),
        properties('<Name>Id</Name><Value xsi:nil="odd"/>', '<Name>b</Name><Value xsi:nil="1"/>'),
        fields=["Id", "B", "C"],
    ) == [{"Id": None, "B": "", "C": None}, {"Id": "1", "B": " x ", "C": None}, {"Id": "", "B": None, "C": None}]


def test_rows_may_differ_in_order_and_number_of_properties():
    assert rows_of(
        properties("<Name>a</Name><Value>1</Value>", "<Name>b</Name><Value>2</Value>"),
        properties("<Name>b</Name><Value>4</Value>", "<Value>3</Value><Name>a</Name>"),
        properties("<Name>b</Name>", "<Name>zzz</Name><Value>5</Value>"),
        "",
        properties("<Name>a</Name><Value>6</Value>") + "<Name>stray</Name><Keys><Key><Name>b</Name><Value>7</Value></Key></Keys>",
        fields=["a", "b"],
    ) == [
        {"a": "1", "b": "2"},
        {"a": "3", "b": "4"},
        {"a": None, "b": None},
        {"a": None, "b": None},
        {"a": "6", "b": None},
    ]  # fmt: skip


TEXTS = st.none() | st.sampled_from(["", " ", "x", "名前😀", "<&>]]>", "two\nlines\t"])


@settings(database=None)
@given(st.lists(st.dictionaries(st.sampled_from("abcd"), TEXTS, min_size=1), max_size=6), st.booleans())
def test_both_ways_of_reading_agree_with_the_rows_that_were_written(rows, is_uniform):
    fields = list("abcd")
    if is_uniform:
        rows = [{name: row.get(name) for name in fields} for row in rows]
    root = etree.Element(f"{{{API}}}RetrieveResponseMsg")
    for row in rows:
        result = etree.SubElement(root, f"{{{API}}}Results")
        holder = etree.SubElement(result, f"{{{API}}}Properties")
        for name, value in row.items():
            one = etree.SubElement(holder, f"{{{API}}}Property")
            etree.SubElement(one, f"{{{API}}}Name").text = name
            cell = etree.SubElement(one, f"{{{API}}}Value")
            if value is None:
                cell.set("{http://www.w3.org/2001/XMLSchema-instance}nil", "true")
            else:
                cell.text = value
    expected = [{name: row.get(name) for name in fields} for row in rows]
    assert read_rows(root, fields).to_pylist() == expected


def test_pages_are_followed_by_the_last_request_id_to_the_end():
    script = [
        page({"a": "1"}, status="MoreDataAvailable", request_id="first"),
        page({"a": "2"}, status="MoreDataAvailable", request_id="second"),
        page({"a": "3"}, request_id="third"),
    ]
    with scripted_service(*script) as service, client(service) as exacttarget:
        batches = list(exacttarget.rows.read(customer_key="k", fields=["a"], batch_size=1))
        asked = [service.sent(n).findtext(f".//{{{API}}}ContinueRequest") for n in range(3)]
        sizes = [service.sent(n).findtext(f".//{{{API}}}BatchSize") for n in range(3)]
    assert [batch.to_pylist() for batch in batches] == [[{"a": "1"}], [{"a": "2"}], [{"a": "3"}]]
    assert asked == [None, "first", "second"]
    assert sizes == ["1", "1", "1"]


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (page(status="Error: Timeout expired"), errors.ServiceUnavailable),
        (page(status="Error: the request id is unknown"), errors.InvalidDefinition),
        (HANG_UP, errors.ReadInterrupted),
        ((500, b""), errors.ReadInterrupted),
        ((200, b"<cut"), errors.ReadInterrupted),
        (page(status="MoreDataAvailable"), errors.MalformedReply),
    ],
)
def test_trouble_in_the_middle_raises_and_no_page_is_skipped_or_asked_twice(trouble, expected):
    script = [page({"a": "1"}, status="MoreDataAvailable"), trouble, page({"a": "3"})]
    with scripted_service(*script) as service, client(service) as exacttarget:
        batches = exacttarget.rows.read(customer_key="k", fields=["a"])
        assert next(batches).to_pylist() == [{"a": "1"}]
        with pytest.raises(expected):
            next(batches)
        assert len(service.calls) == 2


BREAKS = [page(status="Error: Timeout expired"), HANG_UP, (500, b""), (200, b"<cut"), page(status="MoreDataAvailable")]


@pytest.mark.parametrize("trouble", BREAKS)
def test_a_read_that_begins_anew_gives_each_page_once(trouble):
    first, second = page({"a": "1"}, status="MoreDataAvailable"), page({"a": "2"}, status="MoreDataAvailable")
    script = [first, second, trouble, first, trouble, first, second, page({"a": "3"})]
    with scripted_service(*script) as service, client(service) as exacttarget:
        batches = exacttarget.rows.read(customer_key="k", fields=["a"], rereads=2)
        assert [batch.to_pylist() for batch in batches] == [[{"a": "1"}], [{"a": "2"}], [{"a": "3"}]]
        assert len(service.calls) == len(script)


@pytest.mark.parametrize("trouble", BREAKS)
def test_a_read_begins_anew_so_often_and_no_more(trouble):
    script = [page({"a": "1"}, status="MoreDataAvailable"), trouble] * 3
    with scripted_service(*script) as service, client(service) as exacttarget:
        batches = exacttarget.rows.read(customer_key="k", fields=["a"], rereads=2)
        assert next(batches).to_pylist() == [{"a": "1"}]
        with pytest.raises(errors.Retriable):
            next(batches)
        assert len(service.calls) == len(script)


@pytest.mark.parametrize(
    "anew", [page({"a": "x"}, status="MoreDataAvailable"), page({"a": "x"}), page(), page({"a": "1"})]
)
def test_a_read_that_finds_other_pages_when_it_begins_anew_says_so(anew):
    seen = [page({"a": "1"}, status="MoreDataAvailable"), page({"a": "2"}, status="MoreDataAvailable")]
    with scripted_service(*seen, HANG_UP, anew, page({"a": "3"})) as service, client(service) as exacttarget:
        batches = exacttarget.rows.read(customer_key="k", fields=["a"], rereads=5)
        assert [next(batches).to_pylist(), next(batches).to_pylist()] == [[{"a": "1"}], [{"a": "2"}]]
        with pytest.raises(errors.ReadInterrupted, match="is another one now"):
            next(batches)
        assert len(service.calls) == 4


def test_keys_are_asked_for_in_parts_each_once():
    with scripted_service(page({"a": "k0"}), page(), page({"a": "x"})) as service, client(service) as exacttarget:
        keys = [f"k{n}" for n in range(2001)] + ["K5"]
        batches = list(exacttarget.rows.read(customer_key="k", fields=["a"], keys=("a", keys)))
        filters = [service.sent(n).find(f".//{{{API}}}Filter") for n in range(3)]
        assert [len(one.findall(f"{{{API}}}Value")) for one in filters if one is not None] == [1000, 1000, 1]
        assert [one.findtext(f"{{{API}}}SimpleOperator") for one in filters if one is not None] == [
            "IN",
            "IN",
            "equals",
        ]
        assert len(batches) == 2
        assert list(exacttarget.rows.read(customer_key="k", fields=["a"], keys=("a", []))) == []
        assert len(service.calls) == 3


def test_an_error_never_quotes_a_value():
    status = "Error: Conversion failed when converting the nvarchar value 'jane@example.org' to int."
    with scripted_service(page(status=status)) as service, client(service) as exacttarget:
        with pytest.raises(errors.Rejected, match="Conversion failed") as caught:
            list(exacttarget.rows.read(customer_key="k", fields=["a"], keys=("a", ["jane@example.org"])))
        assert b"jane@example.org" in service.calls[0][1]
    assert "jane" not in str(caught.value)


def result(ordinal: int, content: str = "<StatusCode>OK</StatusCode><StatusMessage>x</StatusMessage>") -> str:
    return f'<Results xsi:type="DataExtensionUpdateResult">{content.replace("</StatusMessage>", f"</StatusMessage><OrdinalID>{ordinal}</OrdinalID>")}</Results>'


def test_writes_go_in_fifties_and_every_row_has_its_result():
    bad = (
        "<StatusCode>Error</StatusCode><StatusMessage>no</StatusMessage><ErrorCode>310006</ErrorCode>"
        "<ErrorMessage>all of it</ErrorMessage><KeyErrors/><ValueErrors><ValueError><Name>b</Name><ErrorCode>7</ErrorCode>"
        "<ErrorMessage>jane is no number</ErrorMessage></ValueError></ValueErrors>"
    )
    first = message(
        "UpdateResponse", "".join(result(n) for n in reversed(range(50))) + "<OverallStatus>OK</OverallStatus>"
    )
    second = message("UpdateResponse", result(0, bad) + "<OverallStatus>Error</OverallStatus>")
    rows: list[dict[str, str | None]] = [{"a": str(n), "b": None} for n in range(52)]
    rows[3]["b"] = "\x01"
    with scripted_service(first, second) as service, client(service) as exacttarget:
        results = exacttarget.rows.upsert(customer_key="k", rows=rows, key_fields=["a"])
        assert [len(service.sent(n).findall(f".//{{{API}}}Objects")) for n in range(2)] == [50, 1]
        nulls = service.sent(0).findall(f".//{{{API}}}Property")
        assert {one.get("{http://www.w3.org/2001/XMLSchema-instance}type", "").rpartition(":")[2] for one in nulls} == {"NullAPIProperty"}  # fmt: skip
        assert service.sent(0).find(f".//{{{API}}}Property/{{{API}}}Value") is None
    assert [one.row for one in results] == list(range(52))
    assert [one.row for one in results if not one.ok] == [3, 51]
    assert "'b'" in results[3].message
    assert (results[51].code, results[51].field_errors[0].name, results[51].field_errors[0].code) == (310006, "b", 7)
    assert "jane" not in repr(results)


def test_results_that_do_not_match_the_rows_are_an_error():
    reply = message("UpdateResponse", result(0) + "<OverallStatus>OK</OverallStatus>")
    with scripted_service(reply) as service, client(service) as exacttarget:
        with pytest.raises(errors.MalformedReply, match="2 objects were sent and 1 results"):
            exacttarget.rows.upsert(customer_key="k", rows=[{"a": "1"}, {"a": "2"}])
        assert service.actions == ["Update"]


@pytest.mark.parametrize("wrong", [{"fields": []}, {"fields": ["a"], "batch_size": 0}])
def test_a_read_that_makes_no_sense_is_refused(wrong):
    with (
        scripted_service() as service,
        client(service) as exacttarget,
        pytest.raises(ValueError, match=r"fields|batch_size"),
    ):
        list(exacttarget.rows.read(customer_key="k", **wrong))
