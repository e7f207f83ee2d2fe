"""The outbound road meets each fault, and a plain re-run ends where an undisturbed run would have.

Each step changes four rows in the CRM and says how the disturbed run ends: how many rows it acknowledges, or which error
it raises; and how many rows were imported in all by the end (promise 1: what was proven is never sent again).
"""

from dataclasses import dataclass
from typing import Any

import pytest

from et_platform.exacttarget import errors
from et_platform.outbound.errors import ImportStillRunning
from et_platform_tests.faults.roads import HastyWorld, people

ALL = 4
SUMMARY = {"object": "ImportResultsSummary", "operation": "Retrieve"}
ROWS = {"object": "DataExtensionObject", "operation": "Retrieve"}
PERFORM = {"operation": "Perform"}
IMPORT = {"at": "import"}
FILE = {"at": "sftp", "file": "etp_people_*"}
WRONG = {"effect": "wrong_figures", "duplicated": 1, **IMPORT}
"""Makes a read-back necessary, which proves every row."""


@dataclass(frozen=True)
class Step:
    name: str
    faults: tuple[dict[str, Any], ...]
    outcome: int | type[Exception]
    imported: int = ALL


def step(name: str, *faults: dict[str, Any], outcome: int | type[Exception] = ALL, imported: int = ALL) -> Step:
    return Step(name, faults, outcome, imported)


STORIES = {
    "start": (
        step("refused by a gateway", {"effect": "status", **PERFORM}, outcome=0),
        step("answer lost", {"effect": "cut", "when": "after", **PERFORM}),
        step("answer never sent", {"effect": "stall", "when": "after", **PERFORM}),
        step("done and answered by a fault", {"effect": "soap_fault", "when": "after", **PERFORM}),
        step("token expired", {"effect": "token_expired", **PERFORM}),
        step("login refused", {"effect": "login_failed", "at": "soap", **PERFORM}, outcome=errors.AuthenticationFailed),
    ),
    "summary": (
        step("empty for long", {"effect": "no_results", "times": 8, **SUMMARY}),
        step("throttled", {"effect": "throttle", "times": 2, **SUMMARY}),
        step("unavailable", {"effect": "status", "times": 3, **SUMMARY}, outcome=errors.ServiceUnavailable),
        step("unknown words", {"effect": "alter", "elements": {"ImportStatus": "Halted"}, "times": 3, **SUMMARY}),
        step(
            "hidden beyond the deadline of a doubt",
            {"effect": "cut", "when": "after", **PERFORM},
            {"effect": "no_results", "times": "always", **SUMMARY},
        ),
    ),
    "import": (
        step("read-back finds nothing", WRONG, {"effect": "no_results", **ROWS}, outcome=0, imported=ALL + ALL),
        step("rejects a good row", {"effect": "reject_rows", "rows": 1, **IMPORT}, outcome=3, imported=ALL + 1),
        step("tells wrong totals", {**WRONG, "total": 9}, imported=9),
        step("fails before any row", {"effect": "import_error", **IMPORT}, outcome=0),
        step("fails in the midst", {"effect": "import_error", "when": "during", "rows": 2, **IMPORT}, outcome=2, imported=ALL + 2),
        step("fails although all is loaded", {"effect": "import_error", "when": "after", **IMPORT}),
        step("sees half of the upload", {"effect": "half_file", "share": 0.6, **IMPORT}, outcome=2, imported=3 + 2),
        step("read-back fails once", WRONG, {"effect": "retrieve_error", **ROWS}),
        step("read-back fails", WRONG, {"effect": "retrieve_error", "times": 2, **ROWS}, outcome=errors.ServiceUnavailable),
    ),
    "definition": (
        step("data extension made and answer lost", {"effect": "cut", "when": "after", "operation": "Create", "object": "DataExtension"}),
        step("made and answer lost", {"effect": "cut", "when": "after", "operation": "Create", "object": "ImportDefinition"}),
        step("not deleted", {"effect": "status", "operation": "Delete", "times": 3}, outcome=errors.ServiceUnavailable),
        step("deleted and answer lost", {"effect": "cut", "when": "after", "operation": "Delete"}),
        step("data extension not found", {"effect": "no_results", "object": "DataExtension"}),
    ),
    "upload": (
        step("cut once", {"effect": "cut", "operation": "write", "at_byte": 50, **FILE}),
        step("cut again and again", {"effect": "cut", "operation": "write", "at_byte": 50, "times": "always", **FILE}, outcome=errors.TransferInterrupted),
        step("to a full disk", {"effect": "disk_full", "at_byte": 50, "times": "always", **FILE}, outcome=errors.TransferInterrupted),
        step("rename not allowed", {"effect": "permission_denied", "operation": "rename", **FILE}, outcome=errors.PermissionDenied),
        step("renamed and answer lost", {"effect": "cut", "when": "after", "operation": "rename", **FILE}),
        step("login refused", {"effect": "login_failed", "at": "sftp"}, outcome=errors.SftpAuthenticationFailed),
        step("clean-up cut", {"effect": "cut", "when": "before", "operation": "remove", **FILE}, outcome=errors.TransferInterrupted),
        step("clean-up not allowed", {"effect": "permission_denied", "operation": "remove", "times": "always", **FILE}),
    ),
}  # fmt: skip


