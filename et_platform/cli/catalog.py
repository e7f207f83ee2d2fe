"""The verbs `etp catalog check` and `etp catalog schema`: what helps to write declarations.

What belongs here: options, and one call each. What does not: logic. No CRM, no ExactTarget and no secret is needed.
"""

from pathlib import Path

import click

from et_platform import settings as configuration
from et_platform.catalog.catalog import load_catalog
from et_platform.catalog.loader import CatalogError
from et_platform.cli.common import explained


@click.group()
def catalog() -> None:
    """Check the declarations, or write their schema for an editor."""


@catalog.command()
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--models/--no-models", default=True, help="Also look at the dbt models that feed data extensions.")
def check(folder: Path | None, models: bool) -> None:
    """Name every mistake in the catalogue (or in FOLDER) with file, line and remedy; exit code 1 if there is one."""
    from et_platform.dbt.project import find_project, manifest
    from et_platform.sync.check import models_of, problems

    with explained():
        settings = configuration.load()
        if folder is not None:
            settings = settings.model_copy(update={"catalog_path": folder})
        project = find_project(settings) if models else None
        known = models_of(manifest(project)) if project is not None else None
    try:
        loaded = load_catalog(settings.catalog_path)
        found = list(problems(loaded, known))
    except CatalogError as error:
        raise click.ClickException(str(error)) from None
    if found:
        raise click.ClickException("\n".join(found))
    click.echo(
        f"No mistake in {len(loaded.data_extensions)} data extensions, {len(loaded.crm)} CRM entities, "
        f"{len(loaded.extracts)} extracts, {len(loaded.segments)} segments and {len(loaded.writeback)} write-backs."
        + ("" if known is not None else " The dbt models were not looked at.")
    )


@catalog.command()
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
def schema(folder: Path | None) -> None:
    """Write the JSON Schema of each kind of file (default: into schema/ of the catalogue), for editors."""
    from et_platform.catalog.catalog import PACKAGED
    from et_platform.catalog.json_schema import write

    with explained():
        target = folder or (configuration.load().catalog_path or PACKAGED) / "schema"
    for path in write(target):
        click.echo(str(path))
