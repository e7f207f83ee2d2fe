"""Kinds of change set, and a road that ends, with SIGKILL, at a chosen boundary (what is killed where: kill_points.py).

A boundary is the moment just before a call that changes something outside the process (a ledger transition, a lake
commit, a request to ExactTarget, a change on the FTP site), and the end of the road; to the world outside, that is
also the moment just after the call before it. Boundaries are counted while the road runs, so none is overlooked.

What belongs here: how a kind's world is made ready, run, compared and put back. What does not: processes
(kill_server.py).
"""

import contextlib
import functools
import os
import shutil
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.sftp import EnhancedFtp
from et_platform.exacttarget.subscribers import Subscribers
from et_platform.ledger.ledger import Ledger
from et_platform.outbound.plan import Plan
from et_platform.outbound.road import Road
from et_platform.outbound.schema import ensure_data_extension
from et_platform.outbound.settle import Settlement
from et_platform.warehouse import quarantine
from et_platform.warehouse.lake import Lake
from et_platform_tests.faults.ordering import Faults
from et_platform_tests.outbound.opted_out import OUT
from et_platform_tests.outbound.opted_out import Story as OptedOut
from et_platform_tests.outbound.test_composite_keys import TWO, Two
from et_platform_tests.outbound.test_removals import TOMBSTONE
from et_platform_tests.outbound.test_zipped import ZIPPED
from et_platform_tests.outbound.world import World
from et_platform_tests.scenario import CONSENT, DATA_EXTENSION, REMOVING, person

BEFORE = [person(), person(id="P2"), person(id="P3")]
AFTER = [person(points="8"), person(id="P2"), person(id="P3", name="new"), person(id="P4")]
Rows = list[dict[str, str | None]]


class Boundaries:
    """Counts boundaries and ends the process at one of them; at 0, only names them."""

    def __init__(self, fatal: int):
        self.fatal = fatal
        self.names: list[str] = []

    def reach(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner: type, method: str, label: str) -> None:
        original = getattr(owner, method)

        @functools.wraps(original)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            state = f" to {args[2]}" if label == "ledger.advance_file" else ""
            self.reach(f"{label}{state}")
            return original(*args, **kwargs)

        setattr(owner, method, wrapped)

    def around_lake(self) -> None:
        original = Lake.write

        @contextlib.contextmanager
        def wrapped(lake: Lake) -> Iterator[Any]:
            with original(lake) as connection:
                yield connection
                self.reach("the lake's commit")

        Lake.write = wrapped

    def install(self) -> None:
        for method in ("plan", "begin_attempt", "advance_file", "close_attempt"):
            self.around(Ledger, method, f"ledger.{method}")
        from et_platform.outbound import deliver  # it takes its place among ten in one transaction of its own

        begin = deliver.begin_import

        def beginning(*args: Any, **kwargs: Any) -> Any:
            self.reach("ledger.begin_import")
            return begin(*args, **kwargs)

        deliver.begin_import = beginning
        for method in ("put", "move", "remove"):
            self.around(EnhancedFtp, method, f"ftp.{method}")
        self.around(Subscribers, "update", "subscribers.update")
        self.around_lake()
        original = ExactTarget.__enter__

        def entered(client: ExactTarget) -> ExactTarget:
            opened = original(client)
            for part, methods in (
                ("imports", ("define", "start", "delete")),
                ("file_transfers", ("start",)),
                ("data_extensions", ("create", "add_fields")),
            ):
                owner = type(getattr(opened, part))
                for method in methods:
                    if not hasattr(getattr(owner, method), "__wrapped__"):
                        self.around(owner, method, f"{part}.{method}")
            return opened

        ExactTarget.__enter__ = entered


class KeepsItsRoad:
    """A world that opens its road once: nothing about it changes while its process lives."""

    @functools.cached_property
    def road(self) -> Road:
        return super().road  # type: ignore[misc]


class Single(KeepsItsRoad, World):
    pass


class Composite(KeepsItsRoad, Two):
    def declare(self, text: str) -> None:
        super().declare(TWO if text == DATA_EXTENSION else text)  # its CRM's key has two columns from the start


class OptingOut(KeepsItsRoad, OptedOut):
    pass


@dataclass(frozen=True)
class Kind:
    """A kind of change set: its world, how that is made ready, what is killed and run again, what is compared.

    `run` returns how it went, in words. A kind that `is_put_back` is made ready once and copied for each kill, and its
    data extension is made and filled anew; else it is made ready for each kill.
    """

    world: Callable[..., Any]
    prepare: Callable[[Any], object]
    run: Callable[[Any], str]
    state: Callable[[Any], dict[str, Any]]
    is_put_back: bool = True


def outcome(settled: Settlement | None, settlement: Settlement | None) -> str:
    """What a run had to do: a re-run after a kill takes up, does again, or finds nothing to do."""
    if settled is not None:
        return "taken up, the rest sent" if settlement is not None else "taken up"
    return "sent" if settlement is not None else "nothing was left"


def run_all(world: World) -> str:
    plan, settlement = world.run()
    return outcome(plan.settled, settlement)


def final_state(world: World) -> dict[str, Any]:
    ledger, mid = world.road.ledger, world.road.mid
    return {
        "rows": held(world),
        "acknowledged": world.acknowledged(),
        "imported": world.imported_rows(),
        "open": ledger.open_attempt(mid, world.customer_key) is not None
        or ledger.open_change_set(mid, world.customer_key) is not None,
        "left on the FTP site": len(world.left_on_the_ftp_site()),
    }


