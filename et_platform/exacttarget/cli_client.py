"""The client of the account that the environment names, for the verbs.

Belongs here: what every verb needs of it. Does not: the verbs (`cli.py`, `cli_rows.py`).
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.environment import TOKEN_CACHE, connection_from
from et_platform.exacttarget.errors import NotFound
from et_platform.exacttarget.models import DataExtension


@contextlib.contextmanager
def opened_client(*, with_sftp: bool = False) -> Iterator[ExactTarget]:
    """It is closed at the end. Raises SettingsError for what the environment lacks."""
    environment: Mapping[str, str] = click.get_current_context().obj
    cache = environment.get(TOKEN_CACHE)
    with ExactTarget(
        connection_from(environment, with_sftp=with_sftp), token_cache=Path(cache) if cache else None
    ) as client:
        yield client


def existing(client: ExactTarget, customer_key: str) -> DataExtension:
    """The data extension with its fields. Raises NotFound."""
    one = client.data_extensions.get(customer_key=customer_key)
    if one is None:
        raise NotFound(f"There is no data extension with the customer key {customer_key}. `de list` lists them.")
    return one
