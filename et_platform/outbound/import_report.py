"""The e-mail after an import: found in a folder of messages, and read.

What belongs here: finding the message of one import, and its table of rows. What does not: what its row numbers mean
(rejections.py), and fetching mail, which is for the tools that do so.

Neither the wording nor the table's form is documented, so both are read leniently: the message is known by the import
definition's key, which is in no other; the table is a CSV attachment with a column of numbers and one of reasons, known
by their headings.
"""

import csv
import email
import email.errors
import email.policy
import io
import os
import stat
import time
from email.message import EmailMessage, Message
from pathlib import Path

from et_platform.ledger.records import ImportFile
from et_platform.outbound.doubt import CLOCKS_DIFFER
from et_platform.outbound.road import Reports

_ROW = {"row", "row number", "rownumber", "line", "line number", "record"}
_REASON = {"reason", "error", "error message", "errormessage", "message", "description"}
_DELIMITERS = ",;"
_LARGEST = 20 * 2**20
_LONGEST_NUMBER = 19  # digits; what has fewer fits into 64 bits
_UNREADABLE = (csv.Error, email.errors.MessageError, LookupError, ValueError)
"""What a message or table of an odd form raises: one such must not keep the import from being settled."""


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
    since = file.changed_at.timestamp() - CLOCKS_DIFFER.total_seconds()
    for path in sorted(Path(place, name) for place, _, names in os.walk(folder) for name in names):
        if path in seen or path.suffix == ".part":
            continue
        try:
            about = path.stat()
            if not stat.S_ISREG(about.st_mode) or about.st_mtime < since or about.st_size > _LARGEST:
                continue
            content = path.read_bytes()
        except OSError:  # not ours to read, or moved by now (a Maildir's new/ to cur/): the next look finds it there
            continue
        try:
            message = email.message_from_bytes(content, policy=email.policy.default)
            if file.definition_key in _subject_and_body(message):
                return message
        except _UNREADABLE:  # no mail, so no report
            pass
        if time.time() - about.st_mtime > 5:  # it is not being written any more
            seen.add(path)
    return None


def _subject_and_body(message: EmailMessage) -> str:
    body = message.get_body(("plain", "html"))
    return f"{message['Subject']}\n{_text(body) if body is not None else ''}"


def read(message: EmailMessage) -> dict[int, str] | str:
    """The reasons by row number, as the message's CSV attachment has them; else why there are none, in words without
    anything of the message: its first line may be a customer's.
    """
    try:
        tables = [one for one in message.iter_attachments() if (one.get_filename() or "").lower().endswith(".csv")]
        return _reasons(_text(tables[0]).lstrip("\ufeff")) if tables else "no CSV file is attached."
    except _UNREADABLE as error:
        return f"its table cannot be read ({type(error).__name__})."


def _reasons(text: str) -> dict[int, str] | str:
    most = 0
    for delimiter in _DELIMITERS:
        rows = csv.reader(io.StringIO(text, newline=None), delimiter=delimiter)  # any line ends, a lone \r too
        headings = [one.strip().lower() for one in next(rows, [])]
        most = max(most, len(headings))
        number = next((place for place, one in enumerate(headings) if one in _ROW), None)
        reason = next((place for place, one in enumerate(headings) if one in _REASON), None)
        if number is None or reason is None:
            continue
        found: dict[int, str] = {}
        for row in rows:
            if len(row) > max(number, reason) and (place := _number(row[number])) is not None:
                found[place] = " ".join(row[reason].split())
        return found or "its table has no row."
    return f"its table has {most} headings that are not known as those of a row's number and of its reason."


def _number(cell: str) -> int | None:
    """A row's number; None for what is none, or is none that a file can have."""
    digits = cell.strip()
    return int(digits) if digits.isdecimal() and len(digits) < _LONGEST_NUMBER else None


def _text(part: Message) -> str:
    """A part's text, read as UTF-8 where it names no encoding that is known."""
    content = part.get_payload(decode=True)
    content = content if isinstance(content, bytes) else b""
    try:
        return content.decode(part.get_content_charset("utf-8"), errors="replace")
    except (LookupError, ValueError):
        return content.decode(errors="replace")