def held(world: World) -> Rows:
    """What the data extension holds, in the order of its keys; nothing where there is no data extension."""
    fields = list(world.declared.is_.fields)
    with world.road.open_exacttarget() as exacttarget:
        if exacttarget.data_extensions.get(customer_key=world.customer_key) is None:
            return []
        batches = exacttarget.rows.read(customer_key=world.customer_key, fields=fields)
        rows = [row for batch in batches for row in batch.to_pylist()]
    return sorted(rows, key=lambda row: [row[key] or "" for key in world.declared.is_.key_fields])


def put_back(world: World, rows: Rows | None) -> None:
    """Let ExactTarget have the data extension as it was made ready: `rows`, or None for no data extension."""
    with world.road.open_exacttarget() as exacttarget:
        exacttarget.data_extensions.delete(customer_key=world.customer_key)
        if rows is not None:
            ensure_data_extension(exacttarget, world.declared, acknowledged=0, is_first_load=True)
            done = exacttarget.rows.upsert(customer_key=world.customer_key, rows=rows)
            assert all(one.ok for one in done)


def copied(world: Callable[[Path], World], base: Path, folder: Path, rows: Rows | None) -> World:
    """A world as `base` was made ready, in `folder`."""
    shutil.copytree(base, folder)
    found = world(folder)
    put_back(found, rows)
    return found


def _ready(before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]], declared: str | None = None):
    def prepare(world: World) -> None:
        if declared is not None:
            world.declare(declared)
        if before:
            world.crm(*before)
            world.run()
        world.crm(*after)

    return prepare


def prepare_rejections(world: World) -> None:
    """Every import into the data extension counts its first row as an error, as a deadlock would [K]."""
    _ready(BEFORE, [person(points="8"), person(id="P2", points="8"), person(id="P3", points="8")])(world)
    Faults(world.info).add("reject_rows", at="import", key=world.customer_key, rows=1, times="always")


def run_until_nothing_is_left(world: World) -> str:
    """A row that was rejected once is sent once more; rejected twice, it stays in quarantine."""
    world.snapshot()
    said = []
    for _ in range(4):
        plan: Plan = world.plan()
        world.stage()
        settlement = world.deliver()
        said.append(outcome(plan.settled, settlement))
        if settlement is None:
            break
    return said[0]


def state_with_quarantine(world: World) -> dict[str, Any]:
    relation = quarantine.relation(world.road.lake_name(world.declared.is_))
    with world.road.lake.read() as connection:
        found = connection.execute(f"SELECT _key, reason FROM {relation} ORDER BY 1").fetchall()
    return final_state(world) | {"quarantine": [list(row) for row in found]}


def zipped_state(world: World) -> dict[str, Any]:
    return final_state(world) | {
        "left for the activity": Path(world.info["ftp_folder"], "Import", "people.zip").exists()
    }


def prepare_opt_outs(world: OptedOut) -> None:
    world.declare(CONSENT)
    world.crm(world.who(1), world.who(2))
    world.run()
    world.set_status(2, "Active", "2@example.org")
    world.crm(world.who(1, **OUT), world.who(2, **OUT), world.who(3, **OUT), world.who(4, **OUT, email="none"))


def opt_out(world: OptedOut) -> str:
    world.snapshot()
    found = world.opt_out()
    if found.settlement is None and found.settled is None and found.subscribers.sent:
        return "sent"
    return outcome(found.settled, found.settlement)


def opted_out_state(world: OptedOut) -> dict[str, Any]:
    with world.road.lake.read() as connection:
        kept = connection.execute("SELECT _folded_key FROM lake.acknowledged.opt_outs").fetchall()
    state = final_state(world)
    return {
        **state,
        "rows": {row["PersonID"][-1]: row["OptedOut"] for row in state["rows"]},
        "acknowledged": sorted(key[-1] for (key,) in kept),
        "statuses": {str(number): status for number, status in world.statuses().items()},
        "left to opt out": world.opt_out().change_set is not None,
        "open": state["open"] or world.is_open("opt_out") or world.is_open("unsubscribe"),
    }


_IN_PARTS = DATA_EXTENSION.replace("fields:", "file: {maximum_rows: 1}\nfields:")
"""Of one insert and two updates, three files."""
_LEFT = [person(points="8"), person(id="P2")]
_TWO = [person(name="a"), person(points="8", name="b"), person(id="P2", name="c")]
_TWO_AFTER = [person(name="a"), person(points="08", name="new"), person(id="p1", points="9", name="d")]

KINDS = {
    "first run": Kind(Single, _ready((), BEFORE), run_all, final_state),
    "inserts and updates": Kind(Single, _ready(BEFORE, AFTER), run_all, final_state),
    "several parts": Kind(Single, _ready(BEFORE, AFTER, _IN_PARTS), run_all, final_state),
    "zipped": Kind(Single, _ready(BEFORE, [*BEFORE, person(id="P4")], ZIPPED), run_all, zipped_state),
    "deletes": Kind(Single, _ready(BEFORE, _LEFT, REMOVING), run_all, final_state),
    "tombstones": Kind(Single, _ready(BEFORE, _LEFT, TOMBSTONE), run_all, final_state),
    "composite keys": Kind(Composite, _ready(_TWO, _TWO_AFTER, TWO), run_all, final_state),
    "rejected rows": Kind(Single, prepare_rejections, run_until_nothing_is_left, state_with_quarantine),
    "opt-outs": Kind(OptingOut, prepare_opt_outs, opt_out, opted_out_state, is_put_back=False),
}


def run_with(kind: Kind, world: World, fatal: int) -> tuple[list[str], str]:
    """Run it, or a part of it: the boundaries that were reached, and how it went."""
    boundaries = Boundaries(fatal)
    boundaries.install()
    went = kind.run(world)
    boundaries.reach("the end")
    return boundaries.names, went
