"""Views of the lake whose SQL the platform makes from its declarations, for the models to read.

What belongs here: keeping them as they are meant. What does not: their SQL.
"""

from collections.abc import Mapping

import duckdb

from et_platform.warehouse.lake import table_exists

SCHEMA = "consent"
_TEXTS = f"lake.{SCHEMA}.views"


def are_ready(connection: duckdb.DuckDBPyConnection, views: Mapping[str, str]) -> bool:
    """Whether `ensure` has nothing to do: the views, by name, are there with this SQL."""
    if not table_exists(connection, SCHEMA, "views"):
        return False
    return dict(connection.execute(f"SELECT name, text FROM {_TEXTS}").fetchall()) == dict(views)


def ensure(connection: duckdb.DuckDBPyConnection, views: Mapping[str, str]) -> None:
    """Make the views `lake.consent.<name>`, inside a write transaction; what they read must be there."""
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS lake.{SCHEMA}")
    connection.execute(f"CREATE OR REPLACE TABLE {_TEXTS} (name VARCHAR, text VARCHAR)")
    for name, text in views.items():
        connection.execute(f"CREATE OR REPLACE VIEW lake.{SCHEMA}.{name} AS {text}")
        connection.execute(f"INSERT INTO {_TEXTS} VALUES (?, ?)", [name, text])
