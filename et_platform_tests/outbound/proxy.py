"""An HTTP proxy between client and simulator that acts at a chosen SOAP action: on the way there or back.

Real sockets and real requests; the only invention is the moment at which the connection breaks or a process dies.
"""

import http.client
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Proxy:
    """Forwards to `target`. `before` and `after` are called with the SOAP action around each forwarding.

    A hook that returns False makes the proxy close the connection without an answer.
    """

    def __init__(self, target: str):
        self.before: Callable[[str], bool] = lambda action: True
        self.after: Callable[[str], bool] = lambda action: True
        self.actions: list[str] = []
        upstream = urlsplit(target)
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                action = self.headers.get("SOAPAction", "").strip('"')
                proxy.actions.append(action)
                if not proxy.before(action):
                    self.close_connection = True
                    return
                connection = http.client.HTTPConnection(upstream.hostname or "", upstream.port, timeout=60)
                headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
                connection.request("POST", self.path, body, headers)
                reply = connection.getresponse()
                content = reply.read()
                connection.close()
                if not proxy.after(action):
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                self.send_header("Content-Type", reply.headers.get("Content-Type", "text/xml"))
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format, *args):  # noqa: A002 - the base class named it
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
