"""Where the outbound road is killed, by kind of change set, and what the plain re-run then has to do.

A kind's boundaries are listed in the order in which an undisturbed run reaches them, each by what would have come next;
the test sees that the list is complete. Where an outcome is named, a run is killed there. The state in the end is that
of an undisturbed run, always.

What belongs here: this list, and the page of it (docs/kill-matrix.md: `python -m
et_platform_tests.outbound.kill_points > docs/kill-matrix.md`). What does not: killing (kill_matrix.py, kill_server.py).
"""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """A boundary: its number in its kind, what comes next, and how the re-run goes; None: not killed here."""

    number: int
    name: str
    outcome: str | None


OUTCOMES = {
    "sent": "nothing had been imported: what was left is dropped, and everything is sent",
    "taken up": "the import is found by asking, settled and acknowledged; nothing is sent again",
    "taken up, the rest sent": "the attempt is settled by asking and reading back; what it had not brought is sent",
    "nothing was left": "all was settled; nothing is sent",
}

_LISTED = {
    "first run": """
        the lake's commit = sent
        the lake's commit = sent
        the lake's commit = sent
        ledger.plan
        data_extensions.create = sent
        ledger.begin_attempt = sent
        ftp.put
        ledger.advance_file to uploaded
        imports.define
        ledger.begin_import
        imports.start = taken up, the rest sent
        ledger.advance_file to started
        ledger.advance_file to finished
        the lake's commit = taken up
        imports.delete
        ftp.remove
        ftp.remove
        ledger.advance_file to proven
        ledger.close_attempt = taken up
        the end = nothing was left
    """,
    "inserts and updates": """
        the lake's commit = sent
        ledger.plan = sent
        ledger.begin_attempt = sent
        ftp.put = sent
        ledger.advance_file to uploaded = sent
        ftp.put = sent
        ledger.advance_file to uploaded = sent
        imports.define = sent
        ledger.begin_import = sent
        imports.start = taken up, the rest sent
        ledger.advance_file to started = taken up, the rest sent
        ledger.advance_file to finished = taken up, the rest sent
        imports.define = taken up, the rest sent
        ledger.begin_import = taken up, the rest sent
        imports.start = taken up, the rest sent
        ledger.advance_file to started = taken up
        ledger.advance_file to finished = taken up
        the lake's commit = taken up
        imports.delete = taken up
        imports.delete = taken up
        ftp.remove = taken up
        ftp.remove = taken up
        ftp.remove = taken up
        ftp.remove = taken up
        ledger.advance_file to proven = taken up
        ledger.advance_file to proven = taken up
        ledger.close_attempt = taken up
        the end = nothing was left
    """,
    "several parts": """
        the lake's commit
        ledger.plan
        ledger.begin_attempt = sent
        ftp.put
        ledger.advance_file to uploaded
        ftp.put = sent
        ledger.advance_file to uploaded
        ftp.put = sent
        ledger.advance_file to uploaded
        imports.define
        ledger.begin_import
        imports.start = taken up, the rest sent
        ledger.advance_file to started
        ledger.advance_file to finished
        imports.define = taken up, the rest sent
        ledger.begin_import
        imports.start = taken up, the rest sent
        ledger.advance_file to started = taken up, the rest sent
        ledger.advance_file to finished = taken up, the rest sent
        imports.define = taken up, the rest sent
        ledger.begin_import = taken up, the rest sent
        imports.start = taken up, the rest sent
        ledger.advance_file to started = taken up
        ledger.advance_file to finished
        the lake's commit = taken up
        imports.delete
        imports.delete = taken up
        imports.delete
        ftp.remove
        ftp.remove
        ftp.remove
        ftp.remove = taken up
        ftp.remove
        ftp.remove
        ledger.advance_file to proven
        ledger.advance_file to proven = taken up
        ledger.advance_file to proven
        ledger.close_attempt
        the end = nothing was left
    """,
    "zipped": """
        the lake's commit
        ledger.plan
        ledger.begin_attempt
        ftp.put = sent
        ledger.advance_file to uploaded = sent
        ftp.move = sent
        file_transfers.start = sent
        ftp.remove = sent
        imports.define = sent
        ledger.begin_import = sent
        imports.start = taken up, the rest sent
        ledger.advance_file to started = taken up
        ledger.advance_file to finished
        the lake's commit = taken up
        imports.delete
        ftp.remove
        ftp.remove
        ledger.advance_file to proven
        ledger.close_attempt
        the end = nothing was left
    """,
    "deletes": """
        the lake's commit = sent
        ledger.plan
        ledger.begin_attempt = sent
        ftp.put
        ledger.advance_file to uploaded
        ftp.put
        ledger.advance_file to uploaded
        imports.define = sent
        ledger.begin_import = sent
        imports.start = taken up, the rest sent
        ledger.advance_file to started
        ledger.advance_file to finished
        imports.define = taken up, the rest sent
        ledger.begin_import = taken up, the rest sent
        imports.start = taken up, the rest sent
        ledger.advance_file to started
        ledger.advance_file to finished
        the lake's commit = taken up
        imports.delete = taken up
        imports.delete = taken up
        ftp.remove
        ftp.remove
        ftp.remove
        ftp.remove
        ledger.advance_file to proven
        ledger.advance_file to proven
        ledger.close_attempt = taken up
        the end = nothing was left
    """,
    "tombstones": """
        the lake's commit
        ledger.plan
        ledger.begin_attempt
        ftp.put
        ledger.advance_file to uploaded
        ftp.put
        ledger.advance_file to uploaded
        imports.define
        ledger.begin_import
        imports.start
        ledger.advance_file to started
        ledger.advance_file to finished
        imports.define
        ledger.begin_import
        imports.start = taken up, the rest sent
        ledger.advance_file to started = taken up
        ledger.advance_file to finished
        the lake's commit = taken up
        imports.delete
        imports.delete
        ftp.remove
        ftp.remove
        ftp.remove
        ftp.remove
        ledger.advance_file to proven
        ledger.advance_file to proven
        ledger.close_attempt
        the end = nothing was left
    """,
    "composite keys": """
        the lake's commit
        ledger.plan
        ledger.begin_attempt = sent
        ftp.put
        ledger.advance_file to uploaded
        ftp.put
        ledger.advance_file to uploaded
        ftp.put
        ledger.advance_file to uploaded
        imports.define
        ledger.begin_import
        imports.start
        ledger.advance_file to started
        ledger.advance_file to finished
        imports.define
        ledger.begin_import
        imports.start
        ledger.advance_file to started
        ledger.advance_file to finished
        imports.define
        ledger.begin_import
        imports.start = taken up, the rest sent
        ledger.advance_file to started = taken up
        ledger.advance_file to finished
        the lake's commit = taken up
        imports.delete
        imports.delete
        imports.delete
        ftp.remove
        ftp.remove
        ftp.remove
        ftp.remove
        ftp.remove
        ftp.remove
        ledger.advance_file to proven
        ledger.advance_file to proven
        ledger.advance_file to proven
        ledger.close_attempt
        the end = nothing was left
    """,
    "rejected rows": """
        the lake's commit
        ledger.plan
        ledger.begin_attempt
        ftp.put
        ledger.advance_file to uploaded
        imports.define
        ledger.begin_import
        imports.start = taken up, the rest sent
        ledger.advance_file to started
        ledger.advance_file to finished
        the lake's commit = taken up, the rest sent
        imports.delete
        ftp.remove
        ftp.remove
        ledger.advance_file to proven
        ledger.close_attempt = taken up, the rest sent
        ledger.plan
        ledger.begin_attempt = sent
        ftp.put
        ledger.advance_file to uploaded
        imports.define
        ledger.begin_import
        imports.start = taken up, the rest sent
        ledger.advance_file to started
        ledger.advance_file to finished
        the lake's commit = taken up
        imports.delete
        ftp.remove
        ftp.remove
        ledger.advance_file to proven
        ledger.close_attempt = taken up
        the lake's commit
        the end = nothing was left
    """,
    "opt-outs": """
        the lake's commit = sent
        ledger.plan = sent
        ledger.begin_attempt = sent
        subscribers.update = sent
        the lake's commit = sent
        ledger.close_attempt = sent
        ledger.plan = sent
        ledger.begin_attempt = sent
        ftp.put
        ledger.advance_file to uploaded
        imports.define
        ledger.begin_import
        imports.start = taken up, the rest sent
        ledger.advance_file to started
        ledger.advance_file to finished
        the lake's commit = taken up
        imports.delete
        ftp.remove
        ftp.remove
        ledger.advance_file to proven
        ledger.close_attempt = taken up
        the end = nothing was left
    """,
}

