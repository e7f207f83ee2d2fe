"""Our reading of data-extension rows into Arrow against a bare lxml reader and a suds client, over the same bytes.

    python benchmarks/soap_rows.py [--rows 10000 100000 1000000] [--rounds 5] [--suds]

A server in a process of its own gives every reader the same pages (2,500 rows of 15 properties, 3.5 MB each). The bare
reader asks with the same library, parses with lxml and collects values in lists by position, unchecked; ours checks,
matches names and makes Arrow batches. Each run is a process of its own, so that its peak of memory is its own; starting
it is not measured. `--suds` also installs suds-community into a temporary environment and reads two pages with it.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

API = "http://exacttarget.com/wsdl/partnerAPI"
PAGE = 2500
FIELDS = [f"Field{n:02}" for n in range(15)]
SUDS = "suds-community==1.2.0"
SUDS_ROWS = 2 * PAGE


def results() -> bytes:
    """The rows of one page: keys, names, addresses, dates, numbers, some of them empty."""
    rows = []
    for row in range(PAGE):
        values = [
            f"key-{row:07}",
            f"Ånna & Co {row}",
            f"person{row}@example.org",
            "7/14/2026 3:05:09 AM",
            str(row * 37),
        ]
        values += ["" if (row + n) % 7 == 0 else f"value {n} of row {row}" for n in range(len(FIELDS) - len(values))]
        cells = "".join(
            f"<Property><Name>{name}</Name><Value>{value.replace('&', '&amp;')}</Value></Property>"
            for name, value in zip(FIELDS, values, strict=True)
        )
        rows.append(
            '<Results xsi:type="DataExtensionObject"><PartnerKey xsi:nil="true"/><ObjectID xsi:nil="true"/>'
            f"<Type>DataExtensionObject</Type><Properties>{cells}</Properties></Results>"
        )
    return "".join(rows).encode()


def serve() -> None:
    """Answer token requests, and Retrieve requests for `DataExtensionObject[n]`: n pages."""
    rows = results()
    head = (
        '<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soap:Header/><soap:Body>'
        f'<RetrieveResponseMsg xmlns="{API}"><OverallStatus>%s</OverallStatus><RequestID>%s</RequestID>'
    )
    tail = b"</RetrieveResponseMsg></soap:Body></soap:Envelope>"

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if self.path.endswith("/v2/token"):
                url = f"http://127.0.0.1:{self.server.server_address[1]}/"
                content = json.dumps({"access_token": "t", "expires_in": 9999, "soap_instance_url": url}).encode()
            else:
                left = int(body.partition("ontinueRequest>")[2].partition("<")[0] or _between(body, "Object[", "]")) - 1
                status = "MoreDataAvailable" if left else "OK"
                content = (head % (status, left)).encode() + rows + tail
            self.send_response(200)
            self.send_header("Content-Type", "text/xml; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


def _between(text: str, before: str, after: str) -> str:
    return text.partition(before)[2].partition(after)[0]


def read_ours(url: str, pages: int) -> int:
    from et_platform.exacttarget.client import ExactTarget
    from et_platform.exacttarget.connection import Connection

    connection = Connection(auth_url=url, client_id="id", client_secret="secret", mid=1)  # pyright: ignore
    with ExactTarget(connection) as exacttarget:
        exacttarget.log_in()
        exacttarget._soap.types  # noqa: B018 - the WSDL is loaded once in a process, not once in a read
        start = time.perf_counter()
        rows = sum(batch.num_rows for batch in exacttarget.rows.read(customer_key=str(pages), fields=FIELDS))
        report(start, rows)
    return rows


def read_bare(url: str, pages: int) -> None:
    import lxml.etree as etree
    import requests

    session = requests.Session()
    request = (
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
        f'<RetrieveRequestMsg xmlns="{API}"><RetrieveRequest><ObjectType>DataExtensionObject[{pages}]</ObjectType>'
        "%s</RetrieveRequest></RetrieveRequestMsg></soap:Body></soap:Envelope>"
    )
    rows, more = 0, ""
    start = time.perf_counter()
    while True:
        content = session.post(f"{url}Service.asmx", data=(request % more).encode()).content
        root = etree.fromstring(content)
        values = [one.text for one in root.iter(f"{{{API}}}Value")]
        columns = [values[at :: len(FIELDS)] for at in range(len(FIELDS))]
        rows += len(columns[0])
        if root.findtext(f".//{{{API}}}OverallStatus") == "OK":
            break
        more = f"<ContinueRequest>{root.findtext(f'.//{{{API}}}RequestID')}</ContinueRequest>"
    report(start, rows)


def report(start: float, rows: int) -> None:
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "rows": rows, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))


READ_WITH_SUDS = """
import sys, time, json
from suds.client import Client
wsdl, url, pages = sys.argv[1:]
client = Client(wsdl, location=url + "Service.asmx", cache=None)
request = client.factory.create("RetrieveRequest")
request.ObjectType = f"DataExtensionObject[{pages}]"
request.Properties = FIELDS
start, rows = time.perf_counter(), 0
while True:
    reply = client.service.Retrieve(request)
    rows += len([{p.Name: p.Value for p in one.Properties.Property} for one in reply.Results])
    if reply.OverallStatus == "OK":
        break
    request.ContinueRequest = reply.RequestID
