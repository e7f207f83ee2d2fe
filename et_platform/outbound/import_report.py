"""The e-mail after an import: found in a folder of messages, and read.

What belongs here: finding the message of one import, and its table of rows. What does not: what its row numbers mean
(rejections.py), and fetching mail, which is for the tools that do so.

Neither the wording nor the table's form is documented, so both are read leniently: the message is known by the import
definition's key, which is in no other; the table is a CSV attachment with a column of numbers and one of reasons, known
by their headings.
"""

import csv
import email
import email.policy
import io
import time
from email.message import EmailMessage, Message
from pathlib import Path

from et_platform.ledger.records import ImportFile
from et_platform.outbound.road import Reports

_ROW = {"row", "row number", "rownumber", "line", "line number", "record"}
_REASON = {"reason", "error", "error message", "errormessage", "message", "description"}
_LARGEST = 20 * 2**20
_CLOCKS_DIFFER = 600.0


def wait_for(reports: Reports, file: ImportFile, *, poll: float) -> dict[int, str] | str | None:
    """The reasons by row number; why the message holds none, in words; or None if none came by the deadline."""
    until = time.monotonic() + reports.deadline
    seen: set[Path] = set()
    while True:
        message = _find(reports.folder, file, seen)
        if message is not None:
            return read(message)
        if time.monotonic() >= until:
            return None
        time.sleep(min(poll, 1.0))


def _find(folder: Path, file: ImportFile, seen: set[Path]) -> EmailMessage | None:
    """The message that names the file's import definition; `seen` are those that do not."""
    since = file.changed_at.timestamp() - _CLOCKS_DIFFER
    for path in sorted(folder.rglob("*")):
        if path in seen or path.suffix == ".part" or not path.is_file():
            continue
        about = path.stat()
        if about.st_mtime < since or about.st_size > _LARGEST:
            continue
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        body = message.get_body(("plain", "html"))
        text = f"{message['Subject']}\n{_text(body) if body is not None else ''}"
        if file.definition_key in text:
            return message
        if time.time() - about.st_mtime > 5:  # it is not being written any more
            seen.add(path)
    return None


def read(message: EmailMessage) -> dict[int, str] | str:
    """The reasons by row number, as the message's CSV attachment has them; else why there are none, in words."""
    tables = [one for one in message.iter_attachments() if (one.get_filename() or "").lower().endswith(".csv")]
    if not tables:
        return "no CSV file is attached."
    rows = list(csv.reader(io.StringIO(_text(tables[0]).lstrip("\ufeff"))))
    headings = [one.strip().lower() for one in rows[0]] if rows else []
    number = next((place for place, one in enumerate(headings) if one in _ROW), None)
    reason = next((place for place, one in enumerate(headings) if one in _REASON), None)
    if number is None or reason is None:
        return f"its table has the headings {', '.join(headings) or '(none)'}, of which none is known."
    found: dict[int, str] = {}
    for row in rows[1:]:
        if len(row) > max(number, reason) and row[number].strip().isdecimal():
            found[int(row[number])] = " ".join(row[reason].split())
    return found or "its table has no row."


def _text(part: Message) -> str:
    """A part's text, read as UTF-8 where it names no encoding that is known."""
    content = part.get_payload(decode=True)
    content = content if isinstance(content, bytes) else b""
    try:
        return content.decode(part.get_content_charset("utf-8"), errors="replace")
    except LookupError:
        return content.decode(errors="replace")
