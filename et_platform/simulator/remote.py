"""Reaching a running simulator from the command line, for every verb that makes something happen in it.

What belongs here: the options that say which simulator is meant, its credentials, and asking its control endpoints.
What does not: what the verbs are (`act.py`, `advance.py`) and do (`control.py`).
"""

from __future__ import annotations

import functools
import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from et_platform.simulator import control
from et_platform.simulator.account import Account

_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Simulator:
    """The running simulator that a command means: by its data folder, or by address and secret."""

    data: Path | None
    url: str | None
    client_id: str | None
    client_secret: str | None = field(repr=False)

    def ask(self, path: str, wanted: dict[str, Any]) -> dict[str, Any]:
        """Send a request to a control endpoint; the reply. Raises ClickException with the reason, UsageError."""
        address, authorization = _found(self.data, self.url, self.client_id, self.client_secret)
        return _asked(address, authorization, path, wanted)


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that name a simulator; it gets a `Simulator` in their place."""

    @click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="Data folder of the simulator.")
    @click.option("--url", help="Its address, instead of --data; needs client id and secret.")
    @click.option("--client-id", envvar="ET_CLIENT_ID", show_envvar=True, help="With --url.")
    @click.option("--client-secret", envvar="ET_CLIENT_SECRET", show_envvar=True, help="With --url.")
    @click.pass_context
    @functools.wraps(command)
    def with_simulator(
        context: click.Context,
        data: Path | None,
        url: str | None,
        client_id: str | None,
        client_secret: str | None,
        **given: Any,
    ) -> Any:
        above = context.parent
        while data is None and above is not None:
            data, above = above.params.get("data"), above.parent
        return command(Simulator(data, url, client_id, client_secret), **given)

    return with_simulator


def _found(data: Path | None, url: str | None, client_id: str | None, client_secret: str | None) -> tuple[str, str]:
    """Address and Authorization header of the simulator that is meant."""
    if url is not None:
        if not (client_id and client_secret):
            raise click.UsageError("--url needs --client-id and --client-secret")
        account = Account(client_id=client_id, client_secret=client_secret, mid="", sftp_password="", token_key="")
        return url, control.credentials(account)
    if data is None:
        raise click.UsageError("--data DIR or --url URL is needed")
    try:
        account = Account.model_validate_json((data / "account.json").read_bytes())
    except FileNotFoundError as error:
        raise click.ClickException(f"no simulator has run on {data}: start one with `etp sim --data {data}`") from error
    except ValueError as error:
        raise click.ClickException(f"{data / 'account.json'} cannot be read") from error
    return account.base_url, control.credentials(account)


def _asked(address: str, authorization: str, path: str, wanted: dict[str, Any]) -> dict[str, Any]:
    parts = urlsplit(address)
    if parts.scheme != "http" or not parts.hostname:
        raise click.ClickException(f"{address} is no address of a simulator: http://HOST:PORT/ is needed")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(parts.hostname, parts.hostname)
    connection = http.client.HTTPConnection(host, parts.port or 80, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request(
            "POST",
            f"/{path}",
            json.dumps(wanted).encode(),
            {"Authorization": authorization, "Content-Type": "application/json"},
        )
        reply = connection.getresponse()
        content = json.loads(reply.read())
    except (OSError, http.client.HTTPException) as error:
        raise click.ClickException(f"no simulator answers at {address}; is it running?") from error
    except ValueError as error:
        raise click.ClickException(f"what answers at {address} is no simulator") from error
    finally:
        connection.close()
    if reply.status != 200 or not isinstance(content, dict):
        reason = content.get("error") if isinstance(content, dict) else None
        raise click.ClickException(reason or f"what answers at {address} is no simulator (HTTP {reply.status})")
    return content
