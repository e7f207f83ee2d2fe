"""Raw SOAP for tests: envelopes as text, replies as elements. No client of the platform is involved."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

import lxml.etree as etree
import requests

from et_platform_tests.simulated import Simulator

API = "http://exacttarget.com/wsdl/partnerAPI"
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns="{api}"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><s:Header>'
    '<fueloauth xmlns="http://exacttarget.com">{token}</fueloauth></s:Header><s:Body>{body}</s:Body></s:Envelope>'
)
UPSERT = (
    "<Options><SaveOptions><SaveOption><PropertyName>*</PropertyName><SaveAction>UpdateAdd</SaveAction>"
    "</SaveOption></SaveOptions></Options>"
)


def local(element: Any) -> str:
    return etree.QName(element).localname


@dataclass
class Reply:
    """A reply; `texts(path)` gives the texts below a path of local names."""

    status: int
    root: Any

    @property
    def header(self) -> Any:
        return self.root[0]

    @property
    def message(self) -> Any:
        return self.root[1][0]

    def texts(self, path: str) -> list[str]:
        steps = "/".join(f"{{*}}{step}" for step in path.split("/"))
        return [element.text or "" for element in self.message.iterfind(steps)]

    def text(self, path: str) -> str:
        found = self.texts(path)
        assert len(found) == 1, (path, found, etree.tostring(self.message))
        return found[0]

    @property
    def results(self) -> list[Any]:
        return list(self.message.iterfind("{*}Results"))

    @property
    def rows(self) -> list[dict[str, str]]:
        """The rows of a data extension."""
        return [
            {
                (one.findtext("{*}Name") or ""): (one.findtext("{*}Value") or "")
                for one in result.iterfind("{*}Properties/{*}Property")
            }
            for result in self.results
        ]


@dataclass
class Soap:
    """A caller with a token."""

    simulator: Simulator
    session: requests.Session = field(default_factory=requests.Session)
    token: str = ""

    def login(self, **more: Any) -> requests.Response:
        info = self.simulator.info
        body = {
            "grant_type": "client_credentials",
            "client_id": info["client_id"],
            "client_secret": info["client_secret"],
        }
        reply = self.session.post(info["auth_url"] + "v2/token", json=body | more, timeout=30)
        self.token = reply.json().get("access_token", "")
        return reply

    def post(self, content: str | bytes, action: str | None, path: str = "Service.asmx") -> Reply:
        headers = {"Content-Type": "text/xml; charset=utf-8"} | ({"SOAPAction": action} if action else {})
        content = content.encode() if isinstance(content, str) else content
        url = self.simulator.info["soap_url"] + path
        reply = self.session.post(url, data=content, headers=headers, timeout=60)
        return Reply(reply.status_code, etree.fromstring(reply.content))

    def call(self, action: str, body: str, token: str | None = None) -> Reply:
        if not self.token:
            assert self.login().status_code == 200
        return self.post(ENVELOPE.format(api=API, token=token or self.token, body=body), action)

    def write(self, operation: str, *objects: str, options: str = "<Options/>") -> Reply:
        return self.call(operation, f"<{operation}Request>{options}{''.join(objects)}</{operation}Request>")

    def good(self, operation: str, *objects: str, options: str = "<Options/>") -> Reply:
        reply = self.write(operation, *objects, options=options)
        assert reply.text("OverallStatus") == "OK", etree.tostring(reply.message)
        return reply

    def retrieve(self, object_type: str, properties: list[str], filter_: str = "", more: str = "") -> Reply:
        asked = "".join(f"<Properties>{escape(name)}</Properties>" for name in properties)
        return self.call(
            "Retrieve",
            "<RetrieveRequestMsg><RetrieveRequest>"
            f"{more if more.startswith('<Options') else ''}<ObjectType>{escape(object_type)}</ObjectType>{asked}{filter_}"
            f"{'' if more.startswith('<Options') else more}</RetrieveRequest></RetrieveRequestMsg>",
        )

    def rows(self, key: str, properties: list[str], filter_: str = "") -> list[dict[str, str]]:
        reply = self.retrieve(f"DataExtensionObject[{key}]", properties, filter_)
        assert reply.text("OverallStatus") == "OK", etree.tostring(reply.message)
        return reply.rows

    def perform(self, definition: str) -> Reply:
        return self.call(
            "Perform",
            "<PerformRequestMsg><Action>Start</Action><Definitions>"
            f'<Definition xsi:type="ImportDefinition"><CustomerKey>{definition}</CustomerKey></Definition>'
            "</Definitions></PerformRequestMsg>",
        )

    def summary(self, task: str) -> dict[str, str]:
        """The summary of a task, empty when it does not show yet."""
        reply = self.retrieve("ImportResultsSummary", SUMMARY, equals("TaskResultID", task))
        assert reply.text("OverallStatus") == "OK"
        return {local(one): one.text or "" for one in reply.results[0]} if reply.results else {}

    def run(self, definition: str) -> dict[str, str]:
        """Start an import and wait for its end: the summary."""
        return self.wait(self.perform(definition).text("Results/Result/Task/ID"))

    def wait(self, task: str, words: tuple[str, ...] = ("Completed", "Error"), seconds: float = 60) -> dict[str, str]:
        deadline = time.monotonic() + seconds
        while True:
            found = self.summary(task)
            if found.get("ImportStatus") in words:
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.02)


SUMMARY = [
    "ImportDefinitionCustomerKey",
    "StartDate",
    "EndDate",
    "DestinationID",
    "NumberSuccessful",
    "NumberDuplicated",
    "NumberErrors",
    "TotalRows",
    "ImportType",
    "ImportStatus",
    "TaskResultID",
    "ObjectID",
]


def figures(summary: dict[str, str]) -> tuple[str, int, int, int, int]:
    """Status, successful, duplicated, errors, total."""
    names = ("NumberSuccessful", "NumberDuplicated", "NumberErrors", "TotalRows")
    good, copies, errors, total = (int(summary[name]) for name in names)
    return summary["ImportStatus"], good, copies, errors, total


def simple(name: str, operator: str, *values: str, tag: str = "Filter", value_tag: str = "Value") -> str:
    listed = "".join(f"<{value_tag}>{escape(value)}</{value_tag}>" for value in values)
    return (
        f'<{tag} xsi:type="SimpleFilterPart"><Property>{escape(name)}</Property>'
        f"<SimpleOperator>{operator}</SimpleOperator>{listed}</{tag}>"
    )


def equals(name: str, value: str) -> str:
    return simple(name, "equals", value)


def a_field(name: str, kind: str = "Text", **more: object) -> str:
    """A Field; MaxLength, Scale, DefaultValue by name; key=True makes it a required primary key."""
    key = more.pop("key", False)
    content = "".join(f"<{tag}>{escape(str(value))}</{tag}>" for tag, value in more.items())
    flags = "<IsRequired>true</IsRequired><IsPrimaryKey>true</IsPrimaryKey>" if key else ""
    return f"<Field><Name>{escape(name)}</Name>{content}{flags}<FieldType>{kind}</FieldType></Field>"


KEY_FIELD = a_field("Key", MaxLength=50, key=True)
PERSON = (
    KEY_FIELD,
    a_field("Name", MaxLength=50),
    a_field("Email", "EmailAddress"),
    a_field("Age", "Number"),
    a_field("Worth", "Decimal", MaxLength=8, Scale=2),
    a_field("Born", "Date"),
    a_field("Happy", "Boolean"),
    a_field("Tier", MaxLength=10, DefaultValue="basic"),
)
PERSON_FIELDS = ["Key", "Name", "Email", "Age", "Worth", "Born", "Happy", "Tier"]


def data_extension(key: str, *fields: str, more: str = "", name: str = "") -> str:
    return (
        f'<Objects xsi:type="DataExtension"><CustomerKey>{escape(key)}</CustomerKey>'
        f"<Name>{escape(name or key)}</Name>{more}<Fields>{''.join(fields)}</Fields></Objects>"
    )


def row(key: str, values: dict[str, str | None], keys: dict[str, str] | None = None) -> str:
    """A row; None is written as NullAPIProperty."""
    properties = "".join(
        f'<Property xsi:type="NullAPIProperty"><Name>{name}</Name></Property>'
        if value is None
        else f"<Property><Name>{name}</Name><Value>{escape(value)}</Value></Property>"
        for name, value in values.items()
    )
    named = "".join(
        f"<Key><Name>{name}</Name><Value>{escape(value)}</Value></Key>" for name, value in (keys or {}).items()
    )
    return (
        f'<Objects xsi:type="DataExtensionObject"><CustomerKey>{escape(key)}</CustomerKey>'
        f"<Properties>{properties}</Properties><Keys>{named}</Keys></Objects>"
    )


def import_definition(key: str, destination: str, file: str, more: str = "", **changed: str) -> str:
    """An ImportDefinition; simple properties by name, `more` for nested ones."""
    properties = {
        "AllowErrors": "true",
        "FieldMappingType": "InferFromColumnHeadings",
        "FileSpec": file,
        "FileType": "CSV",
        "UpdateType": "AddAndUpdate",
        "HeaderLines": "1",
        "StandardQuotedStrings": "true",
    } | changed
    listed = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in properties.items())
    return (
        f'<Objects xsi:type="ImportDefinition"><CustomerKey>{key}</CustomerKey><Name>{key}</Name>'
        f'<DestinationObject xsi:type="DataExtension"><CustomerKey>{destination}</CustomerKey></DestinationObject>'
        "<RetrieveFileTransferLocation><CustomerKey>ExactTarget Enhanced FTP</CustomerKey>"
        f"</RetrieveFileTransferLocation>{listed}{more}</Objects>"
    )


def named(object_type: str, key: str) -> str:
    return f'<Objects xsi:type="{object_type}"><CustomerKey>{escape(key)}</CustomerKey></Objects>'
