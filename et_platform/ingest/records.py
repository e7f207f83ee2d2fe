"""Records of a delimited text file, whatever its encoding, with the line each begins on.

What belongs here: bytes to records. What does not: what a record means (tracking.py).

A record that cannot be read is a record too, with a reason, and with what its fields seem to be: nothing is dropped
on the way, and who reads opt-outs may find one in it. Where quotes are wrong, each line stands for itself.
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

LONGEST_LINE = 1 << 20
"""Characters: a file without line ends must not be read into memory as one line."""
_DAMAGED = re.compile("[\udc80-\udcff\x00\ufffd]")
_BROKEN = {"utf-8": re.compile("[\udc80-\udcff\x00]"), "utf-16": re.compile("[\ufffd\x00]")}

DELIMITERS = (",", "\t", "|", ";")


class Record(NamedTuple):
    """Fields, and with a `problem` what they seem to be. `raw` is the text as it stands in the file, with line ends."""

    line: int
    fields: list[str]
    raw: str
    problem: str | None


def encoding_of(path: Path) -> str:
    """UTF-8 or UTF-16, from the first bytes; a byte order mark is no part of the text."""
    with path.open("rb") as file:
        head = file.read(4)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if len(head) == 4 and head[1] == head[3] == 0 and head[0]:
        return "utf-16-le"
    if len(head) == 4 and head[0] == head[2] == 0 and head[1]:
        return "utf-16-be"
    return "utf-8-sig"


def first_line(path: Path) -> str | None:
    """The first line that is not blank; None if there is none."""
    with _open(path) as text:
        while line := text.readline(LONGEST_LINE):
            if line.strip():
                return line
    return None


def read_records(path: Path, delimiter: str) -> Iterator[Record]:
    """Every record but blank lines, the header included."""
    broken = _BROKEN["utf-16" if encoding_of(path).startswith("utf-16") else "utf-8"]
    with _open(path) as text:
        lines = _Lines(text)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        while True:
            lines.taken.clear()
            line, fields, problem = lines.number + 1, [], None
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                problem = _reason(str(error))
            if problem is not None:
                for place, text in enumerate(lines.taken):
                    if text.strip():
                        yield Record(line + place, _leniently(text, delimiter), _printable(text), problem)
                continue
            raw = "".join(lines.taken)
            if not raw.isascii() or "\x00" in raw:
                found = broken.search(raw)
                if found is not None:
                    problem = "a NUL character" if found.group() == "\x00" else "bytes that are not in the encoding"
                    raw = _printable(raw)
            if raw.strip():
                yield Record(line, fields, raw, problem)


def is_damaged(text: str) -> bool:
    """Whether a field of a record with a problem holds what is no text."""
    return _DAMAGED.search(text) is not None


def _leniently(line: str, delimiter: str) -> list[str]:
    """The fields of one line, whatever its quotes are; none where even that fails."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _reason(error: str) -> str:
    """csv's own words hold no value; the two that matter are put in ours."""
    if "unexpected end of data" in error:
        return "the file ends within quotes: it is truncated"
    if "field larger" in error:
        return "a field without end: a closing quote is missing"
    return f"the quotes are wrong ({error})"


class _Lines:
    """The lines of a text, of which it remembers the latest."""

    def __init__(self, text: TextIO):
        self._text = text
        self.number = 0
        self.taken: list[str] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._text.readline(LONGEST_LINE)
        if not line:
            raise StopIteration
        self.number += 1
        self.taken.append(line)
        return line


def _open(path: Path) -> TextIO:
    encoding = encoding_of(path)
    # What is not in the encoding becomes a mark that read_records finds: the row is rejected, not the file.
    errors = "replace" if encoding.startswith("utf-16") else "surrogateescape"
    return path.open(encoding=encoding, errors=errors, newline="")
