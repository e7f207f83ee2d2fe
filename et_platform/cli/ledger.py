"""The verb `etp ledger`: what happened, from the ledger.

What belongs here: options, and one call each. What does not: logic.
"""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from et_platform import settings as configuration
from et_platform.cli.common import explained

if TYPE_CHECKING:
    from et_platform.ledger.ledger import Ledger


@click.group(invoke_without_command=True)
@click.pass_context
def ledger(context: click.Context) -> None:
    """Show change sets, attempts, files and import tasks, with their outcome in words. Nothing is changed."""
    if context.invoked_subcommand is None:
        context.invoke(list_)


@ledger.command("list")
@click.option("--data-extension", help="Only this one, by its name in the catalogue.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="So many, the newest.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def list_(data_extension: str | None = None, limit: int = 20, as_json: bool = False) -> None:
    """List the newest change sets."""
    from et_platform.trace.record import change_sets, lines_of_list

    with explained():
        found = change_sets(_open(), data_extension=data_extension, limit=limit)
    _show(found, lines_of_list(found), as_json)


@ledger.command()
@click.argument("id_", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def show(id_: str, as_json: bool) -> None:
    """Show a change set with its attempts and files.

    ID is the beginning of its id or of an attempt's, or the number of an import task.
    """
    from et_platform.trace.record import lines_of_record, record

    with explained():
        found = record(_open(), id_)
    _show(found, lines_of_record(found), as_json)


def _open() -> "Ledger":
    from et_platform.ledger.ledger import Ledger

    settings = configuration.load()
    settings.data_path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Ledger(settings.ledger_database_url())


def _show(found: Any, lines: Iterable[str], as_json: bool) -> None:
    for line in [json.dumps(found, ensure_ascii=False, indent=2)] if as_json else lines:
        click.echo(line)
