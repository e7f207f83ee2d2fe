"""Whatever a stranger sends is answered by a fault or a status: no traceback, no hang, and the server goes on.

Mutations of good messages reach deeper than noise, so most examples are those. The examples are the same in each run.
"""

from __future__ import annotations

import json
from typing import Any

import lxml.etree as etree
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from et_platform.simulator import dispatch
from et_platform.simulator.objects.handlers import HANDLERS
from et_platform_tests.simulated import Simulator
from et_platform_tests.simulator.extracting import tracking
from et_platform_tests.simulator.soap import (
    API,
    ENVELOPE,
    PERSON,
    UPSERT,
    Soap,
    data_extension,
    import_definition,
    named,
    row,
    simple,
)

KEY = "fuzz"
SECONDS = 20
"""A reply that takes longer counts as a hang."""
SOAP_ENVELOPE = "{http://schemas.xmlsoap.org/soap/envelope/}"
fuzz = settings(
    derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow], max_examples=400
)

NASTY = (
    *(
        "",
        " ",
        "0",
        "-1",
        "1.5",
        "99999999999999999999999",
        "1e400",
        "NaN",
        "true",
        "2026-13-45",
        "9999-12-31T23:59:59Z",
    ),
    *("0001-01-01", "' OR 1=1 --", '"', "%%Year%%", "%", "{}", "[", "]", "a" * 5000, "😀", "ß", "İ"),
    *("DataExtensionObject[", "DataExtensionObject[]", f"DataExtensionObject[{KEY}]", KEY, "../../etc", "\t\n"),
    *("between", "IN", "like", "isAnniversary", "equals", "AND", "Asynchronous", "Synchronous", "Start", "UpdateAdd"),
)
TYPES = (*HANDLERS, "SimpleFilterPart", "ComplexFilterPart", "NullAPIProperty", "Nothing", "", "x:y:z")


def bodies() -> list[str]:
    """Good messages of every operation."""
    kinds = [
        f"<RetrieveRequestMsg><RetrieveRequest><ObjectType>{kind}</ObjectType><Properties>{name}</Properties>"
        f"{simple(name, 'notEquals', '1')}</RetrieveRequest></RetrieveRequestMsg>"
        for kind, module in HANDLERS.items()
        if kind != "DataExtensionObject"
        for name in list(module.SHAPE.retrievable)[-1:]
    ]
    both = (
        '<Filter xsi:type="ComplexFilterPart">'
        f"{simple('Key', 'IN', 'a', 'b', tag='LeftOperand')}<LogicalOperator>OR</LogicalOperator>"
        f"{simple('Age', 'between', '1', '2', tag='RightOperand')}</Filter>"
    )
    rows = (
        f"<RetrieveRequestMsg><RetrieveRequest><Options><BatchSize>2</BatchSize></Options>"
        f"<ObjectType>DataExtensionObject[{KEY}]</ObjectType><Properties>Key</Properties>"
        f"{both}</RetrieveRequest></RetrieveRequestMsg>"
    )
    writes = [
        ("Create", "<Options/>", data_extension(f"{KEY}-new", *PERSON)),
        ("Create", "<Options/>", row(KEY, {"Key": "a", "Age": "1"})),
        ("Create", "<Options/>", import_definition(f"{KEY}-new", KEY, "a.csv")),
        ("Create", "<Options/>", '<Objects xsi:type="DataFolder"><Name>n</Name><ContentType>x</ContentType></Objects>'),
        ("Create", "<Options/>", '<Objects xsi:type="Subscriber"><EmailAddress>a@b.example</EmailAddress></Objects>'),
        ("Update", UPSERT, row(KEY, {"Key": "b", "Age": None}, {"Key": "b"})),
        ("Update", "<Options/>", data_extension(KEY, *PERSON)),
        ("Delete", "<Options/>", named("DataExtension", f"{KEY}-new")),
        ("Delete", "<Options/>", row(KEY, {}, {"Key": "a"})),
    ]
    performed = f'<Definition xsi:type="ImportDefinition"><CustomerKey>{KEY}</CustomerKey></Definition>'
    return [
        *kinds,
        rows,
        *(f"<{verb}Request>{options}{one}</{verb}Request>" for verb, options, one in writes),
        f"<PerformRequestMsg><Action>Start</Action><Definitions>{performed}</Definitions></PerformRequestMsg>",
        f"<ExtractRequestMsg>{tracking('fuzz.zip', 'ExtractOpens')}</ExtractRequestMsg>",
        "<ExecuteRequestMsg><Requests><Name>LogUnsubEvent</Name><Parameters><Name>SubscriberKey</Name><Value>a</Value>"
        "</Parameters></Requests></ExecuteRequestMsg>",
        "<DefinitionRequestMsg><DescribeRequests><ObjectDefinitionRequest><ObjectType>List</ObjectType>"
        "</ObjectDefinitionRequest></DescribeRequests></DefinitionRequestMsg>",
        "<VersionInfoRequestMsg><IncludeVersionHistory>true</IncludeVersionHistory></VersionInfoRequestMsg>",
        "<SystemStatusRequestMsg><Options/></SystemStatusRequestMsg>",
        f"<ScheduleRequestMsg><Action>Start</Action><Interactions>{performed.replace('Definition', 'Interaction')}"
        "</Interactions></ScheduleRequestMsg>",
    ]


