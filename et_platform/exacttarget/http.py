"""One HTTP request, with what can go wrong on the way named by whether the request may have arrived.

Belongs here: sending and receiving bytes. Does not: what an answer means (`auth.py`, `soap.py`).
"""

import json
from dataclasses import dataclass, field
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from et_platform.exacttarget.errors import Unreachable, UntrustedCertificate

THREADS = 20
"""No more synchronous threads than this [D], so no more connections are kept."""


_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that has come whole, of any status."""

    status_code: int
    url: str
    content: bytes = field(repr=False)

    def json(self) -> Any:
        """The content as JSON. Raises ValueError."""
        return json.loads(self.content)


def open_session() -> requests.Session:
    """A session that keeps connections for several threads. Proxies and CA bundles come from the environment."""
    session = requests.Session()
    adapter = HTTPAdapter(pool_maxsize=THREADS)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def post(session: requests.Session, url: str, *, timeout: tuple[float, float], what: str, **content: Any) -> Reply:
    """POST; see `send`."""
    return send(session, "POST", url, timeout=timeout, what=what, **content)


def send(
    session: requests.Session, method: str, url: str, *, timeout: tuple[float, float], what: str, **content: Any
) -> Reply:
    """Ask and read the whole answer, of any status; redirects are not followed, for they would lose the body.

    Raises Unreachable, whose `sent` says whether the request may have arrived, and UntrustedCertificate.
    """
    try:
        with session.request(method, url, timeout=timeout, allow_redirects=False, stream=True, **content) as response:
            # In large pieces: the library's own way of reading everything takes 10 KiB at a time.
            return Reply(response.status_code, response.url, b"".join(response.iter_content(_PIECE)))
    except requests.exceptions.SSLError as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise UntrustedCertificate(
                f"{what} was not sent: the certificate of {url} cannot be verified. Check the address, the clock and "
                "the trusted certificates (REQUESTS_CA_BUNDLE); verification is never switched off."
            ) from error
        raise _lost(what, url, error) from error
    except requests.exceptions.ReadTimeout as error:
        raise Unreachable(
            f"{what} to {url} got no answer within {timeout[1]:g} s; it may have arrived. Try again later.", sent=True
        ) from error
    except requests.exceptions.RequestException as error:
        if _is_before_sending(error):
            raise Unreachable(
                f"{what} was not sent: no connection to {url}. Check address, network and proxy, and try again later.",
                sent=False,
            ) from error
        raise _lost(what, url, error) from error


def _lost(what: str, url: str, error: Exception) -> Unreachable:
    return Unreachable(
        f"{what} to {url} broke off ({type(error).__name__}); it may have arrived. Try again later.", sent=True
    )


def _is_before_sending(error: BaseException) -> bool:
    """Whether the connection itself failed; requests hides that in the arguments and reasons of its errors."""
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.MissingSchema):
        return True
    seen: list[BaseException] = [error]
    while seen:
        one = seen.pop()
        if isinstance(one, NewConnectionError | ConnectTimeoutError | NameResolutionError):
            return True
        seen += [inner for inner in (*one.args, getattr(one, "reason", None)) if isinstance(inner, BaseException)]
    return False
