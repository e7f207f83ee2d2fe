"""`etp sim fault`: order, list, clear and release faults in a running simulator.

What belongs here: arguments, and the outcome as one line of JSON. What does not: reaching the simulator (`remote.py`),
what faults are (`effects.py`) and do.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from et_platform.simulator import control, remote
from et_platform.simulator.faults import effects, script
from et_platform.simulator.faults.model import Fault


@click.group("fault", short_help="Make things go wrong in a running simulator.")
def fault() -> None:
    """Make things go wrong in a running simulator: on demand, at a chosen place and moment, so many times."""


@fault.command(short_help="Order a fault.")
@remote.options
@click.argument("effect", type=click.Choice(list(effects.EFFECTS)))
@click.argument("fields", nargs=-1, metavar="[FIELD=VALUE]...")
def add(simulator: remote.Simulator, effect: str, fields: tuple[str, ...]) -> None:
    """Order a fault: its effect, and where and how often, as FIELD=VALUE; `etp sim fault effects` tells the fields.

    For instance: etp sim fault add cut at=soap operation=Perform when=after
    """
    given: dict[str, Any] = {"effect": effect}
    for one in fields:
        name, equals, text = one.partition("=")
        if not equals:
            raise click.UsageError(f"{one!r}: a field is given as FIELD=VALUE")
        try:
            given[name] = json.loads(text) if text.startswith("{") else text
        except ValueError as error:
            raise click.UsageError(f"{name}: {text!r} is no JSON") from error
    _order(simulator, do="add", faults=[_checked(given)])


@fault.command(short_help="Order the faults of a script.")
@remote.options
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def load(simulator: remote.Simulator, file: Path) -> None:
    """Order the faults of a script, as `etp sim --faults FILE` does at the start; its seed counts only there."""
    try:
        faults = script.read(file).faults
    except script.ScriptError as error:
        raise click.ClickException(str(error)) from error
    _order(simulator, do="add", faults=[one.given for one in faults])


@fault.command("list", short_help="What stands, and what struck.")
@remote.options
def list_(simulator: remote.Simulator) -> None:
    """List the faults with what they met, struck and hold, and every strike."""
    _order(simulator, do="list")


@fault.command(short_help="Take faults down.")
@remote.options
@click.argument("names", nargs=-1)
def clear(simulator: remote.Simulator, names: tuple[str, ...]) -> None:
    """Take down the faults of these names, or all with the list of strikes, and let go what they hold."""
    _order(simulator, do="clear", names=list(names))


@fault.command(short_help="Let go what is held.")
@remote.options
@click.argument("names", nargs=-1)
def release(simulator: remote.Simulator, names: tuple[str, ...]) -> None:
    """Let go what the faults of these names (or all) hold: stalled answers, imports, files. The faults stay."""
    _order(simulator, do="release", names=list(names))


@fault.command("effects", short_help="Which faults there are.")
def effects_() -> None:
    """Tell every effect, where it can strike, and its fields."""
    for name, kind in effects.EFFECTS.items():
        places = "; ".join(f"{at} {', '.join(moments)}" for at, moments in kind.places.items())
        click.echo(f"{name}: {(kind.__doc__ or '').splitlines()[0]}\n  {places}")
        for field, info in kind.model_fields.items():
            if field not in Fault.model_fields:
                _tell(field, info)
    click.echo("\nFields of every effect:")
    for field, info in Fault.model_fields.items():
        if field not in ("effect", "at", "when"):
            _tell(field, info)


def _tell(name: str, field: Any) -> None:
    default = "" if field.is_required() or field.default in (None, "") else f" ({field.default})"
    click.echo(f"  {name}{default}: {field.description or ''}".rstrip(": "))


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    try:
        effects.fault(given)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    return given


def _order(simulator: remote.Simulator, **order: Any) -> None:
    click.echo(json.dumps(simulator.ask(control.FAULT, order), ensure_ascii=False))
