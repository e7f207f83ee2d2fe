"""`etp sim settings`: every behaviour that can be set, as a page of Markdown.

What belongs here: writing the page, which is kept as docs/simulator/settings.md. What does not: the settings
themselves (`behaviour.py` and those of its parts).
"""

from __future__ import annotations

import typing

import click
from pydantic.fields import FieldInfo

from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.extracts.behaviour import ExtractBehaviour
from et_platform.simulator.imports.behaviour import ImportBehaviour
from et_platform.simulator.sending.behaviour import SendBehaviour

_HEAD = """\
# The local ExactTarget: every setting

Written by `etp sim settings`; a test keeps it so. What no fact settles, or what depends on an installation, is a
setting, and its default is the likeliest value. Give it as `etp sim --set NAME=VALUE`, or under `behaviour:` in a
settings file. Evidence: **D** the vendor's documentation · **R** recorded traffic, or verified live by a public
project · **W** the WSDL · **3** a third-party page · **K** unconfirmed.
"""
_PARTS = {"Imports": ImportBehaviour, "Extracts": ExtractBehaviour, "Sends and the audience": SendBehaviour}


def page() -> str:
    """The page: a table of names, values with the default first, and meanings for each part of the simulator."""
    inherited = {name for part in _PARTS.values() for name in part.model_fields}
    general = {name: one for name, one in Behaviour.model_fields.items() if name not in inherited}
    tables = [_table("Account, SOAP, REST, FTP site, rows and retention", general)]
    tables += [_table(title, part.model_fields) for title, part in _PARTS.items()]
    return "\n".join([_HEAD, *tables])


def _table(title: str, fields: dict[str, FieldInfo]) -> str:
    lines = [f"## {title}", "", "| setting | values, default first | meaning |", "|---|---|---|"]
    for name, one in fields.items():
        meaning = (one.description or "").replace("|", "&#124;")
        lines.append(f"| `{name}` | {_values(one)} | {meaning} |")
    return "\n".join([*lines, ""])


def _values(one: FieldInfo) -> str:
    choices = typing.get_args(one.annotation) if typing.get_origin(one.annotation) is typing.Literal else ()
    if one.annotation is bool:
        choices = (True, False)
    shown = [one.default, *(choice for choice in choices if choice != one.default)]
    return ", ".join(f"`{choice}`" if choice not in ("", {}) else "none" for choice in shown)


@click.command("settings")
def settings() -> None:
    """Print every behaviour that can be set, as Markdown."""
    click.echo(page(), nl=False)
