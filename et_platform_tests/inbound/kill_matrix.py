"""Runs the return road in forked processes and kills them, with SIGKILL, at every boundary in turn.

Boundaries as in outbound/kill_matrix.py: before each call that changes something outside the process. A process of
its own, because a fork must not inherit threads.
"""

import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from et_platform.catalog.tracking import EVENT_TYPES
from et_platform.exacttarget.extracts import Extracts
from et_platform.exacttarget.sftp import EnhancedFtp
from et_platform.inbound.load import take
from et_platform.inbound.request import output_name, request_window
from et_platform.ledger.inbound import InboundLedger
from et_platform_tests.inbound.archives import event, tracking
from et_platform_tests.inbound.world import World
from et_platform_tests.outbound.kill_matrix import Boundaries
from et_platform_tests.outbound.kill_server import in_child

START = datetime(2024, 7, 1, tzinfo=UTC)
WITHIN = {"EventDate": "7/1/2024 6:00:00 AM"}
CONTENT = tracking(
    Unsubs=[event("K1", **WITHIN)],
    Opens=[event(key, **WITHIN) for key in ("K1", "K2", "K2")],
    Sent=[event(key, **WITHIN) for key in ("K1", "")],
)


class InboundBoundaries(Boundaries):
    def install(self) -> None:
        for method in ("begin_request", "requested", "see", "begin_take", "fetched", "loaded"):
            self.around(InboundLedger, method, f"ledger.{method}")
        self.around(Extracts, "request_tracking", "Extract")
        self.around(EnhancedFtp, "get", "ftp.get")
        self.around(Path, "mkdir", "mkdir")
        self.around(Path, "replace", "replace")
        self.around_lake()


def ask(world: World) -> None:
    request_window(world.road, name=world.prefix + "x", start=START, end=START + timedelta(days=1), types=EVENT_TYPES)


def file_name(world: World) -> str:
    return output_name(world.prefix + "x", START, START + timedelta(days=1), 1, world.road.mid)


def run(world: World) -> None:
    """A run: ask, look twice, take what is complete."""
    wanted = {file_name(world)}
    ask(world)
    world.prefix = f"etp_{world.prefix}"
    world.look()
    for arrival in world.look().complete:
        assert arrival.file.name in wanted
        take(world.road, arrival.identity)


def prepare(world: World) -> int:
    """The file that answers is there from the start, and keeps its time: the same identity however often one looks.

    The simulator's own answer would replace it with an empty one, so it goes where a second file does no harm.
    """
    path = world.export / file_name(world)
    path.write_bytes(CONTENT)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return 0


def state(world: World) -> dict[str, Any]:
    name = file_name(world)
    request = world.road.inbound.request_for(name)
    files = world.road.inbound.files_named(world.road.mid, name)
    rejects = world.query("SELECT count(*) FROM lake.extracts.event_rejects")
    loaded = world.query("SELECT count(*) FROM lake.extracts.loaded_files")
    return {
        "events": world.events(),
        "rejects": rejects[0][0],
        "loaded contents": loaded[0][0],
        "request": request.state if request else None,
        "files": [(one.state, one.rows, one.duplicate_of) for one in files],
        "left over": world.left_over(),
        "folders": len([path for path in world.road.extracts.iterdir() if not path.name.startswith(".")]),
    }


def run_with(world: Callable[[], World], fatal: int) -> list[str]:
    boundaries = InboundBoundaries(fatal)
    boundaries.install()
    run(world())
    boundaries.reach("at the end")
    return boundaries.names


def main() -> None:
    request = json.loads(sys.stdin.readline())
    folder, info = Path(request["folder"]), request["info"]

    def world(number: int) -> World:
        return World(folder / str(number), info)

    in_child(lambda: prepare(world(0)))
    names = in_child(lambda: run_with(lambda: world(0), fatal=0))
    print(json.dumps({"boundary": "none", "state": in_child(lambda: state(world(0)))}), flush=True)  # noqa: T201
    for number, name in enumerate(names, 1):
        in_child(lambda number=number: prepare(world(number)))
        killed = in_child(lambda number=number: run_with(lambda: world(number), fatal=number)) is None
        in_child(lambda number=number: bool(run(world(number))))
        end = in_child(lambda number=number: state(world(number)))
        print(json.dumps({"boundary": f"{number} {name}", "killed": killed, "state": end}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
