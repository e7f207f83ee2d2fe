"""The client's page names what there is: verbs, methods, errors; and what it says of all calls is so."""

import dataclasses
import inspect
import re
from pathlib import Path

import click
import pytest

from et_platform.exacttarget import account_models, errors, models
from et_platform.exacttarget.cli import commands
from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.connection import Connection
from et_platform.exacttarget.limits import Limits, LocalLimits
from et_platform.exacttarget.sftp import EnhancedFtp
from et_platform.exacttarget.ssh_transport import SshTransport
from et_platform.exacttarget.transport import Transport

PAGE = (Path(__file__).parents[2] / "docs" / "client.md").read_text(encoding="utf-8")
ROWS = [re.split(r"(?<!\\)\|", line)[1:-1] for line in PAGE.splitlines() if line.startswith("|")]


def verbs(group: click.Group, before: str = "") -> list[str]:
    found = []
    for name, command in group.commands.items():
        found += verbs(command, f"{before}{name} ") if isinstance(command, click.Group) else [f"{before}{name}"]
    return found


@pytest.mark.parametrize("verb", verbs(commands))
def test_every_verb_is_on_the_page(verb: str):
    assert re.search(rf"`{verb}[ `]", PAGE)


def test_every_call_is_on_the_page_and_nothing_else():
    real = {f"`{name}`": public(kind) for name, kind in parts().items()}
    real["`ftp()`"] = public(EnhancedFtp) - {"close"}
    real["itself"] = public(ExactTarget) - {"close", "ftp"}
    told = {row[0].strip(): set(re.findall(r"`(\w+)`", row[1])) for row in ROWS if row[0].strip() in real}
    assert told == real


def test_every_call_takes_keywords_alone():
    """Of the client, its parts, what plugs into it, and the values it takes and gives."""
    kinds = [ExactTarget, *parts().values(), EnhancedFtp, Transport, SshTransport, Limits, LocalLimits]
    kinds += [
        kind for values in (models, account_models) for _, kind in inspect.getmembers(values, dataclasses.is_dataclass)
    ]
    calls = [getattr(kind, name) for kind in kinds for name in public(kind)]
    calls += [kind.__init__ for kind in kinds if dataclasses.is_dataclass(kind)]
    named = {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD}
    positional = {
        f"{call.__qualname__}({one.name})"
        for call in calls
        for one in list(inspect.signature(call).parameters.values())[1:]
        if one.kind not in named
    }
    assert len(calls) > 80
    assert positional == set()
    first, *others = inspect.signature(ExactTarget).parameters.values()
    assert (first.name, {one.kind for one in others}) == ("connection", {inspect.Parameter.KEYWORD_ONLY})


def parts() -> dict[str, type]:
    client = ExactTarget(Connection(auth_url="http://127.0.0.1", client_id="i", client_secret="s", mid=1))  # pyright: ignore
    return {name: type(part) for name, part in vars(client).items() if not name.startswith("_")}


def public(kind: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}


def test_every_error_is_on_the_page_under_its_reaction():
    real: dict[str, set[str]] = {}
    for name, kind in inspect.getmembers(errors, inspect.isclass):
        base = kind.__base__
        if issubclass(kind, errors.ExactTargetError) and base not in (Exception, errors.ExactTargetError):
            real.setdefault(base.__name__, set()).add(name)
    told: dict[str, set[str]] = {}
    reaction = ""
    for row in ROWS:
        if found := re.search(r"\(`(\w+)`\)", row[0]):
            reaction = found[1]
        elif row[0].strip():
            reaction = ""
        if reaction:
            told.setdefault(reaction, set()).update(re.findall(r"`(\w+)`", row[1]))
    told["InDoubt"].discard("InDoubt")
    assert told == real
