"""Verbs of the way out: plan, apply, forget.

What belongs here: options, and one call each. What does not: logic.
"""

import click

from et_platform.cli.common import configured, ended, explained


@click.command()
@click.argument("data_extension")
def plan(data_extension: str) -> None:
    """Read the CRM and show what would be imported into DATA_EXTENSION; nothing is sent."""
    _run(["crm_snapshot", "change_set"], data_extension)


@click.command()
@click.argument("data_extension")
def apply(data_extension: str) -> None:
    """Read the CRM, send opt-outs, plan, and import what changed into DATA_EXTENSION."""
    _run(["crm_snapshot", "opt_out", "change_set", "import_file", "data_extension"], data_extension)


def _run(steps: list[str], data_extension: str) -> None:
    settings, catalog = configured("crm", "exacttarget")
    with explained():
        declared = catalog.data_extension(data_extension)
    from et_platform.instance import materialize

    if declared.is_.consent is None:
        steps = [step for step in steps if step != "opt_out"]
    names = {"crm_snapshot": catalog.entity_of(declared).name}
    ended([materialize(settings, [(step, names.get(step, data_extension)) for step in steps])])


@click.command()
@click.argument("data_extension")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(data_extension: str, yes: bool) -> None:
    """Forget what is acknowledged of DATA_EXTENSION, so that the next apply sends every row anew.

    For a data extension that was emptied, deleted or restored in ExactTarget. Nothing is changed there.
    """
    from et_platform.outbound.forget import forget_acknowledged
    from et_platform.resources import build_road

    settings, catalog = configured("exacttarget")
    with explained():
        declared = catalog.data_extension(data_extension)
        if not yes:
            click.confirm(f"Forget every acknowledged row of {declared.is_.customer_key}?", abort=True)
        road = build_road(settings, run_id="etp forget", tell=click.echo)
        rows = forget_acknowledged(road, declared)
    click.echo(f"{rows} acknowledged rows forgotten; the next `etp apply {data_extension}` sends every row.")
