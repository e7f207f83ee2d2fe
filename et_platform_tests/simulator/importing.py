"""What tests of imports share: files in the Import folder, and definitions that read them."""

from __future__ import annotations

import csv
import io
from email import message_from_bytes, policy
from email.message import EmailMessage

from et_platform_tests.simulated import Simulator
from et_platform_tests.simulator.soap import PERSON, Soap, data_extension, equals, import_definition


def put(simulator: Simulator, name: str, content: str | bytes | list[list[str]]) -> None:
    """Lay a file into the Import folder."""
    if isinstance(content, list):
        text = io.StringIO()
        csv.writer(text).writerows(content)
        content = text.getvalue()
    (simulator.ftp_folder / "Import" / name).write_bytes(content.encode() if isinstance(content, str) else content)


def ready(
    soap: Soap,
    key: str,
    content: str | bytes | list[list[str]],
    more: str = "",
    retention: str = "",
    **changed: str,
) -> None:
    """A data extension of people, an import definition of the same key, and its file."""
    soap.good("Create", data_extension(key, *PERSON, more=retention))
    soap.good("Create", import_definition(key, key, f"{key}.csv", more, **changed))
    put(soap.simulator, f"{key}.csv", content)


def mail(simulator: Simulator, task: str) -> EmailMessage:
    path = simulator.data_dir / "outbox" / simulator.info["mid"] / f"{task}.eml"
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def rejected(message: EmailMessage) -> list[list[str]]:
    attached = [part.get_content() for part in message.iter_attachments()]
    return list(csv.reader(io.StringIO("".join(attached))))


NOTIFY = (
    "<Notification><ResponseType>email</ResponseType><ResponseAddress>ops@a.example</ResponseAddress>{}</Notification>"
)


def new_list(soap: Soap, key: str) -> str:
    """The number of a new list."""
    made = f'<Objects xsi:type="List"><ListName>{key}</ListName></Objects>'
    return soap.good("Create", made).text("Results/NewID")


def to_list(soap: Soap, key: str, number: str, content: str, more: str = "", **changed: str) -> None:
    """An import definition that leads to a list, and its file."""
    made = import_definition(key, key, f"{key}.csv", more, **changed)
    data = f'<DestinationObject xsi:type="DataExtension"><CustomerKey>{key}</CustomerKey></DestinationObject>'
    assert data in made
    listed = f'<DestinationObject xsi:type="List"><ID>{number}</ID></DestinationObject>'
    soap.good("Create", made.replace(data, listed))
    put(soap.simulator, f"{key}.csv", content)


def on_list(soap: Soap, number: str) -> dict[str, str]:
    """Who is on a list: status by key."""
    reply = soap.retrieve("ListSubscriber", ["SubscriberKey", "Status"], equals("ListID", number))
    return dict(zip(reply.texts("Results/SubscriberKey"), reply.texts("Results/Status"), strict=True))