print(json.dumps({"seconds": time.perf_counter() - start, "rows": rows}))
"""


def suds_rows_a_second(url: str) -> float:
    with tempfile.TemporaryDirectory(prefix="suds-") as name:
        venv.create(name, with_pip=True)
        python = Path(name) / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", SUDS], check=True)
        wsdl = (ROOT / "et_platform" / "wsdl" / "etframework.wsdl").as_uri()
        script = READ_WITH_SUDS.replace("FIELDS", repr(FIELDS))
        command = [python, "-c", script, wsdl, url, str(SUDS_ROWS // PAGE)]
        done = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        assert done["rows"] == SUDS_ROWS
        return done["rows"] / done["seconds"]


@contextmanager
def running_server() -> Iterator[str]:
    with subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}/"
        finally:
            server.terminate()


def run(how: str, url: str, rows: int) -> dict:
    command = [sys.executable, __file__, "--read", how, url, str(rows // PAGE)]
    done = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert done["rows"] == rows, f"{how} read {done['rows']} rows of {rows}"
    return done


def compare(url: str, rows: int, rounds: int) -> float:
    """Print one line; returns our rows a second."""
    pairs = []
    for nth in range(rounds):
        order = ("ours", "bare") if nth % 2 else ("bare", "ours")
        done = {how: run(how, url, rows) for how in order}
        pairs.append((done["bare"], done["ours"]))
    ratios = [bare["seconds"] / ours["seconds"] for bare, ours in pairs]
    bare, ours = (statistics.median(rows / one["seconds"] for one in each) for each in zip(*pairs, strict=True))
    peaks = [max(one["peak"] for one in each) // 1024 for each in zip(*pairs, strict=True)]
    print(
        f"{rows} rows, {rounds} pairs: ours / bare lxml = {statistics.median(ratios):.2f} (min {min(ratios):.2f}, max "
        f"{max(ratios):.2f}); median rows/s ours {ours:,.0f}, bare {bare:,.0f}; peak MiB {peaks[1]} and {peaks[0]}"
    )
    return ours


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--suds", action="store_true", help=f"also read with {SUDS}, which is installed for it")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--read", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve()
    elif arguments.read:
        how, url, pages = arguments.read
        {"ours": read_ours, "bare": read_bare}[how](url, int(pages))
    else:
        from benchmarks.machine import machine

        print(machine("lxml", "pyarrow", "requests"))
        with running_server() as url:
            speeds = [compare(url, rows, arguments.rounds) for rows in arguments.rows]
            if arguments.suds:
                theirs = suds_rows_a_second(url)
                print(f"ours / {SUDS} = {statistics.median(speeds) / theirs:.0f}; suds rows/s {theirs:,.0f}")


if __name__ == "__main__":
    main()
