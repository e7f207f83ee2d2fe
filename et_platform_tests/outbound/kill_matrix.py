"""Runs the outbound road in forked processes and kills them, with SIGKILL, at a chosen boundary.

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
from pathlib import Path
from typing import Any

from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.sftp import EnhancedFtp
from et_platform.ledger.ledger import Ledger
from et_platform.warehouse.lake import Lake
from et_platform_tests.outbound.world import World
from et_platform_tests.scenario import person

LANES = 2
BEFORE = [person(), person(id="P2"), person(id="P3")]
AFTER = [person(points="8"), person(id="P2"), person(id="P3", name="new"), person(id="P4")]


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
    """Do `work` in a forked child; its answer, or None if the child was killed. Raises if it failed."""
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


def run_with(world: Callable[[], World], fatal: int) -> list[str]:
    boundaries = Boundaries(fatal)
    boundaries.install()
    world().run()
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


def prepare(world: World) -> int:
    world.crm(*BEFORE)
    world.run()
    world.crm(*AFTER)
    return 0


def main() -> None:
    """Read the simulator's ready line and a folder as JSON; write one JSON line a boundary, the undisturbed run first."""
    request = json.loads(sys.stdin.readline())
    folder, info = Path(request["folder"]), request["info"]

    def world(number: int) -> World:
        return World(folder / str(number), info, changes={"doubt_deadline_seconds": 1.0})

    in_child(lambda: prepare(world(0)))
    names = in_child(lambda: run_with(lambda: world(0), fatal=0))
    print(json.dumps({"boundary": "none", "state": in_child(lambda: final_state(world(0)))}), flush=True)  # noqa: T201
    numbered = list(enumerate(names, 1))
    lanes = [os.fork() or _lane(world, numbered[lane::LANES]) for lane in range(LANES)]
    codes = [os.waitstatus_to_exitcode(os.waitpid(lane, 0)[1]) for lane in lanes]
    if any(codes):
        raise RuntimeError("a lane failed; its traceback is above")


def _lane(world: Callable[[int], World], numbered: list[tuple[int, str]]) -> int:
    """One after the other, in a process of its own; never returns."""
    code = 1
    try:
        for number, name in numbered:
            in_child(lambda number=number: prepare(world(number)))
            killed = in_child(lambda number=number: run_with(lambda: world(number), fatal=number)) is None
            in_child(lambda number=number: bool(world(number).run()))  # the plain re-run
            state = in_child(lambda number=number: final_state(world(number)))
            line = json.dumps({"boundary": f"{number} {name}", "killed": killed, "state": state})
            os.write(1, f"{line}\n".encode())  # in one piece: the lanes share the pipe
        code = 0
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
