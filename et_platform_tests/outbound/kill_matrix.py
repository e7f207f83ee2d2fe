"""Runs a story of the outbound road in forked processes and kills them, with SIGKILL, at a chosen boundary.

A boundary is the moment just before a call that changes something outside the process (a ledger transition, a lake
commit, a request to ExactTarget, a change on the FTP site), and the end of the road; to the world outside, that is
also the moment just after the call before it. Boundaries are counted while the road runs, so every one there is
gets its turn without being listed by hand.

Started as a process of its own (`python -m et_platform_tests.outbound.kill_matrix`), because a fork must not
inherit threads: it imports everything once, opens nothing, and leaves all work to its children.
"""

import contextlib
import functools
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.sftp import EnhancedFtp
from et_platform.exacttarget.subscribers import Subscribers
from et_platform.ledger.ledger import Ledger
from et_platform.warehouse.lake import Lake
from et_platform_tests.outbound.opted_out import OUT
from et_platform_tests.outbound.opted_out import Story as OptedOut
from et_platform_tests.outbound.world import World
from et_platform_tests.scenario import CONSENT, REMOVING, person

LANES = 2
BEFORE = [person(), person(id="P2"), person(id="P3")]
AFTER = [person(points="8"), person(id="P2"), person(id="P3", name="new"), person(id="P4")]


@dataclass(frozen=True)
class Story:
    """What is told: the kind of world, how it is made ready, what is killed and run again, what is compared.

    `only` names the boundaries at which it is killed; None: at all.
    """

    world: type[World]
    prepare: Callable[[Any], object]
    run: Callable[[Any], object]
    state: Callable[[Any], dict[str, Any]]
    only: frozenset[str] | None = None


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
            self.reach(f"before {label}")
            return original(*args, **kwargs)

        setattr(owner, method, wrapped)

    def around_lake(self) -> None:
        original = Lake.write

        @contextlib.contextmanager
        def wrapped(lake: Lake) -> Iterator[Any]:
            with original(lake) as connection:
                yield connection
                self.reach("before the lake's commit")

        Lake.write = wrapped

    def install(self) -> None:
        for method in ("plan", "begin_attempt", "advance_file", "close_attempt"):
            self.around(Ledger, method, f"ledger.{method}")
        for method in ("put", "remove"):
            self.around(EnhancedFtp, method, f"ftp.{method}")
        self.around(Subscribers, "update", "subscribers.update")
        self.around_lake()
        original = ExactTarget.__enter__

        def entered(client: ExactTarget) -> ExactTarget:
            opened = original(client)
            for method in ("define", "start", "delete"):
                if not hasattr(getattr(type(opened.imports), method), "__wrapped__"):
                    self.around(type(opened.imports), method, f"imports.{method}")
            return opened

        ExactTarget.__enter__ = entered


