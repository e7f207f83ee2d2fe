"""Raw SOAP of sends, for tests."""

from __future__ import annotations

import time
from xml.sax.saxutils import escape

from et_platform_tests.simulator.soap import KEY_FIELD, Reply, Soap, a_field, data_extension, equals, row

SENDABLE = (
    "<IsSendable>true</IsSendable><SendableDataExtensionField><Name>Key</Name></SendableDataExtensionField>"
    "<SendableSubscriberField><Name>Subscriber Key</Name></SendableSubscriberField>"
)
FIGURES = (
    *("NumberTargeted", "NumberSent", "NumberExcluded", "Duplicates", "MissingAddresses", "InvalidAddresses"),
    *("ExistingUndeliverables", "ExistingUnsubscribes"),
)


def sendable(soap: Soap, key: str, people: dict[str, str | None]) -> str:
    """Make a sendable data extension of keys and addresses; its ObjectID."""
    fields = [KEY_FIELD, a_field("Mail", "EmailAddress")]
    made = soap.good("Create", data_extension(key, *fields, more=SENDABLE))
    if people:
        soap.good("Create", *(row(key, {"Key": one, "Mail": mail}) for one, mail in people.items()))
    return made.text("Results/NewObjectID")


def email(soap: Soap, key: str) -> str:
    """Make an e-mail; its number."""
    content = f"<CustomerKey>{key}</CustomerKey><Name>{key}</Name><Subject>Hello &amp; welcome</Subject>"
    return soap.good("Create", f'<Objects xsi:type="Email">{content}</Objects>').text("Results/NewID")


def a_list_of(object_id: str, kind: str = "SourceList", list_id: str = "") -> str:
    listed = f"<List><ID>{list_id}</ID></List>" if list_id else ""
    return (
        f"<SendDefinitionList>{listed}<SendDefinitionListType>{kind}</SendDefinitionListType>"
        f"<CustomObjectID>{object_id}</CustomObjectID><DataSourceTypeID>CustomObject</DataSourceTypeID>"
        "</SendDefinitionList>"
    )


def send_definition(
    key: str, number: str, lists: str, classification: str = "Default Commercial", more: str = "", name: str = ""
) -> str:
    return (
        f'<Objects xsi:type="EmailSendDefinition"><CustomerKey>{key}</CustomerKey><Name>{name or key}</Name>'
        f"<SendClassification><CustomerKey>{escape(classification)}</CustomerKey></SendClassification>"
        f"{lists}<Email><ID>{number}</ID></Email>{more}</Objects>"
    )


def performed(soap: Soap, kind: str, key: str, action: str = "start") -> Reply:
    return soap.call(
        "Perform",
        f'<PerformRequestMsg><Action>{action}</Action><Definitions><Definition xsi:type="{kind}">'
        f"<CustomerKey>{key}</CustomerKey></Definition></Definitions></PerformRequestMsg>",
    )


def sent(soap: Soap, number: str, more: tuple[str, ...] = (), seconds: float = 30) -> dict[str, str]:
    """Wait until a send is over: its figures."""
    names = ["Status", "SentDate", *FIGURES, *more]
    deadline = time.monotonic() + seconds
    while True:
        (result,) = soap.retrieve("Send", names, equals("ID", number)).results
        found = {name: result.findtext(f"{{*}}{name}") or "" for name in names}
        if found["Status"] != "Scheduled":
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


def sending(soap: Soap, key: str) -> dict[str, str]:
    """Start a send and wait for its end: its figures, with its number as `ID`."""
    number = performed(soap, "EmailSendDefinition", key).text("Results/Result/Task/ID")
    return {"ID": number} | sent(soap, number)


def figures(found: dict[str, str]) -> dict[str, int]:
    """The figures that are not 0."""
    return {name: int(found[name]) for name in FIGURES if found[name] != "0"}


def triggered_definition(key: str, number: str = "", more: str = "", **properties: str) -> str:
    """A TriggeredSendDefinition; without an e-mail it is meant for an Update."""
    classification = "<SendClassification><CustomerKey>Default Commercial</CustomerKey></SendClassification>"
    made = f"<Name>{key}</Name>{classification}" if number else ""
    listed = "".join(f"<{name}>{text}</{name}>" for name, text in properties.items())
    named = f"<Email><ID>{number}</ID></Email>" if number else ""
    return f'<Objects xsi:type="TriggeredSendDefinition"><CustomerKey>{key}</CustomerKey>{made}{listed}{named}{more}</Objects>'


def triggered(definition: str, *subscribers: dict[str, str]) -> str:
    """A TriggeredSend; SubscriberKey and EmailAddress by name, everything else is an attribute."""
    content = ""
    for one in subscribers:
        attributes = "".join(
            f"<Attributes><Name>{name}</Name><Value>{escape(text)}</Value></Attributes>"
            for name, text in one.items()
            if name not in ("SubscriberKey", "EmailAddress")
        )
        named = "".join(
            f"<{name}>{escape(one[name])}</{name}>" for name in ("EmailAddress", "SubscriberKey") if name in one
        )
        content += f"<Subscribers>{named}{attributes}</Subscribers>"
    named = f"<TriggeredSendDefinition><CustomerKey>{definition}</CustomerKey></TriggeredSendDefinition>"
    return f'<Objects xsi:type="TriggeredSend">{named}{content}</Objects>'


def active(soap: Soap, key: str, more: str = "", **properties: str) -> None:
    """Make a triggered send definition and activate it."""
    soap.good("Create", triggered_definition(key, email(soap, key), more, **properties))
    soap.good("Update", triggered_definition(key, TriggeredSendStatus="Active"))


def summary(soap: Soap, key: str) -> dict[str, int]:
    """The summary's figures that are not 0."""
    names = [*("Sent", "NotSentDueToOptOut", "NotSentDueToUndeliverable", "NotSentDueToError", "Queued")]
    names += ["Opens", "UniqueOpens", "Clicks", "UniqueClicks", "Bounces", "OptOuts"]
    (result,) = soap.retrieve("TriggeredSendSummary", names, equals("CustomerKey", key)).results
    found = {name: int(result.findtext(f"{{*}}{name}") or 0) for name in names}
    return {name: number for name, number in found.items() if number}
