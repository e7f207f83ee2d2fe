"""The platform's client on the simulator's accounts: business units, packages, scopes, and the ways into the FTP site."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from et_platform.exacttarget import errors
from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.connection import Connection, SftpConnection
from et_platform.exacttarget.models import DataExtension, Field, FieldType, ImportDefinition, ImportResult
from et_platform_tests.exacttarget.scripted import until
from et_platform_tests.simulated import Simulator, running_simulator

CHILD = 2000001
KEY = asyncssh.generate_private_key("ssh-ed25519")


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    folder = tmp_path_factory.mktemp("sim")
    authorized = [KEY.export_public_key().decode().strip()]
    settings = {
        "business_units": [{"mid": CHILD, "name": "Germany"}],
        "packages": [
            {"client_id": "reader", "client_secret": "r", "scopes": "data_extensions_read"},
            {"client_id": "old", "client_secret": "0ld-s3cret", "legacy": True, "business_units": [CHILD]},
        ],
        "users": [
            {"username": "api user", "password": "us3r & <password>", "business_unit": CHILD},
            {"username": "no api", "password": "n0-api", "business_unit": CHILD, "api_access": False},
        ],
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


def older(simulator: Simulator, **login: str) -> Connection:
    addresses = {name: simulator.info[name] for name in ("auth_url", "soap_url", "rest_url")}
    sftp = {name: simulator.info[f"sftp_{name}"] for name in ("host", "port", "host_key")}
    sftp |= {"user": f"{CHILD}_2", "private_key": KEY.export_private_key().decode()}
    return Connection.model_validate({**addresses, "mid": CHILD, "legacy": login, "sftp": sftp})


@pytest.mark.parametrize(
    "login",
    [
        {"client_id": "old", "client_secret": "0ld-s3cret"},
        {"username": "api user", "password": "us3r & <password>"},
    ],
    ids=["package", "user"],
)
def test_a_client_works_with_an_older_login(simulator: Simulator, tmp_path: Path, login: dict[str, str]) -> None:
    key = f"older-{len(login.get('username', ''))}"
    (tmp_path / "rows.csv").write_text("Key,City\n2,Ulm\n3,Bonn\n")
    with ExactTarget(older(simulator, **login)) as client:
        assert client.system_status().value == "OK"
        client.data_extensions.create(data_extension=people(key))
        assert all(one.ok for one in client.rows.upsert(customer_key=key, rows=[{"Key": "1", "City": "Jena"}]))
        with client.ftp() as ftp:
            ftp.put(local=tmp_path / "rows.csv", remote=f"Import/{key}.csv")
        definition = ImportDefinition(customer_key=key, name=key, destination_key=key, file_spec=f"{key}.csv")
        client.imports.define(definition=definition)
        task = client.imports.start(customer_key=key)
        result = until(lambda: done(client.imports.result(task_id=task)))
        assert (result.successful, result.errors) == (2, 0)
        assert rows(client, key) == [("1", "Jena"), ("2", "Ulm"), ("3", "Bonn")]
        if "client_id" in login:
            assert client.rest.upsert(customer_key=key, rows=[{"Key": "4", "City": "Kiel"}], keys=["Key"]) is None
    with ExactTarget(connection(simulator, CHILD)) as client:
        assert client.data_extensions.get(customer_key=key) is not None


@pytest.mark.parametrize(
    ("login", "error", "message"),
    [
        ({"client_id": "old", "client_secret": "wr0ng"}, errors.AuthenticationFailed, "Unauthorized"),
        ({"username": "api user", "password": "wr0ng"}, errors.AuthenticationFailed, "Login failed"),
        ({"username": "no api", "password": "n0-api"}, errors.PermissionDenied, "AuthorizationFailure"),
    ],
)
def test_a_wrong_older_login_is_told(
    simulator: Simulator, login: dict[str, str], error: type[Exception], message: str
) -> None:
    with ExactTarget(older(simulator, **login)) as client:
        for again in (False, True):
            with pytest.raises(
                error, match="ot sent again" if again and "wr0ng" in login.values() else message
            ) as caught:
                client.data_extensions.find_all()
            assert not any(secret in str(caught.value) for secret in ("wr0ng", "n0-api"))


def test_each_kind_of_package_is_told_its_own_endpoint(simulator: Simulator) -> None:
    new = {name: simulator.info[name] for name in ("client_id", "client_secret")}
    with ExactTarget(older(simulator, **new)) as client, pytest.raises(errors.AuthenticationFailed, match="/v2/"):
        client.log_in()
    old = connection(simulator, CHILD, client_id="old", client_secret="0ld-s3cret")
    with ExactTarget(old) as client, pytest.raises(errors.AuthenticationFailed, match="/v1/requestToken"):
        client.log_in()


def test_a_child_works_with_a_data_extension_that_the_enterprise_shares(simulator: Simulator, tmp_path: Path) -> None:
    """By the prefix ENT., which is unconfirmed over SOAP: where it means nothing, it is part of the key [K]."""
    (tmp_path / "rows.csv").write_text("Key,City\n2,Ulm\n3,Bonn\n")
    sftp = {"user": f"{CHILD}_2", "private_key": KEY.export_private_key().decode()}
    with (
        ExactTarget(connection(simulator, 1000001)) as parent,
        ExactTarget(connection(simulator, CHILD, sftp)) as child,
    ):
        (shared,) = (one for one in parent.folders.find_all(content_type="shared_dataextension") if not one.parent_id)
        parent.data_extensions.create(data_extension=replace(people("shared"), category_id=shared.id))
        parent.data_extensions.create(data_extension=people("unshared"))
        assert all(one.ok for one in child.rows.upsert(customer_key="ENT.shared", rows=[{"Key": "1", "City": "Jena"}]))
        assert all(one.ok for one in child.rows.upsert(customer_key="ENT.shared", rows=[{"Key": "1", "City": "Gera"}]))
        assert rows(child, "ENT.shared") == rows(parent, "shared") == [("1", "Gera")]
        for hidden in ("shared", "ENT.unshared"):
            with pytest.raises(errors.NotFound):
                rows(child, hidden)

        with child.ftp() as ftp:
            ftp.put(local=tmp_path / "rows.csv", remote="Import/shared.csv")
        wanted = ImportDefinition(customer_key="in", name="in", destination_key="ENT.shared", file_spec="shared.csv")
        child.imports.define(definition=wanted)
        kept = child.imports.definition(customer_key="in")
        assert kept is not None
        assert kept.destination_key == "ENT.shared"
        task = child.imports.start(customer_key="in")
        result = until(lambda: done(child.imports.result(task_id=task)))
        assert (result.successful, result.errors, result.total_rows) == (2, 0, 2)
        assert rows(parent, "shared") == [("1", "Gera"), ("2", "Ulm"), ("3", "Bonn")]
        deleted = child.rows.delete(customer_key="ENT.shared", keys=[{"Key": "1"}, {"Key": "2"}])
        assert [one.ok for one in deleted] == [True, True]
        assert rows(parent, "shared") == [("3", "Bonn")]
        with pytest.raises(errors.InvalidDefinition):
            child.imports.define(definition=replace(wanted, customer_key="no", destination_key="ENT.unshared"))


def test_where_the_prefix_means_nothing_each_call_says_so(tmp_path: Path) -> None:
    unknown = ("--business-unit", f"{CHILD}:Germany", "--set", "shared_prefix=unknown")
    with running_simulator(tmp_path / "data", "--mid", "1000001", *unknown) as simulator:
        parent, child = (ExactTarget(connection(simulator, mid)) for mid in (1000001, CHILD))
        with parent, child:
            folders = parent.folders.find_all(content_type="shared_dataextension")
            parent.data_extensions.create(data_extension=replace(people("shared"), category_id=folders[0].id))
            (result,) = child.rows.upsert(customer_key="ENT.shared", rows=[{"Key": "1"}])
            assert (result.ok, result.code) == (False, 310002)
            with pytest.raises(errors.NotFound, match=r"ENT\.shared"):
                rows(child, "ENT.shared")
            wanted = ImportDefinition(customer_key="in", name="in", destination_key="ENT.shared", file_spec="x.csv")
            with pytest.raises(errors.InvalidDefinition, match="43060"):
                child.imports.define(definition=wanted)
            assert rows(parent, "shared") == []


def people(key: str) -> DataExtension:
    fields = (
        Field(name="Key", type=FieldType.Text, max_length=9, is_primary_key=True, is_required=True),
        Field(name="City", type=FieldType.Text, max_length=20),
    )
    return DataExtension(name=key, customer_key=key, fields=fields)


def rows(client: ExactTarget, key: str) -> list[tuple[str, str]]:
    pages = client.rows.read(customer_key=key, fields=["Key", "City"])
    return sorted((one["Key"], one["City"]) for page in pages for one in page.to_pylist())


def done(result: ImportResult | None) -> ImportResult | None:
    return result if result is not None and result.is_terminal else None


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