BODIES = bodies()
ACTIONS = {message: action for action, message in dispatch.MESSAGES.items()}


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str | None, bytes]:
    """An action and an envelope (its token still to be set as `TOKEN`) that was good, and is changed here and there."""
    body = draw(st.sampled_from(BODIES))
    action = ACTIONS[body[1:].partition(">")[0]]
    root = etree.fromstring(ENVELOPE.format(api=API, token="TOKEN", body=body).encode())
    for _ in range(draw(st.integers(1, 4))):
        elements = [one for one in root.iter() if one.getparent() is not None and local(one) != "fueloauth"]
        one = draw(st.sampled_from(elements)) if elements else root
        _change(draw, one)
    content = etree.tostring(root, encoding="utf-8")
    if draw(st.integers(0, 5)) == 0:
        start = draw(st.integers(0, len(content)))
        end = draw(st.integers(start, min(len(content), start + 40)))
        content = content[:start] + draw(st.binary(max_size=12)) + content[end:]
    if draw(st.integers(0, 9)) == 0:
        return draw(st.sampled_from([None, "", '"', "Query", "x/y", *dispatch.MESSAGES])), content
    return action, content


def local(element: Any) -> str:
    return etree.QName(element).localname


def _change(draw: st.DrawFn, one: Any) -> None:
    parent = one.getparent()
    match draw(
        st.sampled_from(["text", "text", "text", "drop", "twice", "name", "type", "inside", "namespace", "deep"])
    ):
        case "text":
            one.text = draw(st.sampled_from(NASTY))
        case "drop" if parent is not None:
            parent.remove(one)
        case "twice" if parent is not None:
            parent.append(etree.fromstring(etree.tostring(one)))
        case "name":
            name = draw(st.sampled_from(["Nothing", "Value", "Objects", "Property", "CustomerKey", "Name", "ID"]))
            one.tag = f"{{{API}}}{name}"
        case "type":
            one.set("{http://www.w3.org/2001/XMLSchema-instance}type", draw(st.sampled_from(TYPES)))
        case "inside":
            etree.SubElement(one, one.tag).text = draw(st.sampled_from(NASTY))
        case "namespace":
            one.tag = local(one)
        case "deep":
            for _ in range(draw(st.integers(1, 200))):
                one = etree.SubElement(one, one.tag)


