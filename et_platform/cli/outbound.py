"""Verbs of the way out: plan, apply, forget.

What belongs here: options, and one call each. What does not: logic.
"""

import click

from et_platform.cli.common import configured, ended, explained

_IN_UNIT = click.option("--unit", help="Business unit, where the data extension lives in several.")


@click.command()
@click.argument("data_extension")
@_IN_UNIT
def plan(data_extension: str, unit: str | None) -> None:
    """Read the CRM and show what would be imported into DATA_EXTENSION; nothing is sent."""
    _run(["change_set"], data_extension, unit)


@click.command()
@click.argument("data_extension")
@_IN_UNIT
def apply(data_extension: str, unit: str | None) -> None:
    """Read the CRM, send opt-outs, plan, and import what changed into DATA_EXTENSION."""
    _run(["opt_out", "change_set", "import_file", "data_extension"], data_extension, unit)


def _run(steps: list[str], data_extension: str, unit: str | None) -> None:
    settings, catalog = configured("crm")
    with explained():
        declared = catalog.data_extension(data_extension, unit)
        settings.of_unit(declared.unit).require("exacttarget")
    from et_platform.instance import behind, materialize

    if declared.is_.consent is None:
        steps = [step for step in steps if step != "opt_out"]
    keys = [declared.key(step) for step in steps]
    ended([materialize(settings, [*behind(declared.key("change_set")), *keys])])


@click.command()
@click.argument("data_extension")
@_IN_UNIT
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(data_extension: str, unit: str | None, yes: bool) -> None:
    """Forget what is acknowledged of DATA_EXTENSION, so that the next apply sends every row anew.

    For a data extension that was emptied, deleted or restored in ExactTarget. Nothing is changed there.
    """
    from et_platform.outbound.forget import forget_acknowledged
    from et_platform.resources import build_road

    settings, catalog = configured()
    with explained():
        declared = catalog.data_extension(data_extension, unit)
        settings = settings.of_unit(declared.unit)
        settings.require("exacttarget")
        if not yes:
            click.confirm(f"Forget every acknowledged row of {declared.is_.customer_key}?", abort=True)
        road = build_road(settings, run_id="etp forget", tell=click.echo)
        rows = forget_acknowledged(road, declared)
    click.echo(f"{rows} acknowledged rows forgotten; the next `etp apply {declared.name}` sends every row.")
