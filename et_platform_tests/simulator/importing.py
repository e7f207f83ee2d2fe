"""What tests of imports share: files in the Import folder, and definitions that read them."""

from __future__ import annotations

import csv
import io

from et_platform_tests.simulated import Simulator
from et_platform_tests.simulator.soap import PERSON, Soap, data_extension, import_definition


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
