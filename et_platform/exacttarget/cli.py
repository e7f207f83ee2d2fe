"""The client's verbs: look at an account, its data extensions and files; start an import, ask for an extract.

Belongs here: arguments, printing, exit codes. Does not: anything that a caller of the library would miss. Values of
rows are masked unless one asks for them.
"""

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import click

from et_platform.exacttarget.cli_client import existing, opened_client
from et_platform.exacttarget.cli_rows import rows
from et_platform.exacttarget.environment import SettingsError
from et_platform.exacttarget.errors import ExactTargetError, NotFound
from et_platform.exacttarget.extracts import TrackingType
from et_platform.exacttarget.models import ImportResult

FOLDERS = ("Import", "Export", "Reports")


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a verb; returns the exit code: 0 fine, 1 a failure that is explained, 2 wrong usage."""
    try:
        done = commands.main(
            list(arguments), prog_name="python -m et_platform.exacttarget", standalone_mode=False, obj=environment
        )
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return 1
    except (SettingsError, ExactTargetError) as error:
        request = getattr(error, "request_id", None)
        shown = f" ({request})" if request and request not in str(error) else ""
        click.echo(" ".join([f"{error}{shown}", *getattr(error, "__notes__", ())]), err=True)
        return 1
    return done if isinstance(done, int) else 0


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def commands() -> None:
    """ExactTarget (Marketing Cloud Engagement) at the terminal. The account comes from ET_ variables."""


commands.add_command(rows)


@commands.command()
def status() -> None:
    """Can we log in, is ExactTarget up, what lies on the FTP site."""
    with opened_client(with_sftp=True) as client:
        client.log_in()
        click.echo("token: ok")
        click.echo(f"system status: {client.system_status().value}")
        with client.ftp() as ftp:
            for folder in FOLDERS:
                try:
                    files = ftp.list(folder=folder)
                except NotFound:
                    click.echo(f"{folder}: missing")
                    continue
                click.echo(f"{folder}: {len(files)} files, {sum(file.size for file in files)} bytes")


@commands.command()
def units() -> None:
    """The business units that these credentials can see."""
    with opened_client() as client:
        for unit in client.metadata.business_units():
            click.echo(f"{unit.mid}\t{unit.name}\t{'enterprise' if unit.parent_mid is None else unit.parent_mid}")


@commands.command()
@click.option("--type", "content_type", help="One content type alone, such as dataextension.")
def folders(content_type: str | None) -> None:
    """The folders: number, content type, path."""
    with opened_client() as client:
        known = {folder.id: folder for folder in client.folders.find_all(content_type=content_type)}
    for folder in known.values():
        names, above = [folder.name], folder.parent_id
        while above in known and len(names) <= len(known):
            names.append(known[above].name)
            above = known[above].parent_id
        click.echo(f"{folder.id}\t{folder.content_type}\t{'/'.join(reversed(names))}")


@commands.command()
def lists() -> None:
    """The lists: number, type, name."""
    with opened_client() as client:
        for one in client.lists.find_all():
            click.echo(f"{one.id}\t{one.classification}\t{one.name}")


@commands.command()
@click.argument("key")
def subscriber(key: str) -> int:
    """The status of the subscriber KEY, and the one on each list; 1 if there is none. No address is shown."""
    with opened_client() as client:
        found = client.subscribers.read(keys=[key])
        if not found:
            click.echo("no such subscriber")
            return 1
        names = {one.id: one.name for one in client.lists.find_all()}
        on = list(client.lists.memberships(keys=[key]))
    out = "" if found[0].unsubscribed_at is None else f" since {found[0].unsubscribed_at:%Y-%m-%d %H:%M %z}"
    click.echo(f"{found[0].status}{out}")
    for one in on:
        click.echo(f"  {one.list_id}\t{names.get(one.list_id, '?')}\t{one.status}")
    return 0


@commands.group()
def de() -> None:
    """Data extensions."""


@de.command("list")
@click.option("--folder", help="Path of a folder: 'Data Extensions/CRM'.")
def list_data_extensions(folder: str | None) -> None:
    """Customer key and name of each."""
    with opened_client() as client:
        category = None
        if folder is not None:
            found = client.folders.find(path=folder)
            if found is None:
                raise NotFound(f"There is no folder {folder} of data extensions. `folders` lists them.")
            category = found.id
        for one in client.data_extensions.find_all(category_id=category):
            click.echo(f"{one.customer_key}\t{one.name}")


@de.command()
@click.argument("customer_key")
def describe(customer_key: str) -> None:
    """Its properties and fields."""
    with opened_client() as client:
        one = existing(client, customer_key)
    click.echo(f"{one.customer_key}: {one.name}{f' ({one.description})' if one.description else ''}")
    if one.sendable_field:
        click.echo(f"sendable: {one.sendable_field} is the {one.sendable_subscriber_field}")
    if one.retention:
        rows = "each row" if one.retention.row_based else "all rows"
        period = f"for {one.retention.length} {one.retention.unit}"
        until = period if one.retention.until is None else f"until {one.retention.until:%Y-%m-%d %H:%M %z}"
        also = ", then the data extension goes too" if one.retention.with_data_extension else ""
        click.echo(f"retention: {rows} {until}{also}")
    for field in one.fields:
        size = "" if field.max_length is None else f"({field.max_length}{f',{field.scale}' if field.scale else ''})"
        marks = [
            *(["key"] if field.is_primary_key else []),
            *(["required"] if field.is_required else []),
            *([f"default {field.default}"] if field.default else []),
        ]
        click.echo("\t".join([field.name, f"{field.type.value}{size}", ", ".join(marks)]).rstrip())


@commands.group()
def ftp() -> None:
    """The Enhanced FTP site."""


@ftp.command()
@click.argument("folder", default="Export")
def ls(folder: str) -> None:
    """Size, time (UTC) and name of the files of a folder."""
    with opened_client(with_sftp=True) as client, client.ftp() as site:
        for file in site.list(folder=folder):
            click.echo(f"{file.size:>14}  {file.mtime:%Y-%m-%d %H:%M:%S}  {file.name}")


@ftp.command()
@click.argument("remote")
@click.argument("local", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--sha256", help="The hash that the content must have.")
def get(remote: str, local: Path, sha256: str | None) -> None:
    """Download REMOTE to LOCAL; goes on where an earlier try broke off."""
    with opened_client(with_sftp=True) as client, client.ftp() as site, _bar(f"get {remote}") as tell:
        file = site.get(remote=remote, local=local, resume=True, sha256=sha256, progress=tell)
    click.echo(f"{file.size} bytes")


@ftp.command()
@click.argument("local", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("remote")
def put(local: Path, remote: str) -> None:
    """Upload LOCAL to REMOTE, replacing a file of that name; goes on where an earlier try broke off."""
    with opened_client(with_sftp=True) as client, client.ftp() as site, _bar(f"put {remote}") as tell:
        file = site.put(local=local, remote=remote, resume=True, progress=tell)
    click.echo(f"{file.size} bytes")


@commands.group("import")
def imports() -> None:
    """Imports of files into data extensions and onto lists."""


@imports.command("list")
def list_imports() -> None:
    """Key, data extension or list (its number), update type and file of each import definition."""
    with opened_client() as client:
        for one in client.imports.definitions():
            destination = one.destination_key or f"list {one.destination_list}"
            click.echo(f"{one.customer_key}\t{destination}\t{one.update_type}\t{one.file_spec}")


@imports.command()
@click.argument("customer_key")
@click.option("--wait", is_flag=True, help="Until it has ended.")
def start(customer_key: str, wait: bool) -> int:
    """Start an import definition, once; prints the task's number. It is never started again by itself."""
    with opened_client() as client:
        task = client.imports.start(customer_key=customer_key)
        click.echo(f"task {task}")
        pause = 0.5
        while wait:
            result = client.imports.result(task_id=task)
            if result is not None and result.is_terminal:
                return _say_result(result)
            time.sleep(pause)
            pause = min(2 * pause, 30)
    return 0


