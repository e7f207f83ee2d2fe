"""What can be wrong with a file that arrived.

What belongs here: the classes. Every message is one paragraph that names the file (and row and field where there is
one) and what to do. None holds a row's value: what a file says about people stays in the lake.
"""


class IngestError(Exception):
    """A file cannot be taken as it is; nothing of it was loaded."""


class CorruptArchive(IngestError):
    """The file is no whole ZIP archive: torn, damaged or something else."""


class UnsafeArchive(IngestError):
    """The archive is whole, and no honest extract looks like it; nothing of it was written."""


class EmptyFile(IngestError):
    """A file has not even a header, so that nothing can be concluded from it."""


class BadHeader(IngestError):
    """The first line of a file is not the header that its type must have."""


class CursorUnreadable(IngestError):
    """The sensor's memory cannot be read; it is never reset silently, for a person should know."""


def shown(name: str) -> str:
    """A name from outside as it may be shown: on one line, and not endless."""
    text = ascii(name)[1:-1]
    return text if len(text) <= 120 else f"{text[:120]}…"
