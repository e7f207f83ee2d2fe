"""`etp files`: what came back from ExactTarget, and reading a file again.

What belongs here: options, and one call each. What does not: logic.
"""

import json
from typing import TYPE_CHECKING

import click

from et_platform.cli.common import configured, ended, explained, opened_ledger

if TYPE_CHECKING:
    from et_platform.ledger.inbound import InboundLedger
    from et_platform.settings import Settings


@click.group()
def files() -> None:
    """Show the files of extracts that were seen on the FTP site, and read one again."""


@files.command("list")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(["seen", "fetched", "loaded", "failed"]),
    help="Only files in this state; may be repeated.",
)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="So many, the newest.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def list_(states: tuple, limit: int, as_json: bool) -> None:
    """List the files that were seen complete, with what became of each. Nothing is changed."""
    from et_platform.trace import extract_files

    settings, _ = configured("exacttarget")
    with explained():
        found = extract_files.files(_ledger(settings), settings.mid or 0, states=states, limit=limit)
    for line in [json.dumps(found, ensure_ascii=False, indent=2)] if as_json else extract_files.lines(found):
        click.echo(line)


@files.command()
@click.argument("id_", metavar="FILE")
def reprocess(id_: str) -> None:
    """Read FILE again: a loaded one from the copy that is kept, any other from where its last take stopped.

    FILE is a file's name or the beginning of its identity. Events that are known stay as they are; what could not be
    read before is read by today's rules.
    """
    from et_platform.pull import again
    from et_platform.trace.extract_files import file_meant

    settings, catalog = configured("exacttarget")
    with explained():
        file = file_meant(_ledger(settings), settings.mid or 0, id_)
        result = again(settings, catalog, file)
    ended([result])


def _ledger(settings: "Settings") -> "InboundLedger":
    from et_platform.ledger.inbound import InboundLedger

    return InboundLedger(opened_ledger(settings))
