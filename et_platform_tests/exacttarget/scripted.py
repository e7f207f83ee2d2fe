"""A real HTTP server that answers as a test says: for what a well-behaved service never does."""

import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar

import lxml.etree as etree
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from et_platform.exacttarget.connection import Connection, PackageLogin, Retries, SftpConnection, Timeouts

T = TypeVar("T")
API = "http://exacttarget.com/wsdl/partnerAPI"
HANG_UP = "hang up"
SILENCE = "silence"
SECRET = "s3cr3t-of-the-test"
PACKAGE = PackageLogin(client_id="id", client_secret=SECRET)  # pyright: ignore[reportArgumentType]
QUICK = Timeouts(connect=5, token=2, sync=2, retrieve=2, ftp=5)
AT_ONCE = Retries(attempts=3, first_wait=0)

Answer = tuple[int, bytes] | str


def envelope(message: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soap:Header/><soap:Body>'
        f"{message}</soap:Body></soap:Envelope>"
    ).encode()


def message(name: str, content: str) -> tuple[int, bytes]:
    return 200, envelope(f'<{name} xmlns="{API}">{content}</{name}>')


def page(*rows: dict[str, str], status: str = "OK", request_id: str = "r1") -> tuple[int, bytes]:
    results = "".join(
        '<Results xsi:type="DataExtensionObject"><Properties>'
        + "".join(f"<Property><Name>{n}</Name><Value>{v}</Value></Property>" for n, v in row.items())
        + "</Properties></Results>"
        for row in rows
    )
    head = f"<OverallStatus>{status}</OverallStatus><RequestID>{request_id}</RequestID>"
    return message("RetrieveResponseMsg", head + results)


def fault(text: str, *, kind: str = "soap:Server", code: int | None = None) -> tuple[int, bytes]:
    namespace = "urn:fault.partner.exacttarget.com"
    detail = "" if code is None else f'<detail><apifault xmlns="{namespace}"><Code>{code}</Code></apifault></detail>'
    prefix = ' xmlns:q0="urn:any"' if kind.startswith("q0:") else ""
    return 500, envelope(
        f"<soap:Fault><faultcode{prefix}>{kind}</faultcode><faultstring>{text}</faultstring>{detail}</soap:Fault>"
    )


EXPIRED = fault("Token Expired", kind="q0:Security")
STATUS_OK = message(
    "SystemStatusResponseMsg",
    "<Results><Result><StatusCode>OK</StatusCode><StatusMessage/><SystemStatus>OK</SystemStatus></Result></Results>"
    "<OverallStatus>OK</OverallStatus><OverallStatusMessage/><RequestID>r</RequestID>",
)


def performed(result: str, status: str = "OK") -> tuple[int, bytes]:
    return message(
        "PerformResponseMsg",
        f"<Results><Result>{result}</Result></Results><OverallStatus>{status}</OverallStatus><OverallStatusMessage/>"
        "<RequestID>r</RequestID>",
    )


@dataclass
class ScriptedService:
    """Answers token requests well unless told otherwise, and SOAP calls by its script, one entry each."""

    script: list[Answer] = field(default_factory=list)
    token_script: list[Answer] = field(default_factory=list)
    expires_in: int = 1079
    tokens: int = 0
    calls: list[tuple[str, bytes]] = field(default_factory=list)
    url: str = ""
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def actions(self) -> list[str]:
        return [action for action, _ in self.calls]

    def sent(self, index: int) -> etree._Element:
        return etree.fromstring(self.calls[index][1])

    def used_tokens(self) -> list[str | None]:
        return [etree.fromstring(body).findtext(".//{http://exacttarget.com}fueloauth") for _, body in self.calls]

    def connection(self, **changes: object) -> Connection:
        values = {"auth_url": self.url, "client_id": "id", "client_secret": SECRET, "mid": 7, **changes}
        return Connection.model_validate(values)

    def older(self, **login: str) -> Connection:
        """The connection of a legacy package (`client_id`, `client_secret`) or a user (`username`, `password`)."""
        return Connection.model_validate(
            {"auth_url": self.url, "soap_url": self.url, "rest_url": self.url, "mid": 7, "legacy": login}
        )

    def answer(self, path: str, action: str, body: bytes) -> Answer:
        if path.endswith("/v2/token"):
            self.tokens += 1
            reply = {
                "access_token": f"bearer-{self.tokens}",
                "expires_in": self.expires_in,
                "scope": "",
                "soap_instance_url": self.url + "/",
                "rest_instance_url": self.url + "/",
            }
            return self.token_script.pop(0) if self.token_script else (200, json.dumps(reply).encode())
        if path.endswith("/v1/requestToken?legacy=1"):
            self.tokens += 1
            reply = {"accessToken": f"bearer-{self.tokens}", "legacyToken": f"legacy-{self.tokens}", "expiresIn": 3600}
            return self.token_script.pop(0) if self.token_script else (200, json.dumps(reply).encode())
        self.calls.append((action.strip('"'), body))
        return self.script.pop(0) if self.script else (404, b"the script has no answer left")


def certificate(folder: Path) -> Path:
    """A file with a self-signed certificate for 127.0.0.1 and its private key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "server.pem"
    path.write_bytes(secret + signed.public_bytes(pem))
    return path


@contextlib.contextmanager
def scripted_service(*script: Answer, tls: Path | None = None) -> Iterator[ScriptedService]:
    service = ScriptedService(list(script))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are two writes, between which 40 ms would pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            answer = service.answer(self.path, self.headers.get("SOAPAction", ""), body)
            if answer == SILENCE:
                service.stopping.wait(30)
            if isinstance(answer, str):
                # A reset, as when the peer's process dies.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                return
            status, content = answer
            self.send_response(status)
            if status in (301, 302):
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST

        def log_message(self, *args: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    service.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield service
    finally:
        service.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def simulated_connection(info: dict) -> Connection:
    """The connection to a simulator from its ready line."""
    return Connection(
        auth_url=info["auth_url"],
        client_id=info["client_id"],
        client_secret=info["client_secret"],
        mid=info["mid"],
        sftp=SftpConnection(
            host=info["sftp_host"],
            port=info["sftp_port"],
            user=info["sftp_user"],
            password=info["sftp_password"],
            host_key=info["sftp_host_key"],
        ),
    )


def until(find: Callable[[], T | None], seconds: float = 30) -> T:
    """What `find` finds at last."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = find()
        if found is not None:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s")
