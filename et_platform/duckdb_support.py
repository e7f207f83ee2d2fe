"""What every part that speaks to DuckDB needs: quoting, and extensions loaded from their wheels.

What belongs here: a handful of functions without a state. What does not: attaching or querying anything; every
library of ours may import this module, and it imports none of them.
"""

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb


class ExtensionMissing(Exception):
    """An extension's wheel is absent or was built for another DuckDB; the message says what to install."""


def quoted(name: str) -> str:
    """An SQL identifier in quotes, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """An SQL string literal, whatever it holds."""
    return "'" + text.replace("'", "''") + "'"


def parquet(path: Path) -> str:
    """SQL for the rows of a Parquet file."""
    return f"read_parquet({literal(str(path))})"


def one_row(connection: duckdb.DuckDBPyConnection, query: str, parameters: Mapping[str, Any] | None = None) -> tuple:
    """The row of a query that has one, whatever it finds."""
    row = connection.execute(query, parameters).fetchone()
    assert row is not None
    return row


def without_values(message: str) -> str:
    """The part of a DuckDB message that is free of data: it quotes the text that it stumbled over, and tells numbers
    without quotes.
    """
    return re.sub(r"\d+", "#", re.split(r"['\"\n]", message, maxsplit=1)[0]).strip()


def load_extension(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Load `name` (sqlite_scanner, postgres_scanner, ducklake) into `connection`; raises ExtensionMissing.

    By path: no network is asked, and nothing is written outside the environment.
    """
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    files = (
        sorted(Path(spec.origin).parent.glob(f"extensions/v{duckdb.__version__}/*.duckdb_extension"))
        if spec is not None and spec.origin is not None
        else []
    )
    if not files:
        raise ExtensionMissing(
            f"The DuckDB extension {name} for DuckDB {duckdb.__version__} is not installed; "
            f"install duckdb-extension-{name.replace('_', '-')}=={duckdb.__version__}."
        )
    connection.execute(f"LOAD {literal(str(files[0]))}")
