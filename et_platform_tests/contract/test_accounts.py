"""The platform's client on the simulator's accounts: business units, packages, scopes, and the ways into the FTP site."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from et_platform.exacttarget import errors
from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.connection import Connection, SftpConnection
from et_platform.exacttarget.models import DataExtension, Field, FieldType
from et_platform_tests.simulated import Simulator, running_simulator

CHILD = 2000001
KEY = asyncssh.generate_private_key("ssh-ed25519")


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    folder = tmp_path_factory.mktemp("sim")
    authorized = [KEY.export_public_key().decode().strip()]
    settings = {
        "business_units": [{"mid": CHILD, "name": "Germany"}],
        "packages": [{"client_id": "reader", "client_secret": "r", "scopes": "data_extensions_read"}],
        "ftp_users": [
            {"business_unit": CHILD, "login": "key", "authorized_keys": authorized},
            {"business_unit": CHILD, "login": "both", "password": "p", "authorized_keys": authorized},
        ],
        # What is not known of the real site: it has none of OpenSSH's extensions, and replaces nothing.
        "behaviour": {"sftp_posix_rename": False, "sftp_tells_limits": False, "sftp_overwrite": False},
    }
    (folder / "settings.json").write_text(json.dumps(settings))  # JSON is YAML
    extra = ("--mid", "1000001", "--settings", str(folder / "settings.json"))
    with running_simulator(folder / "data", *extra) as running:
        yield running


def connection(simulator: Simulator, mid: int, sftp: dict[str, Any] | None = None, **changed: str) -> Connection:
    info = simulator.info
    login = None
    if sftp is not None:
        names = {"host": info["sftp_host"], "port": info["sftp_port"], "host_key": info["sftp_host_key"]}
        login = SftpConnection(**names | sftp)
    given = {name: info[name] for name in ("auth_url", "client_id", "client_secret")}
    return Connection(**given | changed, mid=mid, sftp=login)


def test_a_client_works_in_its_own_business_unit(simulator: Simulator) -> None:
    key = Field(name="Key", type=FieldType.Text, max_length=9, is_primary_key=True, is_required=True)
    wanted = DataExtension(name="people", customer_key="people", fields=(key,))
    with ExactTarget(connection(simulator, CHILD)) as child, ExactTarget(connection(simulator, 1000001)) as parent:
        child.data_extensions.create(data_extension=wanted)
        assert parent.data_extensions.get(customer_key="people") is None
        assert child.data_extensions.get(customer_key="people") is not None
        results = child.rows.upsert(customer_key="people", rows=[{"Key": "1"}])
        assert all(one.ok for one in results)
    reader = connection(simulator, CHILD, client_id="reader", client_secret="r")
    with ExactTarget(reader) as client:
        assert client.data_extensions.get(customer_key="people") is not None
        with pytest.raises(errors.ExactTargetError, match="API Permission Failed"):
            client.data_extensions.delete(customer_key="people")
        pages = list(client.rows.read(customer_key="people", fields=["Key"]))
        assert [row for page in pages for row in page.column("Key").to_pylist()] == ["1"]
    with pytest.raises(errors.AuthenticationFailed), ExactTarget(connection(simulator, 7)) as client:
        client.data_extensions.get(customer_key="people")


@pytest.mark.parametrize(("user", "password"), [(f"{CHILD}_2", None), (f"{CHILD}_3", "p")])
def test_a_client_logs_in_with_its_key_and_carries_files(
    simulator: Simulator, tmp_path: Path, user: str, password: str | None
) -> None:
    content = os.urandom(700_000)
    (tmp_path / "local").write_bytes(content)
    sftp = {"user": user, "password": password, "private_key": KEY.export_private_key().decode()}
    with ExactTarget(connection(simulator, CHILD, sftp)) as client, client.ftp() as ftp:
        ftp.put(local=tmp_path / "local", remote=f"Import/{user}.csv")
        ftp.get(remote=f"Import/{user}.csv", local=tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == content
    assert (simulator.data_dir / "ftp" / str(CHILD) / "Import" / f"{user}.csv").read_bytes() == content


def test_half_a_login_is_none(simulator: Simulator) -> None:
    text = KEY.export_private_key().decode()
    for sftp in ({"user": f"{CHILD}_3", "private_key": text}, {"user": f"{CHILD}_3", "password": "p"}):
        with (
            pytest.raises(errors.SftpAuthenticationFailed),
            ExactTarget(connection(simulator, CHILD, sftp)) as client,
            client.ftp(),
        ):
            pass