POINTS: dict[str, tuple[Point, ...]] = {
    kind: tuple(
        Point(number, name.strip(), outcome.strip() or None)
        for number, (name, _, outcome) in enumerate((line.partition("=") for line in text.strip().splitlines()), 1)
    )
    for kind, text in _LISTED.items()
}


def groups(size: int) -> Iterator[tuple[str, tuple[Point, ...]]]:
    """The points at which runs are killed, a few of one kind at a time."""
    for kind, points in POINTS.items():
        fatal = [point for point in points if point.outcome is not None]
        yield from ((kind, tuple(fatal[start : start + size])) for start in range(0, len(fatal), size))


def page() -> str:
    """docs/kill-matrix.md."""
    names = list(dict.fromkeys(point.name for points in POINTS.values() for point in points))
    killed = sum(point.outcome is not None for points in POINTS.values() for point in points)
    lines = [
        "# The kill matrix",
        "",
        f"Where a run of the outbound road is ended by `kill -9` ({killed} places), and how the plain re-run goes. Each"
        " line is a boundary: what would have come next. The end is always that of an undisturbed run: the same rows in"
        " ExactTarget, the same rows acknowledged, as many rows imported in all, nothing open, nothing left on the FTP"
        " site; and, where it matters, the same quarantine and the same statuses of subscribers.",
        "",
        "Generated from `et_platform_tests/outbound/kill_points.py`, which `et_platform_tests/outbound/test_kill.py`"
        " works off (promises 1 to 7 and 9).",
        "",
        *(f"- *{outcome}*: {meaning}" for outcome, meaning in OUTCOMES.items()),
        "- ·: the boundary is there and goes as in another kind, so no run is killed at it; empty: the kind has none",
        "",
        "| killed just before | " + " | ".join(POINTS) + " |",
        "|---" * (len(POINTS) + 1) + "|",
    ]
    for name in names:
        cells = (_cell([one for one in points if one.name == name]) for points in POINTS.values())
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(points: list[Point]) -> str:
    """What becomes of each time the boundary is reached, in order; several alike at once."""
    counts = Counter(point.outcome or "·" for point in points)
    return ", ".join(outcome + (f" ({count} ×)" if count > 1 else "") for outcome, count in counts.items())


if __name__ == "__main__":
    sys.stdout.write(page())
