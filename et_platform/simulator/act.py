"""`etp sim act`: make subscribers do something in a running simulator.

What belongs here: options, finding the simulator and its credentials, the outcome as one line of JSON.
What does not: what an act does (`control.py` and `tracking/`).
"""

from __future__ import annotations

import http.client
import json
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from et_platform.simulator import control
from et_platform.simulator.account import Account
from et_platform.simulator.tracking import events

_TIMEOUT_SECONDS = 60


class _ManyKeys(click.Command):
    """Lets one option take several keys: `--open A B` is `--open A --open B`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option in front of each key, and parse."""
        valued = {name for one in self.params if isinstance(one, click.Option) and not one.is_flag for name in one.opts}
        many = {f"--{kind}" for kind in events.TYPES}
        spread: list[str] = []
        current, awaiting = None, False
        for word in args:
            if not awaiting and word.startswith("--"):
                name, equals, _ = word.partition("=")
                current = name if name in many else None
                awaiting = name in valued and not equals
                spread.append(word)
                continue
            if not awaiting and current:
                spread.append(current)
            spread.append(word)
            awaiting = False
        return super().parse_args(ctx, spread)


def _keys(kind: str, text: str) -> Any:
    return click.option(f"--{kind}", kind, multiple=True, metavar="KEY...", help=text)


@click.command(cls=_ManyKeys, short_help="Make subscribers of a running simulator do something.")
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="Data folder of the simulator.")
@click.option("--url", help="Its address, instead of --data; needs client id and secret.")
@click.option("--client-id", envvar="ET_CLIENT_ID", show_envvar=True, help="With --url.")
@click.option("--client-secret", envvar="ET_CLIENT_SECRET", show_envvar=True, help="With --url.")
@_keys("sent", "A message was sent to these subscribers.")
@_keys("open", "They opened it.")
@_keys("click", "They clicked a link in it.")
@_keys("bounce", "It came back.")
@_keys("unsubscribe", "They opted out; their status becomes Unsubscribed.")
@click.option("--mid", help="Business unit. Default: the enterprise.")
@click.option("--at", help="When, as ISO 8601; without a zone in server time (UTC-6). Default: now.")
@click.option("--send-id", type=click.IntRange(1), help="SendID of the message. Default: 1001.")
@click.option("--batch-id", type=click.IntRange(1), help="BatchID. Default: 1.")
@click.option("--list-id", type=click.IntRange(1), help="ListID. Default: 1.")
@click.option("--triggered-send", help="TriggeredSendExternalKey. Default: none.")
@click.option("--link", help="URL of a click.")
@click.option("--alias", help="Alias of the link.")
@click.option("--bounce-category", help="Such as Hard bounce, Soft bounce, Block bounce.")
@click.option("--smtp-code", help="SMTPCode of a bounce.")
@click.option("--bounce-reason", help="BounceReason.")
@click.option("--unsub-reason", help="UnsubReason; files tell it only with IncludeUnsubReason.")
@click.pass_context
def act(context: click.Context, data: Path | None, url: str | None, at: str | None, **given: Any) -> None:
    """Make subscribers of a running simulator do something: send, open, click, bounce, unsubscribe.

    Each option takes several keys and may be repeated. Prints one line of JSON.
    """
    wanted: dict[str, Any] = {"events": {kind: list(given[kind]) for kind in events.TYPES if given[kind]}}
    if not wanted["events"]:
        raise click.UsageError("give at least one of " + ", ".join(f"--{kind} KEY" for kind in events.TYPES))
    if at is not None:
        try:
            wanted["at"] = datetime.fromisoformat(at).isoformat()
        except ValueError as error:
            raise click.UsageError(f"--at {at!r} is no ISO 8601 date and time") from error
    for name in ("mid", "send_id", "batch_id", "list_id", "triggered_send"):
        if given[name] is not None:
            wanted[name] = given[name]
    details = {
        "URL": given["link"],
        "Alias": given["alias"],
        "BounceCategory": given["bounce_category"],
        "SMTPCode": given["smtp_code"],
        "BounceReason": given["bounce_reason"],
        "UnsubReason": given["unsub_reason"],
    }
    wanted["details"] = {name: text for name, text in details.items() if text is not None}
    parent = context.parent.params.get("data") if context.parent else None
    address, authorization = _found(data or parent, url, given["client_id"], given["client_secret"])
    click.echo(json.dumps(_asked(address, authorization, wanted), ensure_ascii=False))


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


def _asked(address: str, authorization: str, wanted: dict[str, Any]) -> dict[str, Any]:
    parts = urlsplit(address)
    if parts.scheme != "http" or not parts.hostname:
        raise click.ClickException(f"{address} is no address of a simulator: http://HOST:PORT/ is needed")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(parts.hostname, parts.hostname)
    connection = http.client.HTTPConnection(host, parts.port or 80, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request(
            "POST",
            f"/{control.PATH}",
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