def in_child(work: Callable[[], Any]) -> Any:
    """Do `work` in a forked child; its answer as JSON, or None if the child was killed. Raises if it failed."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        code = 1
        try:
            with os.fdopen(write, "w") as pipe:
                json.dump(work(), pipe)
            code = 0
        finally:
            sys.stderr.flush()
            os._exit(code)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return None
    if status != 0:
        raise RuntimeError("a child failed; its traceback is above")
    return json.loads(text)


def run_with(story: Story, world: Callable[[], World], fatal: int) -> list[str]:
    boundaries = Boundaries(fatal)
    boundaries.install()
    story.run(world())
    boundaries.reach("at the end")
    return boundaries.names


def final_state(world: World) -> dict[str, Any]:
    return {
        "rows": world.rows(),
        "acknowledged": world.acknowledged(),
        "imported": world.imported_rows(),
        "files": sorted(set(world.file_states())),
        "open": world.road.ledger.open_attempt(world.road.mid, world.customer_key) is not None
        or world.road.ledger.open_change_set(world.road.mid, world.customer_key) is not None,
        "left on the FTP site": len(world.left_on_the_ftp_site()),
    }


def prepare(world: World) -> None:
    world.crm(*BEFORE)
    world.run()
    world.crm(*AFTER)


def prepare_opt_outs(world: OptedOut) -> None:
    world.declare(CONSENT)
    world.crm(world.who(1), world.who(2))
    world.run()
    world.set_status(2, "Active", "2@example.org")
    world.crm(world.who(1, **OUT), world.who(2, **OUT), world.who(3, **OUT), world.who(4, **OUT, email="none"))


def opt_out(world: OptedOut) -> None:
    world.snapshot()
    world.opt_out()


def opted_out_state(world: OptedOut) -> dict[str, Any]:
    with world.road.lake.read() as connection:
        kept = connection.execute("SELECT _folded_key FROM lake.acknowledged.opt_outs").fetchall()
    state = final_state(world)
    return {
        **state,
        "rows": {key[-1]: row["OptedOut"] for key, row in world.rows().items()},
        "acknowledged": sorted(key[-1] for (key,) in kept),
        "statuses": {str(number): status for number, status in world.statuses().items()},
        "left to opt out": world.opt_out().change_set is not None,
        "open": state["open"] or world.is_open("opt_out") or world.is_open("unsubscribe"),
    }


def prepare_removals(world: World) -> None:
    world.declare(REMOVING)
    world.crm(*BEFORE)
    world.run()
    world.crm(person(points="8"), person(id="P2"))


ROWS = Story(World, prepare, World.run, final_state)
OPT_OUTS = Story(
    OptedOut,
    prepare_opt_outs,
    opt_out,
    opted_out_state,
    # Between upload and proof an opt-out goes the way of any other file, which the other story kills everywhere.
    frozenset(
        [
            *("before ledger.plan", "before ledger.begin_attempt", "before subscribers.update"),
            *("before the lake's commit", "before imports.start", "before ledger.close_attempt", "at the end"),
        ]
    ),
)
REMOVALS = Story(
    World,
    prepare_removals,
    World.run,
    final_state,
    # Between upload and Perform a file of deletes goes the way of any other.
    frozenset(
        [
            *("before ledger.begin_attempt", "before imports.define", "before imports.start", "at the end"),
            *("before the lake's commit", "before imports.delete", "before ledger.close_attempt"),
        ]
    ),
)
STORIES = {"rows": ROWS, "opt_outs": OPT_OUTS, "removals": REMOVALS}


def main() -> None:
    """Read the simulator's ready line, a folder and a story as JSON; write one JSON line a boundary, none first."""
    request = json.loads(sys.stdin.readline())
    folder, info, story = Path(request["folder"]), request["info"], STORIES[request["story"]]

    def world(number: int) -> World:
        return story.world(folder / str(number), info, changes={"doubt_deadline_seconds": 1.0})

    in_child(lambda: story.prepare(world(0)))
    names = in_child(lambda: run_with(story, lambda: world(0), fatal=0))
    print(json.dumps({"boundary": "none", "state": in_child(lambda: story.state(world(0)))}), flush=True)  # noqa: T201
    numbered = [(number, name) for number, name in enumerate(names, 1) if story.only is None or name in story.only]
    lanes = [os.fork() or _lane(story, world, numbered[lane::LANES]) for lane in range(LANES)]
    codes = [os.waitstatus_to_exitcode(os.waitpid(lane, 0)[1]) for lane in lanes]
    if any(codes):
        raise RuntimeError("a lane failed; its traceback is above")


def _lane(story: Story, world: Callable[[int], World], numbered: list[tuple[int, str]]) -> int:
    """One after the other, in a process of its own; never returns."""
    code = 1
    try:
        for number, name in numbered:
            in_child(lambda number=number: story.prepare(world(number)))
            killed = in_child(lambda number=number: run_with(story, lambda: world(number), fatal=number)) is None
            in_child(lambda number=number: bool(story.run(world(number))))  # the plain re-run
            state = in_child(lambda number=number: story.state(world(number)))
            line = json.dumps({"boundary": f"{number} {name}", "killed": killed, "state": state})
            os.write(1, f"{line}\n".encode())  # in one piece: the lanes share the pipe
        code = 0
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