def check_soap(reply: requests.Response) -> None:
    assert reply.status_code in (200, 500), reply.status_code
    message = etree.fromstring(reply.content).find(f"{SOAP_ENVELOPE}Body")[0]
    assert (message.tag == f"{SOAP_ENVELOPE}Fault") == (reply.status_code == 500)
    # The simulator's own failure, which its log explains: a defect.
    assert message.findtext("faultstring") != "System exception", reply.text


@pytest.fixture(scope="module")
def caller(soap: Soap) -> Soap:
    soap.good("Create", data_extension(KEY, *PERSON))
    soap.good("Create", import_definition(KEY, KEY, "nowhere.csv"))
    soap.good("Update", *(row(KEY, {"Key": str(n)}) for n in range(5)), options=UPSERT)
    return soap


@pytest.fixture(autouse=True)
def goes_on(caller: Soap, simulator: Simulator):
    """After every test the server answers, rows are there, and its log has no traceback."""
    yield
    assert caller.call("GetSystemStatus", "<SystemStatusRequestMsg/>").text("Results/Result/SystemStatus") == "OK"
    assert caller.call("VersionInfo", "<VersionInfoRequestMsg/>").status == 200
    assert simulator.process is not None
    assert simulator.process.poll() is None
    assert "Traceback" not in simulator.log


@fuzz
@given(mutated())
def test_a_message_that_is_not_quite_right(caller: Soap, case: tuple[str | None, bytes]) -> None:
    action, content = case
    headers = {"Content-Type": "text/xml"} | ({"SOAPAction": action} if action is not None else {})
    url = caller.simulator.info["soap_url"] + "Service.asmx"
    content = content.replace(b"TOKEN", caller.token.encode())
    check_soap(caller.session.post(url, data=content, headers=headers, timeout=SECONDS))


@settings(fuzz, max_examples=100)
@given(
    st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: f"<a>{text}</a>".encode())),
    st.dictionaries(
        st.sampled_from(["Content-Type", "SOAPAction", "Accept", "X-Else"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40).map(str.strip),
    ),
)
def test_noise(caller: Soap, content: bytes, headers: dict[str, str]) -> None:
    url = caller.simulator.info["soap_url"] + "service.asmx"
    check_soap(caller.session.post(url, data=content, headers=headers, timeout=SECONDS))


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(NASTY)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["keys", "values", "items", "Key", "Age", "client_id", "grant_type", "account_id", "x"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=8,
)
PATHS = (
    *("v2/token", "v1/requestToken", "platform/v1/endpoints", "platform/v1/tokenContext"),
    *(
        f"hub/v1/dataevents/key:{KEY}/rowset",
        f"hub/v1/dataevents/key:{KEY}/rows/Key:a",
        "hub/v1/dataevents/key:/rowset",
    ),
    *(f"data/v1/async/dataextensions/key:{KEY}/rows", "data/v1/async/x/status", f"data/v1/customobjectdata/key/{KEY}"),
    *(f"data/v1/customobjectdata/key/{KEY}/rowset", "data/v1/customobjectdata/token/x/rowset", "data/v1/%00/%ff"),
)
QUERIES = st.dictionaries(st.sampled_from(["$page", "$pageSize", "$filter", "$orderBy"]), st.sampled_from(NASTY))


@settings(fuzz, max_examples=300)
@given(
    st.sampled_from(PATHS),
    st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]),
    st.one_of(JSON.map(json.dumps).map(str.encode), st.binary(max_size=60)),
    QUERIES,
    st.booleans(),
)
def test_rest(caller: Soap, path: str, method: str, content: bytes, query: dict[str, str], is_known: bool) -> None:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {caller.token if is_known else 'x'}"}
    url = caller.simulator.info["rest_url"] + path
    reply = caller.session.request(method, url, data=content, params=query, headers=headers, timeout=SECONDS)
    assert reply.status_code < 500, (reply.status_code, reply.text)
    if reply.content and reply.status_code != 405:
        reply.json()
