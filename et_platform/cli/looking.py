"""Verbs that look and change nothing: trace, ui.

What belongs here: options, and one call each. What does not: logic.
"""

import click

from et_platform.cli.common import configured, explained


@click.command()
@click.argument("entity")
@click.argument("key", nargs=-1, required=True)
def trace(entity: str, key: tuple[str, ...]) -> None:
    """Tell everything that happened to the row KEY of ENTITY (`etp trace customer NTO-000001`), oldest first.

    A key of several columns is given in as many words, in their order.
    From the lake and the ledger alone; personal data is masked.
    """
    from et_platform.resources import build_road
    from et_platform.trace.timeline import Sources, key_of, lines, timeline

    settings, catalog = configured()
    with explained():
        declared = catalog.entity(entity)
        road = build_road(settings, run_id="etp trace", tell=click.echo)
        mids = {name: unit.mid for name, unit in settings.business_units.items()}
        found = timeline(
            Sources(road.mid, road.lake, road.ledger, road.files, mids), catalog, declared, key_of(declared, key)
        )
    for line in lines(found):
        click.echo(line)


@click.command()
@click.option("--port", default=3000, show_default=True, help="Port on 127.0.0.1; another one if it is taken.")
def ui(port: int) -> None:
    """Serve the Dagster UI and its daemon on loopback until Ctrl-C."""
    from et_platform import settings as configuration
    from et_platform.instance import prepare_home
    from et_platform.ui import UiFailed, free_port, serving, wait_for_the_end

    try:
        with serving(home=prepare_home(configuration.load()), port=free_port(port)) as url:
            click.echo(f"The Dagster UI serves at {url} (Ctrl-C ends it).")
            wait_for_the_end()
    except UiFailed as error:
        raise click.ClickException(str(error)) from None
