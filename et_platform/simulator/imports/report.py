"""The e-mail after an import, for whoever a definition's Notification names: figures, and the rows that were rejected.

What belongs here: whether there is one, and its wording, which is this simulator's own [K]. What does not: sending;
it is laid into the outbox, a folder of .eml files beside the FTP sites, one a task. It is the only place that tells
why a row was rejected: SOAP does not [D].
"""

from __future__ import annotations

import csv
import io
import os
from email.message import EmailMessage
from pathlib import Path

from et_platform.simulator.imports.tasks import Outcome, Task

_SENDER = "imports@exacttarget.invalid"


def wanted(task: Task, *, errors: bool) -> bool:
    """Whether the definition asks for an e-mail. RespondWhen is Always where it is not given [K]."""
    properties = task["definition"]["properties"]
    if properties.get("Notification.ResponseType") != "email" or not properties.get("Notification.ResponseAddress"):
        return False
    when = properties.get("Notification.RespondWhen") or "Always"
    return when != "Never" and (errors or when not in ("OnError", "OnConversationError"))


def write(outbox: Path, task: Task, outcome: Outcome) -> None:
    """Lay the e-mail into the outbox; one that a killed process left is replaced."""
    figures, properties = outcome.figures, task["definition"]["properties"]
    message = EmailMessage()
    message["From"] = _SENDER
    message["To"] = " ".join(properties["Notification.ResponseAddress"].split())
    message["Subject"] = f"Import {outcome.status}: {' '.join(properties.get('Name', '').split()) or task['id']}"
    lines = [
        f"Import definition: {properties['CustomerKey']}",
        f"File: {properties['FileSpec']}",
        f"Task: {task['id']}",
        f"Status: {outcome.status}",
        *([f"Reason: {outcome.reason}"] if outcome.reason else []),
        f"Rows: {figures.total}",
        f"Successful: {figures.successful}",
        f"Duplicated: {figures.duplicated}",
        f"Errors: {figures.errors}",
    ]
    message.set_content("\n".join(lines) + "\n")
    if outcome.rejected:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([("Row", "Reason"), *outcome.rejected])
        message.add_attachment(text.getvalue(), subtype="csv", filename="rejected.csv")
    outbox.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = outbox / f"{task['id']}.eml"
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        file.write(message.as_bytes())
        os.fsync(file.fileno())
    unfinished.replace(path)
