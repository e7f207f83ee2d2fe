"""A real PostgreSQL server with the sample, and a fresh copy of it for every test.

Only an absent sample skips, and fails under CI: it is public data beside the project, not in it. An absent server fails.
"""

import uuid
from collections.abc import Iterator

import psycopg
import pytest

from et_platform_tests import beside
from et_platform_tests.adventureworks import sample
from et_platform_tests.adventureworks.world import World


@pytest.fixture(scope="session")
def server(postgresql_server) -> str:
    beside.needed(sample.FOLDER, "the public AdventureWorks sample")
    return postgresql_server.uri


@pytest.fixture(scope="session")
def loaded(server: str) -> Iterator[str]:
    """The name of a database with the sample, as it was published; a template that nobody changes."""
    with sample.database(server, "sample") as uri:
        with psycopg.connect(uri) as session:
            sample.load(session)
        yield "sample"


@pytest.fixture
def crm_url(server: str, loaded: str) -> Iterator[str]:
    with sample.database(server, f"crm_{uuid.uuid4().hex}", template=loaded) as uri:
        yield uri


@pytest.fixture
def crm(crm_url: str) -> Iterator[psycopg.Connection]:
    """A session of somebody who works in the CRM."""
    with psycopg.connect(crm_url, autocommit=True) as session:
        yield session


@pytest.fixture
def ledger_url(server: str) -> Iterator[str]:
    """An empty database for a ledger, on the server that the CRM is on."""
    with sample.database(server, f"ledger_{uuid.uuid4().hex}") as uri:
        yield uri


@pytest.fixture
def world(request, tmp_path, crm_url: str, exacttarget_info, monkeypatch) -> Iterator[World]:
    """The sample's world; its ledger is in SQLite, or where the parameter says."""
    if getattr(request, "param", "sqlite") == "postgresql":
        monkeypatch.setenv("ET_LEDGER_URL", request.getfixturevalue("ledger_url"))
    world = World(tmp_path / "world", crm_url, exacttarget_info)
    yield world
    world.road.ledger.engine.dispose()
