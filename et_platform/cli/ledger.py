"""The verbs of the ledger: `etp ledger` tells what happened, `etp resolve` takes a decision that only a person can.

What belongs here: options, and one call each. What does not: logic.
"""

import getpass
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from et_platform import settings as configuration
from et_platform.cli.common import explained, opened_ledger

if TYPE_CHECKING:
    from et_platform.ledger.decisions import Verdict


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
        found = change_sets(opened_ledger(configuration.load()), data_extension=data_extension, limit=limit)
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
        found = record(opened_ledger(configuration.load()), id_)
    _show(found, lines_of_record(found), as_json)


@click.command()
@click.argument("id_", metavar="ID")
@click.option(
    "--as",
    "verdict",
    type=click.Choice(["imported", "not-imported"]),
    required=True,
    help="What became of the import: its rows count as acknowledged, or they are sent again.",
)
@click.option("--why", required=True, help="How you know; it is recorded with your name.")
def resolve(id_: str, verdict: "Verdict", why: str) -> None:
    """Say what became of an import in doubt that needs a decision.

    ID is the beginning of the attempt's id or of its change set's. The next run of the data extension heeds it.
    """
    from et_platform.ledger.decisions import decide

    if not why.strip():
        raise click.ClickException("--why is empty: say how you know, for whoever reads the ledger later.")
    with explained():
        taken = decide(opened_ledger(configuration.load()), id_, verdict, who=getpass.getuser(), why=why.strip())
    for one in taken:
        click.echo(f"Attempt {one.attempt_id}, import definition {one.definition_key}: {one.verdict}, says {one.who}.")
    click.echo("Recorded. The next `etp apply` of the data extension goes on from there; nothing was sent now.")


def _show(found: Any, lines: Iterable[str], as_json: bool) -> None:
    for line in [json.dumps(found, ensure_ascii=False, indent=2)] if as_json else lines:
        click.echo(line)
