"""`etp`: a thin front. Each verb calls one function of a library, or materializes assets.

What belongs here: options, environment, exit codes. What does not: logic. The simulator is imported by `etp sim`
alone.
"""

import os
import sys
from pathlib import Path

import click
from dotenv import dotenv_values

DEMO_ENV = Path(".etp/demo/demo.env")


class Etp(click.Group):
    """Loads `sim` when it is asked for: the local ExactTarget's libraries cost every other verb half a second."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs, with `sim` among them."""
        return sorted([*super().list_commands(ctx), "sim"])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb, imported when needed."""
        if cmd_name == "sim":
            from et_platform.simulator.cli import sim

            return sim
        return super().get_command(ctx, cmd_name)


@click.group(cls=Etp)
@click.option(
    "--env-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read ET_* settings from this file (default: .env, else a running demo's).",
)
@click.pass_context
def main(context: click.Context, env_file: Path | None) -> None:
    """Keep a CRM and an ExactTarget account in sync: plan, apply, and see what moved."""
    if context.invoked_subcommand not in ("demo", "sim"):  # they make settings, and use none
        _load_environment(env_file)


def _load_environment(env_file: Path | None) -> None:
    """Put an env file's settings into the environment, where nothing is set already."""
    configured = any(name.startswith("ET_") for name in os.environ)
    if env_file is None and Path(".env").exists():
        env_file = Path(".env")
    if env_file is None and not configured and DEMO_ENV.exists():
        click.echo(f"No ET_* settings: using the demo's ({DEMO_ENV}).", err=True)
        env_file = DEMO_ENV
    if env_file is not None:
        for name, value in dotenv_values(env_file).items():
            if value is not None:
                os.environ.setdefault(name, value)


@main.command()
@click.argument("data_extension")
def plan(data_extension: str) -> None:
    """Read the CRM and show what would be imported into DATA_EXTENSION; nothing is sent."""
    _run(["crm_snapshot", "change_set"], data_extension)


@main.command()
@click.argument("data_extension")
def apply(data_extension: str) -> None:
    """Read the CRM, plan, and import what changed into DATA_EXTENSION."""
    _run(["crm_snapshot", "change_set", "import_file", "data_extension"], data_extension)


def _run(steps: list[str], data_extension: str) -> None:
    from et_platform import settings as configuration
    from et_platform.catalog.catalog import load_catalog
    from et_platform.catalog.loader import CatalogError
    from et_platform.settings import SettingsError

    try:
        settings = configuration.load()
        catalog = load_catalog(settings.catalog_path)
        declared = catalog.data_extension(data_extension)
        settings.require("crm")
        settings.require("exacttarget")
    except (CatalogError, SettingsError) as error:
        raise click.ClickException(str(error)) from None
    from et_platform.instance import materialize
    from et_platform.terminal import describe

    names = {"crm_snapshot": catalog.entity_of(declared).name}
    result = materialize(settings, [(step, names.get(step, data_extension)) for step in steps])
    for line in describe(result):
        click.echo(line)
    sys.exit(0 if result.success else 1)


@main.command()
@click.argument("data_extension")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(data_extension: str, yes: bool) -> None:
    """Forget what is acknowledged of DATA_EXTENSION, so that the next apply sends every row anew.

    For a data extension that was emptied, deleted or restored in ExactTarget. Nothing is changed there.
    """
    from et_platform import settings as configuration
    from et_platform.catalog.catalog import load_catalog
    from et_platform.outbound.forget import forget_acknowledged
    from et_platform.presentation import EXPLAINED
    from et_platform.resources import build_road

    try:
        settings = configuration.load()
        settings.require("exacttarget")
        declared = load_catalog(settings.catalog_path).data_extension(data_extension)
        if not yes:
            click.confirm(f"Forget every acknowledged row of {declared.is_.customer_key}?", abort=True)
        road = build_road(settings, run_id="etp forget", tell=click.echo)
        rows = forget_acknowledged(road, declared)
    except EXPLAINED as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{rows} acknowledged rows forgotten; the next `etp apply {data_extension}` sends every row.")


@main.command()
@click.argument("entity")
@click.argument("key")
def trace(entity: str, key: str) -> None:
    """Tell everything that happened to the row KEY of ENTITY (`etp trace customer NTO-000001`), oldest first.

    From the lake and the ledger alone; personal data is masked.
    """
    from et_platform import settings as configuration
    from et_platform.catalog.catalog import load_catalog
    from et_platform.presentation import EXPLAINED
    from et_platform.resources import build_road
    from et_platform.trace.timeline import Sources, lines, timeline

    try:
        settings = configuration.load()
        catalog = load_catalog(settings.catalog_path)
        declared = catalog.entity(entity)
        road = build_road(settings, run_id="etp trace", tell=click.echo)
        told = timeline(Sources(road.mid, road.lake, road.ledger, road.files), catalog, declared, key)
    except EXPLAINED as error:
        raise click.ClickException(str(error)) from None
    for line in lines(told):
        click.echo(line)


@main.command()
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


@main.group(invoke_without_command=True)
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), default=Path(".etp/demo"), show_default=True
)
@click.option("--customers", default=20_000, show_default=True, help="Size of the CRM, when it is seeded.")
@click.option("--once", is_flag=True, help="Play the story and exit; do not serve the UI.")
@click.option("--port", default=3000, show_default=True, help="The UI's port on 127.0.0.1; another one if it is taken.")
@click.pass_context
def demo(context: click.Context, folder: Path, customers: int, once: bool, port: int) -> None:
    """Play the demo: a CRM, a local ExactTarget, and the road between them."""
    context.obj = folder
    if context.invoked_subcommand is not None:
        return
    from et_platform.demo.story import play
    from et_platform.demo.world import DemoFailed
    from et_platform.ui import UiFailed

    try:
        play(folder, customers=customers, once=once, port=port, say=click.echo)
    except (DemoFailed, UiFailed) as error:
        raise click.ClickException(str(error)) from None


@demo.command()
@click.option("--updates", default=150, show_default=True)
@click.option("--inserts", default=20, show_default=True)
@click.pass_obj
def edit(folder: Path, updates: int, inserts: int) -> None:
    """Change the demo's CRM: valid rows only."""
    from et_platform.demo import crm_edit

    path = folder / "crm.sqlite"
    if not path.exists():
        raise click.ClickException(f"There is no demo CRM at {path}: run `etp demo --once` first.")
    report = crm_edit.edit(path, updates=updates, inserts=inserts)
    click.echo(f"{len(report.updated)} customers changed, {len(report.inserted)} inserted in {path}.")


if __name__ == "__main__":
    main()
