"""The verb `demo`: a world to play with.

What belongs here: options, and one call each. What does not: the story (demo/story.py).
"""

from pathlib import Path

import click


@click.group(invoke_without_command=True)
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), default=Path(".etp/demo"), show_default=True
)
@click.option("--customers", default=20_000, show_default=True, help="Size of the CRM, when it is seeded.")
@click.option("--once", is_flag=True, help="Play the story and exit; do not serve the UI.")
@click.option("--port", default=3000, show_default=True, help="The UI's port on 127.0.0.1; another one if it is taken.")
@click.pass_context
def demo(context: click.Context, folder: Path, customers: int, once: bool, port: int) -> None:
    """Play the demo: a CRM, a local ExactTarget, and the road between them."""
    context.obj = folder
    if context.invoked_subcommand is not None:
        return
    from et_platform.demo.story import play
    from et_platform.demo.world import DemoFailed
    from et_platform.ui import UiFailed

    try:
        play(folder, customers=customers, once=once, port=port, say=click.echo)
    except (DemoFailed, UiFailed) as error:
        raise click.ClickException(str(error)) from None


@demo.command()
@click.option("--updates", default=150, show_default=True)
@click.option("--inserts", default=20, show_default=True)
@click.pass_obj
def edit(folder: Path, updates: int, inserts: int) -> None:
    """Change the demo's CRM: valid rows only."""
    from et_platform.demo import crm_edit

    path = folder / "crm.sqlite"
    if not path.exists():
        raise click.ClickException(f"There is no demo CRM at {path}: run `etp demo --once` first.")
    report = crm_edit.edit(path, updates=updates, inserts=inserts)
    click.echo(f"{len(report.updated)} customers changed, {len(report.inserted)} inserted in {path}.")
