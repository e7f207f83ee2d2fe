"""A real PostgreSQL server for the tests of the CRM readers. Without its wheel they fail; they never skip."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest


@pytest.fixture(scope="session")
def postgres_folder(postgresql_server) -> Path:
    return postgresql_server.folder


@pytest.fixture(scope="session")
def postgres_uri(postgresql_server) -> str:
    return postgresql_server.uri


@pytest.fixture
def postgres(postgres_uri: str) -> Iterator[psycopg.Connection]:
    """A session on an empty public schema."""
    with psycopg.connect(postgres_uri, autocommit=True) as session:
        session.execute("DROP SCHEMA public CASCADE")
        session.execute("CREATE SCHEMA public")
        yield session
