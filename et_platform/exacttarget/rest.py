"""Rows of data extensions over REST, for who has them at hand as JSON; `rows.py` and files carry more.

Belongs here: the calls, their repeats, what an answer of REST means. Does not: other sections of REST. A message of the
service may quote a row's value, so an error tells its number and not its words.
"""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import requests

from et_platform.exacttarget.account_models import TokenContext
from et_platform.exacttarget.auth import Logins, Token
from et_platform.exacttarget.connection import Retries, Timeouts
from et_platform.exacttarget.errors import (
    AuthenticationFailed,
    ExactTargetError,
    InDoubt,
    InvalidDefinition,
    MalformedReply,
    Misconfigured,
    NotFound,
    PermissionDenied,
    ServiceUnavailable,
    Throttled,
    Unreachable,
)
from et_platform.exacttarget.http import Reply, send
from et_platform.exacttarget.limits import Limits
from et_platform.exacttarget.models import RestWrite

MOST_ROWS = 2500
"""Rows in a page [D]."""

_PASSING = (Unreachable, ServiceUnavailable, Throttled, MalformedReply)
_NOT_DONE = ("pending", "executing", "queued")
Row = Mapping[str, str | int | float | bool | None]


class Rest:
    """The REST service; threads may share it. Every method raises the errors of `errors.py`."""

    def __init__(
        self, *, tokens: Logins, session: requests.Session, timeouts: Timeouts, retries: Retries, limits: Limits
    ):
        self._tokens, self._session, self._limits = tokens, session, limits
        self._timeouts, self._retries = timeouts, retries

    def endpoints(self) -> dict[str, str]:
        """The addresses of the account's services by their kind, such as `soap`."""
        what = "Asking for the endpoints"
        reply = self._call("GET", "platform/v1/endpoints", what=what)
        return {str(one["type"]): str(one["url"]) for one in _listed(reply, "items", what)}

    def token_context(self) -> TokenContext:
        """Of whom the access token is. Raises MalformedReply."""
        what = "Asking for the token's context"
        reply = self._call("GET", "platform/v1/tokenContext", what=what)
        enterprise, unit, user = (_number(reply, name) for name in ("enterprise", "organization", "user"))
        if enterprise is None or unit is None:
            raise MalformedReply(f"{what}: the answer names no enterprise and organization. Try again later.")
        return TokenContext(enterprise_mid=enterprise, mid=unit, user_id=user)

    def read(
        self,
        *,
        customer_key: str,
        fields: Sequence[str] = (),
        where: str = "",
        order_by: str = "",
        page_size: int = MOST_ROWS,
    ) -> Iterator[list[dict[str, str]]]:
        """Every row, page by page; texts as the service gives them, '' for null, names in lower case [R].

        `where` is a `$filter`, such as `City eq 'Bonn'`, `order_by` an `$orderBy`, such as `City desc`. A page is asked
        for again when its answer was lost: it has a number. Raises NotFound.
        """
        what = f"Reading rows of data extension {customer_key} over REST"
        asked = {"$pageSize": str(page_size), "$fields": ",".join(fields), "$filter": where, "$orderBy": order_by}
        path = f"data/v1/customobjectdata/key/{quote(customer_key, safe='')}/rowset"
        reply = self._call("GET", path, what=what, query={name: text for name, text in asked.items() if text})
        while True:
            items = _listed(reply, "items", what, may_lack=True)  # without rows there are none [R]
            if items:
                yield [{**one.get("keys", {}), **one.get("values", {})} for one in items]
            following = (reply.get("links") or {}).get("next")
            if not following:
                return
            reply = self._call("GET", f"data/{following.lstrip('/')}", what=what)

    def upsert(self, *, customer_key: str, rows: Sequence[Row], keys: Sequence[str]) -> None:
        """Add or change rows at once; `keys` names the primary key's fields. One bad row may keep all out [K].

        The same rows again change nothing, so a call whose answer was lost is repeated. Raises InvalidDefinition
        (10006 rows that cannot be saved, 10000 a bad key or column, 10001 no such data extension).
        """
        if not rows:
            return
        sent = [
            {
                "keys": {name: row[name] for name in keys},
                "values": {name: value for name, value in row.items() if name not in keys},
            }
            for row in rows
        ]
        what = f"Upserting {len(rows)} rows of data extension {customer_key} over REST"
        self._call("POST", f"hub/v1/dataevents/{_key(customer_key)}/rowset", what=what, content=sent)

    def increment(self, *, customer_key: str, keys: Mapping[str, str], field: str, step: int = 1) -> None:
        """Add `step` to a number of the row of these keys; a row that is not there is made [K]. Never repeated.

        Raises InvalidDefinition for a field that is no number, or keys that have no place in an address, NotFound, and
        InDoubt if the answer was lost: read the row before you add again.
        """
        what = f"Adding to {field} of a row of data extension {customer_key} over REST"
        if not keys or any(re.search("[,:]", name) or "," in value for name, value in keys.items()):
            raise InvalidDefinition(
                f"{what} was not sent: keys stand in the address as NAME:VALUE,NAME:VALUE, so there must be one, and "
                "no commas in them. Write the row by `rows` instead."
            )
        row = quote(",".join(f"{name}:{value}" for name, value in keys.items()), safe="")
        path = f"hub/v1/dataevents/{_key(customer_key)}/rows/{row}/column/{quote(field, safe='')}/increment"
        self._call("PUT", path, what=what, query={"step": str(step)}, is_safe=False)

    def insert_later(self, *, customer_key: str, rows: Sequence[Row]) -> str:
        """Hand over rows to be added; the request's id for `state_of`. Raises InDoubt if the answer was lost."""
        return self._later("POST", f"Handing over {len(rows)} new rows", customer_key, rows)

    def upsert_later(self, *, customer_key: str, rows: Sequence[Row]) -> str:
        """Hand over rows to be added or changed; the request's id for `state_of`. Raises NotFound."""
        return self._later("PUT", f"Handing over {len(rows)} rows", customer_key, rows)

    def state_of(self, *, request_id: str) -> RestWrite:
        """How far a request is that was handed over. Raises NotFound."""
        what, path = f"Asking for request {request_id}", f"data/v1/async/{quote(request_id, safe='')}"
        reply = self._call("GET", f"{path}/status", what=what)
        status = reply.get("status")
        if not isinstance(status, dict):
            raise NotFound(f"{what}: the service does not know it (any more). Read the rows back.")
        done = str(status.get("requestStatus", "")).lower() not in _NOT_DONE
        if not (done and status.get("hasErrors")):
            return RestWrite(request_id=request_id, is_done=done)
        told = _listed(self._call("GET", f"{path}/results", what=what), "items", what, may_lack=True)
        errors = tuple(str(one.get("message", "")) for one in told)
        return RestWrite(request_id=request_id, is_done=True, has_errors=True, errors=errors)

    def _later(self, method: str, doing: str, customer_key: str, rows: Sequence[Row]) -> str:
        what = f"{doing} of data extension {customer_key} over REST"
        path, content = (
            f"data/v1/async/dataextensions/{_key(customer_key)}/rows",
            {"items": [dict(one) for one in rows]},
        )
        reply = self._call(method, path, what=what, content=content, is_safe=method == "PUT")
        told = [one.get("resultCode", "") for one in reply.get("resultMessages") or []]
        if told:
            raise NotFound(
                f"{what} was refused: {', '.join(map(str, told))}. Check the customer key and the unit (MID)."
            )
        if not reply.get("requestId"):
            raise MalformedReply(f"{what}: the answer has no requestId. Read the rows back.")
        return str(reply["requestId"])

    def _call(
        self,
        method: str,
        path: str,
        *,
        what: str,
        query: Mapping[str, str] | None = None,
        content: Any = None,
        is_safe: bool = True,
    ) -> dict[str, Any]:
        """One call with its repeats; the answer's JSON. A list, which some calls echo, is given as {}."""
        for attempt in range(1, self._retries.attempts + 1):
            try:
                return self._renewing(method, path, what, query, content)
            except _PASSING as error:
                never_arrived = isinstance(error, Unreachable) and not error.sent
                if not (is_safe or never_arrived or isinstance(error, Throttled)):
                    raise InDoubt(
                        f"{what} is in doubt: {error} It may have taken effect. Look before you repeat it."
                    ) from error
                if attempt == self._retries.attempts or not (is_safe or never_arrived):
                    raise
            time.sleep(self._retries.first_wait * 2 ** (attempt - 1))
        raise AssertionError("the last attempt returns or raises")

    def _renewing(
        self, method: str, path: str, what: str, query: Mapping[str, str] | None, content: Any
    ) -> dict[str, Any]:
        """A call; once more with a new token after HTTP 401, which did nothing."""
        token = self._tokens.current()
        reply = self._send(token, method, path, what, query, content)
        if reply.status_code == 401:
            token = self._tokens.renew(token)
            reply = self._send(token, method, path, what, query, content)
        if reply.status_code == 401:
            self._tokens.forget(token)
            raise AuthenticationFailed(
                f"{what} was refused at the door. Nothing was done. Check client id, client secret and MID."
            )
        try:
            told = reply.json()
        except ValueError:
            told = None
        if reply.status_code >= 300:
            raise _error(reply.status_code, told, what)
        if isinstance(told, dict | list | str):
            return told if isinstance(told, dict) else {}
        raise MalformedReply(f"{what}: the answer of HTTP {reply.status_code} is no JSON. Try again later.")

    def _send(
        self, token: Token, method: str, path: str, what: str, query: Mapping[str, str] | None, content: Any
    ) -> Reply:
        if token.user is not None:
            raise Misconfigured(f"{what} was not sent: REST takes no user's name and password. Use a package's keys.")
        if not token.rest_url:
            raise Misconfigured(f"{what} was not sent: the token service names no REST address with HTTPS. Check it.")
        with self._limits.call():
            return send(
                self._session,
                method,
                f"{token.rest_url.rstrip('/')}/{path}",
                timeout=(self._timeouts.connect, self._timeouts.sync),
                what=what,
                params=query,
                json=content,
                headers={"Authorization": f"Bearer {token.value.get_secret_value()}"},
            )


