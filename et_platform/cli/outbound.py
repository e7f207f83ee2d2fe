"""Verbs of the way out: plan, apply, forget.

What belongs here: options, and one call each. What does not: logic.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from et_platform.cli.common import configured, ended, explained

if TYPE_CHECKING:
    import dagster as dg

    from et_platform.catalog.catalog import Declared
    from et_platform.catalog.models import DataExtension

_IN_UNIT = click.option("--unit", help="Business unit, where the data extension lives in several.")


_ALL = click.option("--all", "everywhere", is_flag=True, help="Every data extension, in every business unit.")
_PARALLEL = click.option(
    "--parallel",
    type=click.IntRange(1, 32),
    default=4,
    show_default=True,
    help="With --all: how many at once. ExactTarget's own limits are kept whatever is set.",
)


@click.command()
@click.argument("data_extension", required=False)
@_IN_UNIT
@_ALL
@_PARALLEL
@click.option("--save", type=click.Path(dir_okay=False, path_type=Path), help="Write the plan to this file, as JSON.")
@click.option("--json", "as_json", is_flag=True, help="Show the plan as one JSON document.")
def plan(
    data_extension: str | None, unit: str | None, everywhere: bool, parallel: int, save: Path | None, as_json: bool
) -> None:
    """Read the source and show what would be imported into DATA_EXTENSION; nothing is sent.

    What is shown, saved and on the asset's page is the same; values that are about a person are masked.
    """
    if everywhere and (save is not None or as_json):
        raise click.UsageError("--save and --json are for one data extension.")

    def show(result: "dg.ExecuteInProcessResult", declared: "Declared[DataExtension]") -> bool:
        from et_platform.terminal import outcome

        found = outcome(result, "/".join(declared.key("change_set"))).get("plan")
        text = json.dumps(found, ensure_ascii=False, indent=2) if found is not None else None
        if save is not None and text is not None:
            save.write_text(text + "\n", encoding="utf-8")
        if as_json and text is not None:
            click.echo(text)
        return as_json and text is not None

    _run(["change_set"], data_extension, unit, everywhere, parallel, show)


@click.command()
@click.argument("data_extension", required=False)
@_IN_UNIT
@_ALL
@_PARALLEL
def apply(data_extension: str | None, unit: str | None, everywhere: bool, parallel: int) -> None:
    """Read the CRM, send opt-outs, plan, and import what changed into DATA_EXTENSION, or into --all.

    With --all, one that fails stops none of the others; what is left is taken up by running it again, or alone.
    """
    _run(["opt_out", "change_set", "import_file", "data_extension"], data_extension, unit, everywhere, parallel)


def _run(
    steps: list[str],
    name: str | None,
    unit: str | None,
    everywhere: bool,
    parallel: int,
    show: "Callable[[dg.ExecuteInProcessResult, Declared[DataExtension]], bool] | None" = None,
) -> None:
    """Materialize the steps; `show` is given the run of one data extension, and returns whether it told all of it."""
    if (name is None) != everywhere:
        raise click.UsageError("Name a data extension, or say --all.")
    settings, catalog = configured("crm")
    from et_platform import many

    if name is not None:
        with explained():
            declared = catalog.data_extension(name, unit)
            settings.of_unit(declared.unit).require("exacttarget")
        first = catalog.consent_of(declared) if "opt_out" in steps else []
        keys = many.behind_roads([declared])[declared.path]
        keys += [one.key("opt_out") for one in first if one.name != declared.name]
        keys += many.road_keys(declared, steps)
        part = catalog.only(declared) if declared.is_.source.crm is not None else None
        results = list(many.run_road(settings, part, keys))[-1:]
        if show is not None and show(results[-1], declared):
            sys.exit(0 if results[-1].success else 1)
        ended(results)
    wanted = many.in_units(catalog, unit)
    if not wanted:
        raise click.ClickException(f"No data extension lives in the business unit {unit!r}.")
    outcomes = []
    for outcome in many.run_all(catalog, unit, steps, parallel=parallel):
        outcomes.append(outcome)
        click.echo(f"{len(outcomes)} of {len(wanted)}: {outcome.name} {outcome.state}, {outcome.seconds:.1f} s")
    for line in many.summary(outcomes):
        click.echo(line)
    sys.exit(0 if all(outcome.succeeded for outcome in outcomes) else 1)


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
