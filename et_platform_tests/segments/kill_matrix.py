"""Runs a segment in forked processes and kills them, with SIGKILL, at every boundary in turn.

Boundaries as in outbound/kill_matrix.py: before each call that changes something outside the process. A process of
its own, because a fork must not inherit threads.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from et_platform.exacttarget.automations import Automations
from et_platform.exacttarget.data_extensions import DataExtensions
from et_platform.exacttarget.queries import Queries
from et_platform.exacttarget.rows import Rows
from et_platform.exacttarget.soap import _service
from et_platform.ledger import segments as ledger
from et_platform_tests.outbound.kill_matrix import Boundaries
from et_platform_tests.outbound.kill_server import in_child
from et_platform_tests.segments.world import World


class SegmentBoundaries(Boundaries):
    def install(self) -> None:
        for name in ("begin", "advance"):
            self._around_function(name)
        for owner, methods in (
            (DataExtensions, ("create",)),
            (Queries, ("define", "delete")),
            (Automations, ("define", "start", "delete")),
            (Rows, ("delete",)),
        ):
            for method in methods:
                self.around(owner, method, f"{owner.__name__}.{method}")

    def _around_function(self, name: str) -> None:
        original = getattr(ledger, name)

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.reach(f"ledger.{name} {args[2] if name == 'advance' else ''}".strip())
            return original(*args, **kwargs)

        setattr(ledger, name, wrapped)


def state(world: World) -> dict[str, Any]:
    return {
        "rows": world.rows(),
        "states": [(one.state, one.rows_told, one.rows_counted) for one in world.runs()],
        "left over": world.left_over(),
    }


def run_with(world: Callable[[], World], fatal: int) -> list[str]:
    ready = world()
    boundaries = SegmentBoundaries(fatal)
    boundaries.install()
    ready.run()
    boundaries.reach("at the end")
    return boundaries.names


def main() -> None:
    request = json.loads(sys.stdin.readline())
    folder, info = Path(request["folder"]), request["info"]
    _service()  # once for all children

    def world(number: int) -> World:
        return World(folder / str(number), info)

    in_child(lambda: rerun(World(folder / "first", info)))  # makes what all segments of an account share
    in_child(lambda: bool(world(0)))
    names = in_child(lambda: run_with(lambda: world(0), fatal=0))
    print(json.dumps({"boundary": "none", "state": in_child(lambda: state(world(0)))}), flush=True)  # noqa: T201
    for number, name in enumerate(names, 1):
        killed = in_child(lambda number=number: run_with(lambda: world(number), fatal=number)) is None
        # At the end nothing is open any more, so a re-run is another run.
        told = in_child(lambda number=number: rerun(world(number)))
        end = in_child(lambda number=number: state(world(number)))
        print(json.dumps({"boundary": f"{number} {name}", "killed": killed, "told": told, "state": end}), flush=True)  # noqa: T201


def rerun(world: World) -> list[str]:
    world.run()
    return world.told


if __name__ == "__main__":
    main()
