"""One page, served once on loopback, that takes a browser into ExactTarget.

What belongs here: the address that may be told, and serving it. What does not: the page (exacttarget/direct_login.py).
The token is asked for when the browser comes, not before: its 30 seconds begin then, and the address holds none.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

from et_platform.exacttarget.direct_login import Page


class NobodyCame(Exception):
    """The page was not asked for within its time; no token was asked for either."""


class LoginPage:
    """A page that waits at `url`."""

    def __init__(self, server: HTTPServer, path: str, made: Callable[[], Page]):
        self._server, self._path, self._made = server, path, made
        self._outcome: Exception | None = None
        self._is_over = False
        self.url = f"http://127.0.0.1:{server.server_port}{path}"

    def serve(self, *, seconds: float) -> None:
        """Wait for the browser and give it the page. Raises NobodyCame, and what making the page raised."""
        deadline = time.monotonic() + seconds
        while not self._is_over and (left := deadline - time.monotonic()) > 0:
            self._server.timeout = left
            self._server.handle_request()
        if self._outcome is not None:
            raise self._outcome
        if not self._is_over:
            raise NobodyCame(f"Nobody opened the page within {seconds:.0f} s. Run this again, and open its address.")

    def answer(self, path: str) -> Page | None:
        """The page for the one who knows its path, once. Nobody else is told anything."""
        if self._is_over or not secrets.compare_digest(path.encode(), self._path.encode()):
            return None
        self._is_over = True
        try:
            return self._made()
        except Exception as error:
            self._outcome = error
            raise


class _Server(HTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """The connection ends without an answer; `serve` tells the terminal why."""


@contextmanager
def waiting(made: Callable[[], Page]) -> Iterator[LoginPage]:
    """A page on a free port of 127.0.0.1 for the block, under a path that cannot be guessed."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 5  # a connection that says nothing holds up nobody for longer

        def do_GET(self) -> None:
            found = login.answer(self.path)
            self.send_response(200 if found else 404)
            for name, value in (found.headers if found else {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(found.html.encode() if found else b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Nothing is logged: the path is a secret."""

    with _Server(("127.0.0.1", 0), Handler) as server:
        login = LoginPage(server, f"/{secrets.token_urlsafe(24)}", made)
        yield login
