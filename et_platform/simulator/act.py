"""`etp sim act`: make subscribers do something in a running simulator.

What belongs here: options, and the outcome as one line of JSON. What does not: reaching the simulator (`remote.py`),
what an act does (`control.py` and `tracking/`).
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import click

from et_platform.simulator import control, remote
from et_platform.simulator.tracking import events


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
@remote.options
@_keys("sent", "A message was sent to these subscribers.")
@_keys("open", "They opened it.")
@_keys("click", "They clicked a link in it.")
@_keys("bounce", "It came back.")
@_keys("complaint", "They called it spam; their status becomes Unsubscribed.")
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
def act(simulator: remote.Simulator, at: str | None, **given: Any) -> None:
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
    click.echo(json.dumps(simulator.ask(control.ACT, wanted), ensure_ascii=False))
