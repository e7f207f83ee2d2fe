"""The client's verbs about rows: look, count, export.

Belongs here: arguments and printing. Does not: reading (`rows.py`), what a condition says (`condition_text.py`). Values
are masked unless one asks for them.
"""

from collections.abc import Sequence
from pathlib import Path

import click

from et_platform.exacttarget.cli_client import existing, opened_client
from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.condition_text import read_conditions
from et_platform.exacttarget.export import masked, write_rows
from et_platform.exacttarget.filters import Filter


@click.group()
def rows() -> None:
    """Rows of data extensions. Values are masked; --unmasked shows them."""


_unmasked = click.option("--unmasked", is_flag=True, help="Values as they are: mind who sees them.")
_fields = click.option("--fields", help="Names with commas; all by default.")
_where = click.option(
    "--where",
    "conditions",
    multiple=True,
    help="Only rows for which it holds: 'Points greaterThan 5', 'City IN Bonn|Ulm'; several must all hold.",
)


@rows.command()
@click.argument("customer_key")
@click.option("--rows", "most", type=click.IntRange(1, 2500), default=10, show_default=True)
@_fields
@_where
@_unmasked
def head(customer_key: str, most: int, fields: str | None, conditions: tuple[str, ...], unmasked: bool) -> None:
    """The first rows, one field a line."""
    with opened_client() as client:
        names, where = _names(client, customer_key, fields), _condition(client, customer_key, conditions)
        batch = next(client.rows.read(customer_key=customer_key, fields=names, where=where, batch_size=most), None)
    for number, row in enumerate([] if batch is None else batch.slice(0, most).to_pylist(), start=1):
        click.echo(f"row {number}")
        for name in names:
            value = row[name]
            click.echo(f"  {name}: {'null' if value is None else value if unmasked else masked(value)}")


@rows.command()
@click.argument("customer_key")
@_where
def count(customer_key: str, conditions: tuple[str, ...]) -> None:
    """How many rows there are; each is read, for the service has no other way."""
    with opened_client() as client:
        one = existing(client, customer_key)
        names = [next((field for field in one.fields if field.is_primary_key), one.fields[0]).name]
        where = read_conditions(conditions, one.fields)
        batches = client.rows.read(customer_key=customer_key, fields=names, where=where, known=one.fields)
        click.echo(sum(batch.num_rows for batch in batches))


@rows.command()
@click.argument("customer_key")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_fields
@_where
@_unmasked
def export(customer_key: str, file: Path, fields: str | None, conditions: tuple[str, ...], unmasked: bool) -> None:
    """All rows into a new FILE.csv or FILE.parquet that only you can read. An extract is better for millions."""
    with opened_client() as client:
        names, where = _names(client, customer_key, fields), _condition(client, customer_key, conditions)
        batches = client.rows.read(customer_key=customer_key, fields=names, where=where, rereads=2)
        written = write_rows(batches, names, file, unmasked=unmasked)
    click.echo(f"{written} rows{'' if unmasked else ', masked (--unmasked writes the values)'}")


def _names(client: ExactTarget, customer_key: str, fields: str | None) -> list[str]:
    if fields is not None:
        return [name.strip() for name in fields.split(",") if name.strip()]
    return [field.name for field in existing(client, customer_key).fields]


def _condition(client: ExactTarget, customer_key: str, texts: Sequence[str]) -> Filter | None:
    return read_conditions(texts, client.data_extensions.fields(customer_key=customer_key)) if texts else None
