"""Zipped files: unpacked by a File Transfer activity into the Safehouse, and imported from there."""

import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pysequoia
import pytest

from et_platform.catalog.catalog import load_catalog
from et_platform.catalog.loader import CatalogError
from et_platform.outbound.errors import StagingFailed
from et_platform_tests.faults.ordering import Faults
from et_platform_tests.outbound.world import World
from et_platform_tests.scenario import DATA_EXTENSION, person
from et_platform_tests.simulated import running_simulator


def declared(more: str = "", *, wait: float = 0) -> str:
    form = f"file: {{zip: {{transfer: Unpack, name: people.zip, wait: {wait}}}{more}}}"
    return DATA_EXTENSION.replace("fields:", f"{form}\nfields:")


ZIPPED = declared()


@pytest.fixture
def world(tmp_path, exacttarget_info) -> World:
    found = World(tmp_path / "world", exacttarget_info, changes={"doubt_deadline_seconds": 0.3})
    found.declare(ZIPPED)
    return found


@pytest.fixture
def faults(exacttarget_info) -> Iterator[Faults]:
    faults = Faults(exacttarget_info)
    yield faults
    faults.clear()


def site(world: World) -> Path:
    return Path(world.info["ftp_folder"], "Import")


def staged(world: World) -> list[Path]:
    """The files of this world's open attempt, on the site."""
    world.snapshot()
    world.plan()
    attempt = world.stage()
    assert attempt is not None
    return [site(world) / f"{file.remote}.zip" for file in attempt.files]


def test_zipped_parts_are_unpacked_imported_and_leave_nothing(world):
    world.declare(declared(", maximum_rows: 2, encoding: utf-16"))
    world.crm(*(person(id=f"P{number}") for number in range(1, 4)))
    paths = staged(world)
    assert len(paths) == 2
    for path in paths:
        with zipfile.ZipFile(path) as archive:
            assert archive.namelist() == [path.name.removesuffix(".zip")]
            assert archive.read(archive.namelist()[0]).startswith(b"\xff\xfe")
    settlement = world.deliver()
    assert settlement is not None
    assert (settlement.acknowledged, settlement.problems) == (3, ())
    assert world.rows()["P3"]["Name"] == "Zoë 漢"
    assert world.left_on_the_ftp_site() == []
    assert not (site(world) / "people.zip").exists()
    safehouse = world.info["ftp_folder"].parents[1] / "safehouse" / world.info["ftp_folder"].name
    assert safehouse.is_dir()
    assert [path.name for path in safehouse.iterdir() if path.name.removesuffix(".csv") in str(paths)] == []


def test_promise_5_a_file_that_was_not_unpacked_proves_nothing_and_is_sent_again(world):
    world.crm(person(), person(id="P2"))
    (path,) = staged(world)
    path.write_bytes(path.read_bytes()[:-30])  # torn on the site: the activity brings nothing, and tells nothing
    settlement = world.deliver()
    assert settlement is not None
    assert (settlement.sent, settlement.acknowledged) == (2, 0)
    assert "ended as Error" in settlement.problems[0]
    _, settlement = world.run()
    assert settlement is not None
    assert (settlement.acknowledged, settlement.problems) == (2, ())


def test_promise_4_a_transfer_whose_answer_is_lost_is_told_by_its_import(world, faults):
    world.crm(person())
    staged(world)
    faults.add("status", operation="Perform", object="FileTransferActivity", when="after")
    settlement = world.deliver()
    assert settlement is not None
    assert any("is being unpacked is in doubt" in line for line in world.told)
    assert (settlement.acknowledged, settlement.problems) == (1, ())


def test_promise_3_a_delivery_that_is_tried_again_uploads_what_the_first_try_had_used_up(world, faults):
    world.crm(person())
    (path,) = staged(world)
    path.replace(site(world) / "people.zip")  # as a run leaves it that was killed while the activity had the file
    settlement = world.deliver()
    assert settlement is not None
    assert (settlement.acknowledged, settlement.problems) == (1, ())
    assert not (site(world) / "people.zip").exists()