@pytest.fixture
def world(tmp_path, simulator):
    return HastyWorld(tmp_path / "world", simulator.info | {"ftp_folder": simulator.ftp_folder})


def placed(fault: dict[str, Any], world: HastyWorld) -> dict[str, Any]:
    """The fault, for this world's data extension alone where it knows one."""
    return fault if fault.get("at") == "sftp" else {"key": world.customer_key, **fault}


@pytest.mark.parametrize("story", STORIES)
def test_promises_1_2_3_5_a_disturbed_run_and_a_plain_rerun(world, faults, story):
    before = 0
    for number, one in enumerate(STORIES[story]):
        names, told = people(f"s{number}n"), f"{story}: {one.name}"
        world.call(names)
        ordered = [faults.add(**placed(fault, world)) for fault in one.faults]
        if isinstance(one.outcome, int):
            _, settlement = world.go()
            assert settlement is not None, told
            assert (settlement.sent, settlement.acknowledged) == (ALL, one.outcome), (told, settlement.problems)
            assert settlement.problems or one.outcome == ALL, told
        else:
            with pytest.raises(one.outcome):
                world.go()
                pytest.fail(told)
        assert all(faults.shown(name)["struck"] for name in ordered), (told, faults.order("list"))
        faults.clear()
        if one.outcome != ALL:
            world.go()
        before += one.imported
        ended(world, names, before, told)
    plan = world.plan()
    assert (plan.change_set, plan.settled) == (None, None), "nothing is left to do"


def ended(world: HastyWorld, names: dict[str, str], imported: int, told: str = "") -> None:
    """What an undisturbed run would have left."""
    assert world.names() == names, told
    assert world.acknowledged() == {key.lower(): name for key, name in names.items()}, told
    assert world.imported_rows() == imported, told
    assert not {"staged", "uploaded", "starting", "started", "finished"} & set(world.file_states()), told


def undisturbed(world: HastyWorld, names: dict[str, str], imported: int) -> None:
    """A plain re-run, and what an undisturbed run would have left."""
    plan = world.plan()
    if plan.change_set is not None or plan.settled is not None:
        world.stage()
        world.deliver()
        plan = world.plan()
    assert (plan.change_set, plan.settled) == (None, None)
    ended(world, names, imported)


@pytest.mark.parametrize("when", ["before", "during", "after"])
def test_promise_4_an_import_that_does_not_end_is_adopted_when_it_does(world, faults, when):
    world.call(people("n"))
    world.changes["import_deadline_seconds"] = 0.3
    with faults.striking("stall", at="import", when=when, key=world.customer_key) as name:
        with pytest.raises(ImportStillRunning, match="Nothing is lost"):
            world.go()
        with pytest.raises(ImportStillRunning):  # nor is anything begun beside it
            world.go()
        faults.release(name)
        world.changes["import_deadline_seconds"] = 60.0
        undisturbed(world, people("n"), ALL)


def test_promise_4_a_start_that_comes_late_is_adopted_if_it_comes_in_time(world, faults):
    world.call(people("n"))
    world.changes["doubt_deadline_seconds"] = 20.0
    # The client gives up after two seconds, and the start takes effect after three.
    with faults.striking("stall", when="before", seconds=3, operation="Perform", key=world.customer_key):
        _, settlement = world.go()
    assert settlement is not None
    assert (settlement.acknowledged, settlement.problems) == (ALL, ())
    undisturbed(world, people("n"), ALL)


def test_promise_4_a_start_that_comes_after_the_deadline_changes_nothing(world, faults):
    world.call(people("old"))
    with faults.striking("stall", when="before", operation="Perform", key=world.customer_key) as name:
        _, settlement = world.go()
        assert settlement is not None
        assert settlement.acknowledged == 0
        world.call(people("new"))
        world.go()
        faults.release(name)  # the old start, whose definition and file are gone by now
    undisturbed(world, people("new"), ALL)
