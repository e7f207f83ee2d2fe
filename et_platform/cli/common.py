"""What verbs share: settings with a catalogue, errors in a paragraph, and runs with an exit code.

What belongs here: the frame of a verb. What does not: any one verb.
"""

import contextlib
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal

import click

from et_platform import settings as configuration
from et_platform.catalog.catalog import Catalog, load_catalog
from et_platform.catalog.loader import CatalogError
from et_platform.settings import Settings, SettingsError

if TYPE_CHECKING:
    import dagster as dg

    from et_platform.ledger.ledger import Ledger


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Show an explained error as its paragraph, and end with exit code 1."""
    from et_platform.presentation import EXPLAINED

    try:
        yield
    except EXPLAINED as error:
        raise click.ClickException(str(error)) from None


def configured(*needs: Literal["crm", "exacttarget"]) -> tuple[Settings, Catalog]:
    """The settings, of which `needs` must be complete, and the catalogue that they name."""
    try:
        settings = configuration.load()
        catalog = load_catalog(settings.catalog_path)
        for part in needs:
            settings.require(part)
    except (CatalogError, SettingsError) as error:
        raise click.ClickException(str(error)) from None
    return settings, catalog


def opened_ledger(settings: Settings) -> "Ledger":
    """The ledger that the settings name, made if it is new."""
    from et_platform.ledger.ledger import Ledger

    settings.data_path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Ledger(settings.ledger_database_url())


def told(results: "Iterable[dg.ExecuteInProcessResult]") -> bool:
    """Print each run as it ends; whether all succeeded."""
    from et_platform.terminal import describe

    succeeded = True
    for result in results:
        for line in describe(result):
            click.echo(line)
        succeeded = succeeded and result.success
    return succeeded


def ended(results: "Iterable[dg.ExecuteInProcessResult]") -> None:
    """Print each run, and end with an exit code that tells whether all succeeded."""
    sys.exit(0 if told(results) else 1)
