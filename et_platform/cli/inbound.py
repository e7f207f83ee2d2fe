"""Verbs of the way back: request, pull, writeback.

What belongs here: options, and one call each. What does not: logic.
"""

from datetime import datetime

import click

from et_platform.cli.common import configured, ended, explained, told


@click.command()
@click.argument("extract")
@click.argument("day", type=click.DateTime(["%Y-%m-%d"]), required=False)
@click.option("--again", is_flag=True, help="Ask anew although the answer to an earlier request is waited for.")
def request(extract: str, day: datetime | None, again: bool) -> None:
    """Ask ExactTarget for the EXTRACT of a DAY of its server time (default: today, as far as it has come)."""
    from et_platform.inbound.windows import SERVER_ZONE
    from et_platform.instance import materialize

    settings, catalog = configured("exacttarget")
    with explained():
        declared = catalog.extract(extract)
    wanted = (day or datetime.now(SERVER_ZONE)).date().isoformat()
    step = f"extract_request__{declared.name}"
    config = {step: {"again": again}}
    ended([materialize(settings, [("extract_request", declared.name)], partition=wanted, config=config)])


@click.command()
@click.option("--pause", default=2.0, show_default=True, help="Seconds between the two looks that must agree.")
def pull(pause: float) -> None:
    """Look at the FTP site's Export folder, as the sensor does, and load every complete file of an extract."""
    from et_platform.pull import look, take

    settings, catalog = configured("exacttarget")
    with explained():
        seen = look(settings, catalog, between_seconds=pause)
    for why in seen.waiting.values():
        click.echo(why)
    if not seen.complete and not seen.waiting:
        click.echo("Export holds no file of a declared extract that is not loaded already.")
    if not told(take(settings, catalog, seen)):
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("entity")
def writeback(entity: str) -> None:
    """Read the CRM's ENTITY and write back what ExactTarget knows of it: opt-outs, and engagement from its mart."""
    from et_platform.instance import materialize, models_of

    settings, catalog = configured("crm")
    with explained():
        written = catalog.write_back(catalog.entity(entity).name)
        mart = written.is_.engagement.mart
        models = models_of(mart) if mart is not None else []
    # In a run of their own: an opt-out must not wait for figures, nor for a model that fails.
    built = told([materialize(settings, models)]) if models else True
    home = told([materialize(settings, [("crm_snapshot", written.name), ("crm_writeback", written.name)])])
    if not (built and home):
        raise click.exceptions.Exit(1)