def _key(customer_key: str) -> str:
    return f"key:{quote(customer_key, safe='')}"


def _number(reply: Mapping[str, Any], name: str) -> int | None:
    one = reply.get(name)
    number = one.get("id") if isinstance(one, dict) else None
    return number if isinstance(number, int) else None


def _listed(reply: Mapping[str, Any], name: str, what: str, *, may_lack: bool = False) -> list[dict[str, Any]]:
    found = reply.get(name, [] if may_lack else None)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise MalformedReply(f"{what}: the answer's {name} are not what is documented. Try again later.")
    return found


def _error(status: int, told: Any, what: str) -> ExactTargetError:
    code = told.get("errorcode") if isinstance(told, dict) else None
    code = code if isinstance(code, int) else None
    shown = f"{what} was answered by HTTP {status}" + (f" and error {code}" if code else "")
    if status == 429:
        return Throttled(f"{shown}. Make fewer calls and try again later.", code=code)
    if status >= 500:
        return ServiceUnavailable(f"{shown}. Try again later, and ask the system status.", code=code)
    if status == 403:
        return PermissionDenied(f"{shown}. Give the installed package the permission.", code=code)
    if status == 404:
        return NotFound(f"{shown}. Check the customer key and the business unit (MID).", code=code)
    return InvalidDefinition(f"{shown}. Nothing was done. Check keys, columns and values of the rows.", code=code)
