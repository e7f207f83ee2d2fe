"""Asking for extracts in tests, and reading what arrives."""

from __future__ import annotations

import csv
import io
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

from et_platform_tests.simulated import Simulator
from et_platform_tests.simulator.soap import Reply, Soap

TRACKING = "c7219016-a7f0-4c72-8657-1ec12c28a0db"
DATA_EXTENSION = "bb94a04d-9632-4623-be47-daabc3f588a6"
JULY = {"StartDate": "7/1/2024 12:00:00 AM", "EndDate": "7/2/2024 12:00:00 AM"}
NO_DATES = {"StartDate": "1/1/1900 1:00:00 AM", "EndDate": "1/1/1900 1:00:00 AM"}


def request(identity: str, parameters: dict[str, str], more: str = "") -> str:
    """One Requests element."""
    listed = "".join(
        f"<Parameter><Name>{name}</Name><Value>{escape(value)}</Value></Parameter>"
        for name, value in parameters.items()
    )
    return f"<Requests>{more}<ID>{identity}</ID><Options/><Parameters>{listed}</Parameters></Requests>"


def tracking(file: str, *types: str, **changed: str) -> str:
    """A tracking extract of 1 July 2024."""
    return request(TRACKING, JULY | {"OutputFileName": file} | dict.fromkeys(types, "True") | changed)


def of_data_extension(key: str, file: str, **changed: str) -> str:
    """A data-extension extract with headings."""
    given = {"DECustomerKey": key, "HasColumnHeaders": "True", "OutputFileName": file, "_AsyncID": "0"}
    return request(DATA_EXTENSION, given | NO_DATES | changed)


def extract(soap: Soap, *requests: str) -> Reply:
    """Call Extract."""
    return soap.call("Extract", f"<ExtractRequestMsg>{''.join(requests)}</ExtractRequestMsg>")


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def arrived(simulator: Simulator, file: str) -> Path:
    """The file in Export, once it is there."""
    path = simulator.ftp_folder / "Export" / file
    until(path.exists)
    return path


def tables(path: Path, encoding: str = "utf-8", **dialect: str) -> dict[str, list[dict[str, str]]]:
    """The rows of each file of a ZIP."""
    with zipfile.ZipFile(path) as archive:
        return {
            name: list(csv.DictReader(io.StringIO(archive.read(name).decode(encoding), newline=""), **dialect))  # type: ignore[arg-type]
            for name in archive.namelist()
        }