@imports.command("status")
@click.argument("task", type=int)
def import_status(task: int) -> int:
    """How a task stands."""
    with opened_client() as client:
        result = client.imports.result(task_id=task)
    if result is None:
        click.echo("nothing is known of it yet; that is normal at first")
        return 0
    return _say_result(result)


@commands.group()
def extract() -> None:
    """Ask for a file in the folder Export: there is no other answer."""


@extract.command("rows")
@click.argument("customer_key")
@click.argument("output_name")
@click.option("--delimiter", default=",", show_default=True)
def extract_rows(customer_key: str, output_name: str, delimiter: str) -> None:
    """All rows of a data extension, in a file OUTPUT_NAME."""
    with opened_client() as client:
        client.extracts.request_data_extension(output_name=output_name, customer_key=customer_key, delimiter=delimiter)
    click.echo(f"asked for; look for Export/{output_name}")


@extract.command("tracking")
@click.argument("output_name")
@click.option("--from", "start", required=True, type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]))
@click.option("--to", "end", required=True, type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]))
@click.option(
    "--type",
    "types",
    multiple=True,
    required=True,
    type=click.Choice(["unsubscribe", "open", "click", "bounce", "sent"]),
)
def extract_tracking(output_name: str, start: datetime, end: datetime, types: tuple[TrackingType, ...]) -> None:
    """Events of a time span, such as 2026-11-01T00:00:00-0600, in a file OUTPUT_NAME.zip."""
    with opened_client() as client:
        client.extracts.request_tracking(output_name=output_name, start=start, end=end, types=types)
    click.echo(f"asked for; look for Export/{output_name}")


def _say_result(result: ImportResult) -> int:
    """Print the figures; 1 if the import ended with errors."""
    restricted = "" if result.restricted is None else f", {result.restricted} restricted"
    click.echo(
        f"{result.status}: {result.successful} successful, {result.duplicated} duplicated, {result.errors} errors"
        f"{restricted} of {result.total_rows} rows"
    )
    return int(result.is_terminal and (result.status.casefold() != "completed" or result.errors > 0))


@contextlib.contextmanager
def _bar(label: str) -> Iterator["Bar"]:
    bar = Bar(label)
    try:
        yield bar
    finally:
        bar.end()


class Bar:
    """Progress on a terminal's standard error; nothing elsewhere."""

    def __init__(self, label: str):
        self._label, self._shown, self._is_tty = label, -1, sys.stderr.isatty()

    def __call__(self, done: int, size: int) -> None:
        """Show how far it is."""
        percent = 100 * done // max(size, 1)
        if self._is_tty and percent != self._shown:
            self._shown = percent
            click.echo(f"\r{self._label}: {percent} %", nl=False, err=True)

    def end(self) -> None:
        """Leave the line."""
        if self._shown >= 0:
            click.echo(err=True)
