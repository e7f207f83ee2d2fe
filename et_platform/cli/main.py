"""The command `etp` itself: which verbs there are, and the environment that they find.

What belongs here: the table of verbs, and the env file. What does not: the verbs.
"""

import importlib
import os
from pathlib import Path

import click
from dotenv import dotenv_values

DEMO_ENV = Path(".etp/demo/demo.env")

_VERBS = {
    # the module of a verb is imported when the verb is asked for: each costs the others nothing
    "catalog": "et_platform.cli.catalog",
    "consent": "et_platform.cli.consent",
    "plan": "et_platform.cli.outbound",
    "apply": "et_platform.cli.outbound",
    "approve": "et_platform.cli.deciding",
    "reject": "et_platform.cli.deciding",
    "quarantine": "et_platform.cli.quarantine",
    "files": "et_platform.cli.files",
    "forget": "et_platform.cli.outbound",
    "ledger": "et_platform.cli.ledger",
    "login-url": "et_platform.cli.login",
    "request": "et_platform.cli.inbound",
    "resolve": "et_platform.cli.ledger",
    "pull": "et_platform.cli.inbound",
    "windows": "et_platform.cli.windows",
    "writeback": "et_platform.cli.inbound",
    "segment": "et_platform.cli.segments",
    "trace": "et_platform.cli.looking",
    "ui": "et_platform.cli.looking",
    "demo": "et_platform.cli.demo",
    "sim": "et_platform.simulator.cli",
}


class Etp(click.Group):
    """Finds a verb's module in the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs."""
        return sorted(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb, imported when needed."""
        module = _VERBS.get(cmd_name)
        return getattr(importlib.import_module(module), cmd_name.replace("-", "_")) if module else None


@click.group(cls=Etp)
@click.option(
    "--env-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read ET_* settings from this file (default: .env, else a running demo's).",
)
@click.pass_context
def main(context: click.Context, env_file: Path | None) -> None:
    """Keep a CRM and an ExactTarget account in sync: plan, apply, pull, and see what moved."""
    if context.invoked_subcommand not in ("demo", "sim"):  # they make settings, and use none
        _load_environment(env_file)


def _load_environment(env_file: Path | None) -> None:
    """Put an env file's settings into the environment, where nothing is set already."""
    configured = any(name.startswith("ET_") for name in os.environ)
    if env_file is None and Path(".env").exists():
        env_file = Path(".env")
    if env_file is None and not configured and DEMO_ENV.exists():
        click.echo(f"No ET_* settings: using the demo's ({DEMO_ENV}).", err=True)
        env_file = DEMO_ENV
    if env_file is not None:
        for name, value in dotenv_values(env_file).items():
            if value is not None:
                os.environ.setdefault(name, value)
