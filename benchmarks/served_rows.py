"""How many rows a second the local ExactTarget serves over SOAP, page by page, from tables of several sizes.

    python benchmarks/served_rows.py [--rows 50000 500000] [--pages 40]

Rows of 15 fields of all types are imported, then read in pages of 2,500 from the beginning and from the middle of the
table: a page should cost the same wherever it lies. The reader only looks for the RequestID. Rows for each second of
the server's processor time are told besides, for they depend less on what else the machine does.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from et_platform_tests.simulated import Simulator, running_simulator  # noqa: E402 - the path comes first
from et_platform_tests.simulator.soap import (  # noqa: E402
    API,
    ENVELOPE,
    Soap,
    a_field,
    data_extension,
    figures,
    import_definition,
    simple,
)

FIELDS = {
    "Key": ("Text", "{n:08}"),
    "First": ("Text", "first name {n}"),
    "Last": ("Text", "O'Hara & sons {n}"),
    "Mail": ("EmailAddress", "person{n}@example.org"),
    "Age": ("Number", "{n}"),
    "Worth": ("Decimal", "{n}.25"),
    "Born": ("Date", "1990-03-05 11:12:13"),
    "Happy": ("Boolean", "true"),
    "Phone": ("Phone", "+49 123 {n}"),
    "Tongue": ("Locale", "en-US"),
    "Orders": ("Number", "7"),
    "Since": ("Date", "2024-03-05 11:12:13"),
    "Street": ("Text", "a street with some number {n}"),
    "City": ("Text", "Springfield"),
    "Note": ("Text", "some text of middling length as notes are about {n}"),
}


def field(name: str, kind: str) -> str:
    if name == "Key":
        return a_field(name, MaxLength=50, key=True)
    sizes = {"Text": {"MaxLength": 100}, "Decimal": {"MaxLength": 12, "Scale": 2}}
    return a_field(name, kind, **sizes.get(kind, {}))


def load(simulator: Simulator, soap: Soap, rows: int) -> str:
    """A data extension with so many rows: its key."""
    key = f"rows{rows}"
    soap.good("Create", data_extension(key, *(field(name, kind) for name, (kind, _) in FIELDS.items())))
    line = ",".join(text for _, text in FIELDS.values()) + "\n"
    with (simulator.ftp_folder / "Import" / f"{key}.csv").open("w") as file:
        file.write(",".join(FIELDS) + "\n")
        file.writelines(line.format(n=n) for n in range(rows))
    soap.good("Create", import_definition(key, key, f"{key}.csv"))
    task = soap.perform(key).text("Results/Result/Task/ID")
    assert figures(soap.wait(task, seconds=1800)) == ("Completed", rows, 0, 0, rows)
    return key


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def read(simulator: Simulator, soap: Soap, key: str, filter_: str, pages: int) -> tuple[int, float, float]:
    """Rows, seconds, and seconds of the server's processor for so many pages."""
    asked = "".join(f"<Properties>{name}</Properties>" for name in FIELDS)
    url, headers = simulator.info["soap_url"] + "Service.asmx", {"SOAPAction": "Retrieve", "Content-Type": "text/xml"}
    rows, more, reply = 0, "", b""
    started, busy = time.perf_counter(), processor_seconds(simulator.pid)
    for _ in range(pages):
        request = f"<ObjectType>DataExtensionObject[{key}]</ObjectType>{asked}{filter_}{more}"
        body = f"<RetrieveRequestMsg><RetrieveRequest>{request}</RetrieveRequest></RetrieveRequestMsg>"
        content = ENVELOPE.format(api=API, token=soap.token, body=body).encode()
        reply = soap.session.post(url, data=content, headers=headers, timeout=60).content
        rows += reply.count(b"<Results ")
        if b"<OverallStatus>MoreDataAvailable<" not in reply[:3000]:
            break
        identity = reply.partition(b"<RequestID>")[2].partition(b"<")[0].decode()
        more = f"<ContinueRequest>{identity}</ContinueRequest>"
    assert rows, reply[:2000]
    return rows, time.perf_counter() - started, processor_seconds(simulator.pid) - busy


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[50_000, 500_000])
    parser.add_argument("--pages", type=int, default=40)
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_simulator(Path(folder) / "data", "--set", "summary_delay_seconds=0") as simulator,
    ):
        soap = Soap(simulator)
        for size in arguments.rows:
            key = load(simulator, soap, size)
            for place, first in (("beginning", 0), ("middle", size // 2)):
                filter_ = simple("Age", "greaterThanOrEqual", str(first)) if first else ""
                rows, seconds, busy = read(simulator, soap, key, filter_, arguments.pages)
                print(
                    f"{size:>10,} rows, from the {place:9}: {rows / seconds:>8,.0f} rows/s,"
                    f" {rows / busy:>8,.0f} for each second of the server's processor"
                )


if __name__ == "__main__":
    main()
