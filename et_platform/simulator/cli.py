"""The command line: `etp sim --data DIR` and `python -m et_platform.simulator --data DIR`.

What belongs here: options, the ready line, exit codes. What does not: serving (`server.py`), and the verbs that act
on a running simulator, each in its own module (`act.py`).
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import click

from et_platform.simulator.account import Folder
from et_platform.simulator.act import act
from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.counting import books
from et_platform.simulator.faults import script
from et_platform.simulator.faults.board import Board
from et_platform.simulator.faults.command import fault
from et_platform.simulator.leap import advance
from et_platform.simulator.server import Announcement, PortTaken, run
from et_platform.simulator.settings_file import Settings, SettingsError, read_settings
from et_platform.simulator.settings_page import settings as settings_command
from et_platform.simulator.store import StoreInUse


def _settings_help() -> str:
    return "Set a behaviour (repeatable). " + "; ".join(
        f"{name} ({field.default}): {field.description}" for name, field in Behaviour.model_fields.items()
    )


@click.group(invoke_without_command=True)
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="Folder that keeps everything.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to bind.")
@click.option("--http-port", type=click.IntRange(1, 65535), help="Default: the one last used, else a free one.")
@click.option("--sftp-port", type=click.IntRange(1, 65535), help="Default: the one last used, else a free one.")
@click.option("--client-id", help="Default: generated at first start and kept.")
@click.option("--client-secret", help="Default: generated at first start and kept.")
@click.option("--mid", help="Number of the enterprise's business unit. Default: generated at first start and kept.")
@click.option(
    "--business-unit",
    "business_units",
    multiple=True,
    metavar="MID:NAME",
    help="A child of that business unit, with its own data and FTP site; kept from then on (repeatable).",
)
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="YAML file of business units, packages with scopes, users, FTP users and behaviour.",
)
@click.option(
    "--faults",
    "faults_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="YAML script of faults that strike from the start; `etp sim fault effects` tells which there are.",
)
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help=_settings_help())
@click.option("--verbose", is_flag=True, help="Log on standard error.")
@click.pass_context
def sim(
    context: click.Context,
    data: Path | None,
    host: str,
    http_port: int | None,
    sftp_port: int | None,
    client_id: str | None,
    client_secret: str | None,
    mid: str | None,
    business_units: tuple[str, ...],
    settings_file: Path | None,
    faults_file: Path | None,
    settings: tuple[str, ...],
    verbose: bool,
) -> None:
    """Run a local ExactTarget: OAuth2, SOAP and SFTP. Once ready it prints one line of JSON; SIGTERM ends it."""
    if context.invoked_subcommand is not None:
        return
    if data is None:
        raise click.UsageError("--data DIR is needed")
    if mid is not None and not mid.isdecimal():
        raise click.UsageError("--mid must be a number")
    try:
        given = read_settings(settings_file) if settings_file else Settings()
        behaviour = Behaviour.from_pairs([*given.behaviour_pairs, *settings])
        scripted = script.read(faults_file) if faults_file else script.Script()
    except script.ScriptError as error:
        raise click.UsageError(f"--faults {error}") from error
    except SettingsError as error:
        raise click.UsageError(f"--settings {error}") from error
    except ValueError as error:
        raise click.UsageError(f"--set {error}") from error
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO if verbose else logging.ERROR,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    if not verbose:
        logging.getLogger("asyncssh").setLevel(logging.CRITICAL)  # a client that hangs up is no error here
    folder = Folder(data.absolute())
    try:
        children = [(one.mid, one.name) for one in given.business_units] + [_unit(one) for one in business_units]
        account = folder.account(client_id, client_secret, mid, children)
        if settings_file:
            account = given.applied(account)
    except SettingsError as error:
        raise click.UsageError(f"--settings {settings_file}: {error}") from error
    except ValueError as error:
        raise click.UsageError(f"--business-unit: {error}") from error
    try:
        run(folder, account, behaviour, host, http_port, sftp_port, Board(scripted.faults, scripted.seed), _announce)
    except (StoreInUse, PortTaken) as error:
        raise click.ClickException(str(error)) from error


sim.add_command(act)
sim.add_command(advance)
sim.add_command(books)
sim.add_command(fault)
sim.add_command(settings_command)


def _unit(text: str) -> tuple[str, str]:
    mid, _, name = text.partition(":")
    if not (mid.isascii() and mid.isdecimal()) or not name.strip():
        raise ValueError(f"{text!r} must be a number and a name, as 1234567:Germany")
    return mid, name.strip()


def _announce(announcement: Announcement) -> None:
    click.echo(json.dumps(announcement))
    sys.stdout.flush()
