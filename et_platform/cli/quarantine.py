"""The verbs of quarantine: `etp quarantine list|show|retry|drop`.

What belongs here: options, who is asking, and one call each. What does not: logic (outbound/quarantine.py).
"""

import getpass
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from et_platform.cli.common import configured, explained

if TYPE_CHECKING:
    from et_platform.catalog.catalog import Declared
    from et_platform.catalog.models import DataExtension
    from et_platform.outbound.quarantine import Chosen, Decided, Withheld, Word
    from et_platform.outbound.road import Road
    from et_platform.settings import Settings

_UNIT = click.option("--unit", help="Business unit, where the data extension lives in several.")
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document.")
_KEY = click.option(
    "--key", "keys", multiple=True, help="A row, by its key (of several fields: joined by “, ”). May be repeated."
)
_FIELD = click.option("--field", help="Every row whose reason is about this field.")
_ALL = click.option("--all", "every", is_flag=True, help="Every row of which it can be decided.")
_WHY = click.option("--why", required=True, help="The reason, for those who look later; recorded with your name.")
_ANYWAY = click.option("--anyway", is_flag=True, help="Also where somebody decided since the last plan.")


def _of_rows(verb: Callable[..., None]) -> Callable[..., None]:
    """What a decision is of, and why."""
    for option in (_ANYWAY, _WHY, _ALL, _FIELD, _KEY, _UNIT, click.argument("data_extension")):
        verb = option(verb)
    return verb


@click.group(invoke_without_command=True)
@click.pass_context
def quarantine(context: click.Context) -> None:
    """Rows that are withheld: which and why, as the last plan found them, and what is to become of them."""
    if context.invoked_subcommand is None:
        context.invoke(list_)


@quarantine.command("list")
@click.argument("data_extension", required=False)
@_UNIT
@_JSON
def list_(data_extension: str | None = None, unit: str | None = None, as_json: bool = False) -> None:
    """Count what is withheld, by data extension and reason. Nothing is changed."""
    from et_platform.outbound.quarantine import counts

    settings, catalog = configured()
    with explained():
        wanted = [catalog.data_extension(data_extension, unit)] if data_extension else catalog.everywhere()
        mids = {one.unit: settings.of_unit(one.unit).mid for one in wanted}
        found = [
            count
            for one in wanted
            if (data_extension or mids[one.unit] is not None) and unit in (None, one.unit)
            for count in counts(_road(settings, one), one)
        ]
    lines = [f"{one.rows:>8}  {one.data_extension}  {one.what}: {one.field} {one.reason}" for one in found]
    _show([asdict(one) for one in found], lines or ["Nothing is in quarantine, as far as it was planned."], as_json)


@quarantine.command()
@click.argument("data_extension")
@_UNIT
@_KEY
@_FIELD
@click.option("--reveal", is_flag=True, help="Show keys as they are: personal data, for your eyes.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000), help="So many rows.")
@_JSON
def show(
    data_extension: str,
    unit: str | None,
    keys: tuple[str, ...],
    field: str | None,
    reveal: bool,
    limit: int,
    as_json: bool,
) -> None:
    """Show the withheld rows of DATA_EXTENSION: key (masked), field, reason, file and line, remedy, and decisions."""
    from et_platform.outbound.quarantine import rows

    with explained():
        road, declared = _named(data_extension, unit)
        chosen = _chosen(keys, field, every=not keys and field is None)
        found, more = rows(road, declared, chosen=chosen, reveal=reveal, limit=limit)
    lines = [line for one in found for line in _lines(one)] or ["Nothing is in quarantine."]
    if more:
        lines.append(f"… and {more} more: --limit {len(found) + more} shows all.")
    _show([asdict(one) for one in found], lines, as_json)


@quarantine.command()
@_of_rows
def retry(**given: Any) -> None:
    """Offer rows again in the next plan, although nothing changed in the CRM; one more rejection brings them back.

    For rows that ExactTarget rejected, and to take a `drop` back. Rows that the CRM's content keeps out are judged
    again at every plan by themselves: mend them there.
    """
    _decide("retry", **given)


@quarantine.command()
@_of_rows
def drop(**given: Any) -> None:
    """Say that rows in quarantine are not wanted: they stay out until the CRM's row changes.

    They are counted and shown as dropped, no guard counts them, and nothing is removed from ExactTarget.
    """
    _decide("drop", **given)


def _decide(
    word: "Word",
    *,
    data_extension: str,
    unit: str | None,
    keys: tuple[str, ...],
    field: str | None,
    every: bool,
    why: str,
    anyway: bool,
) -> None:
    from et_platform.outbound.quarantine import decide

    chosen = _chosen(keys, field, every)
    with explained():
        road, declared = _named(data_extension, unit)
        done = decide(road, declared, word, chosen, who=getpass.getuser(), why=why, anyway=anyway)
    for line in _told(word, declared.name, done):
        click.echo(line)


def _told(word: "Word", name: str, done: "Decided") -> Iterable[str]:
    what = "offered again" if word == "retry" else "dropped until the CRM changes them"
    yield f"{done.rows} rows of {name} are {what}, from the next plan on. Nothing was sent now."
    for hinder, count in done.others.items():
        yield f"{count} rows are left as they are. {hinder}"


def _chosen(keys: tuple[str, ...], field: str | None, every: bool) -> "Chosen":
    from et_platform.outbound.quarantine import Chosen

    if bool(keys) + (field is not None) + every != 1:
        raise click.UsageError(
            "Say which rows are meant: --key (once or more), --field or --all, and one of them only."
        )
    return Chosen(keys, field, every)


def _named(data_extension: str, unit: str | None) -> "tuple[Road, Declared[DataExtension]]":
    settings, catalog = configured()
    declared = catalog.data_extension(data_extension, unit)
    return _road(settings, declared), declared


def _road(settings: "Settings", declared: "Declared[DataExtension]") -> "Road":
    """The road of the business unit in which the data extension lives."""
    from et_platform.resources import build_road

    settings = settings.of_unit(declared.unit)
    settings.require("exacttarget")
    return build_road(settings, run_id="etp quarantine", tell=click.echo)


def _lines(row: "Withheld") -> Iterable[str]:
    where = f"{row.file}:{row.line}" if row.line is not None else row.file
    yield f"{row.key}  {row.what}: {row.field} {row.reason}"
    yield f"    {where}" + (f" (attempt {row.attempt_id}, rejected {row.rejections} times)" if row.attempt_id else "")
    if row.said is not None:
        yield f"    ExactTarget's report: {row.said}"
    if row.decision is not None:
        one = row.decision
        yield f"    decided: {one.word}, by {one.who} at {one.at:%Y-%m-%d %H:%M} UTC: {one.why}"
    yield f"    {row.remedy}"


def _show(found: Any, lines: Iterable[str], as_json: bool) -> None:
    for line in [json.dumps(found, ensure_ascii=False, indent=2, default=str)] if as_json else lines:
        click.echo(line)