def test_an_activity_that_goes_on_after_its_answer_is_given_the_declared_time(tmp_path):
    slow = ("file_transfers=Unpack=people.zip", "file_transfer_seconds=0.5")
    options = [word for one in slow for word in ("--set", one)]
    with running_simulator(tmp_path / "exacttarget", *options) as simulator:
        world = World(tmp_path / "world", simulator.info | {"ftp_folder": simulator.ftp_folder})
        world.declare(ZIPPED)
        world.crm(person())
        _, settlement = world.run()
        assert settlement is not None
        assert settlement.acknowledged == 0, "its import came too early, and proves nothing"
        world.declare(declared(wait=1.0))
        _, settlement = world.run()
        assert settlement is not None
        assert (settlement.acknowledged, settlement.problems) == (1, ())


ENCRYPTED = ZIPPED.replace("name: people.zip", "name: people.zip.pgp, encrypted: true")


@pytest.fixture
def sealed(tmp_path) -> Iterator[World]:
    """A world whose ExactTarget decrypts, and that knows the public key."""
    secret = pysequoia.Tsk.generate("ExactTarget <keys@exacttarget.example>")
    for name, key in (("secret", secret), ("public", secret.extract_certificate())):
        (tmp_path / f"{name}.asc").write_text(str(key))
    settings = ("file_transfers=Unpack=people.zip.pgp", f"pgp_secret_key={tmp_path / 'secret.asc'}")
    options = [word for one in settings for word in ("--set", one)]
    with running_simulator(tmp_path / "exacttarget", *options) as simulator:
        info = simulator.info | {"ftp_folder": simulator.ftp_folder}
        world = World(tmp_path / "world", info, changes={"pgp_public_key_file": tmp_path / "public.asc"})
        world.declare(ENCRYPTED)
        world.crm(person())
        yield world


def test_encrypted_files_are_read_by_the_owner_of_the_key_alone(sealed, tmp_path):
    sealed.snapshot()
    sealed.plan()
    for key, told in (
        (None, "it is not set"),
        (tmp_path / "nowhere.asc", "No such file or directory"),
        (sealed.folder / "crm.sqlite", r"cannot be encrypted to the key in ET_PGP_PUBLIC_KEY_FILE"),
    ):
        sealed.changes["pgp_public_key_file"] = key
        with pytest.raises(StagingFailed, match=told) as refused:
            sealed.stage()
        assert "backtrace" not in str(refused.value)
    assert list((sealed.folder / "data" / "files" / "staged").rglob("*.*")) == [], "nothing readable is left"
    sealed.changes["pgp_public_key_file"] = tmp_path / "public.asc"
    attempt = sealed.stage()
    assert attempt is not None
    (file,) = attempt.files
    content = (site(sealed) / f"{file.remote}.zip.pgp").read_bytes()
    assert hashlib.sha256(content).hexdigest() == file.sha256
    assert b"PK\x03\x04" not in content
    assert file.remote.encode() not in content
    settlement = sealed.deliver()
    assert settlement is not None
    assert (settlement.acknowledged, settlement.problems) == (1, ())
    assert sealed.left_on_the_ftp_site() == []
    assert not (site(sealed) / "people.zip.pgp").exists()


def test_promise_5_what_the_activity_cannot_decrypt_proves_nothing(sealed, tmp_path):
    other = pysequoia.Tsk.generate("Somebody <else@exacttarget.example>")
    (tmp_path / "public.asc").write_text(str(other.extract_certificate()))
    _, settlement = sealed.run()
    assert settlement is not None
    assert (settlement.sent, settlement.acknowledged) == (1, 0)


@pytest.mark.parametrize("name", ["a/b.zip", "people-%%Year%%.zip", ""])
def test_promise_16_a_name_that_no_file_of_the_folder_can_have_is_refused_with_its_place(world, name):
    world.declare(ZIPPED.replace("people.zip", f"'{name}'"))
    with pytest.raises(CatalogError, match=r"people\.yaml:\d+.*zip"):
        load_catalog(world.folder / "catalog")
