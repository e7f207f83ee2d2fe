"""The verbs of consent: `etp consent show` tells why somebody is out or in, `etp consent pull` reads statuses.

What belongs here: options, and one call each. What does not: logic.
"""

import json

import click

from et_platform.cli.common import configured, ended, explained


@click.group()
def consent() -> None:
    """Show what is known of a person's consent, and read ExactTarget's changes of statuses."""


@consent.command()
@click.argument("key")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def show(key: str, as_json: bool) -> None:
    """Tell every dated word about the consent of subscriber KEY, oldest first, and what follows from them.

    From the lake alone, as it is; no personal data is shown.
    """
    from et_platform.resources import build_road
    from et_platform.trace import consent as told

    settings, catalog = configured()
    with explained():
        road = build_road(settings, run_id="etp consent", tell=click.echo)
        found = told.consent_of(road.lake, catalog, key, mid=road.mid)
    if as_json:
        click.echo(json.dumps(told.as_json(found), indent=2, ensure_ascii=False))
        return
    for line in told.lines(found):
        click.echo(line)


@consent.command()
def pull() -> None:
    """Read how subscribers' statuses changed in ExactTarget: complaints, holds, opt-outs without an event."""
    from et_platform.instance import materialize

    settings, catalog = configured("exacttarget")
    told = [name for name, one in catalog.extracts.items() if one.is_.tells_of_consent]
    if not told:
        raise click.ClickException(
            "No extract of the catalogue tells of unsubscribes, so nothing says whose statuses matter; nothing was "
            "read. Declare one in extracts/, with `events` that name unsubscribe."
        )
    ended([materialize(settings, [("status_change", name) for name in told])])
