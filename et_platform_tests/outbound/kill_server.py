"""A process that has imported everything, opened nothing, and forks a child for each piece of work.

A victim must be a process of its own, and a fresh interpreter takes seconds to import what it needs; a fork must not
inherit threads, so all work is left to children. Started by conftest.py (`python -m
et_platform_tests.outbound.kill_server`); takes a JSON request a line and answers a line: `answer`, or `failed`.
"""

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from et_platform.exacttarget.sftp import EnhancedFtp
from et_platform.exacttarget.soap import _service
from et_platform_tests.outbound.kill_matrix import KINDS, Rows, copied, held, run_with
from et_platform_tests.outbound.world import World


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
        except BaseException:  # noqa: BLE001 - the parent tells of it
            traceback.print_exc()
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
        raise RuntimeError("a child failed; its traceback is on the standard error")
    return json.loads(text)


def matrix(*, kind: str, folder: str, info: dict[str, Any], fatal: list[int]) -> dict[str, Any]:
    """What an undisturbed run reaches, by which boundaries, and what becomes of runs killed at the numbers in `fatal`."""
    told, root = KINDS[kind], Path(folder)

    def world(path: Path) -> World:
        return told.world(path, info, changes={"doubt_deadline_seconds": 0.5, "poll_seconds": 0.02})

    def prepare(path: Path) -> Rows | None:
        told.prepare(ready := world(path))
        return held(ready) or None

    rows = in_child(lambda: prepare(root / "base")) if told.is_put_back else None

    def fresh(number: int) -> World:
        path = root / str(number)
        if not told.is_put_back:
            told.prepare(world(path))
            return world(path)
        return copied(world, root / "base", path, rows)

    def killed_run(number: int) -> Any:
        return run_with(told, fresh(number), number)

    def rerun(number: int) -> Any:
        again = world(root / str(number))
        return told.run(again), told.state(again)

    def undisturbed() -> Any:
        names, _ = run_with(told, first := fresh(0), 0)
        return names, told.state(first)

    names, expected = in_child(undisturbed)
    outcomes = []
    for number in fatal:
        was_killed = in_child(lambda number=number: killed_run(number)) is None
        went, state = in_child(lambda number=number: rerun(number))  # the plain re-run
        outcomes.append({"number": number, "killed": was_killed, "went": went, "state": state})
    return {"names": names, "expected": expected, "outcomes": outcomes}


def upload(*, folder: str, info: dict[str, Any], moment: str) -> bool:
    """Run the road of a world that ends in its first upload, halfway or before the rename; whether it was killed."""

    def die(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def run() -> str:
        original = EnhancedFtp.put

        def kill(done: int, size: int) -> None:
            if moment == "halfway" and 0 < done < size:
                die()

        EnhancedFtp.put = lambda self, **named: original(self, progress=kill, **named)
        if moment == "before the rename":
            EnhancedFtp._rename = die
        World(Path(folder), info).run()
        return "went through"

    return in_child(run) is None


def main() -> None:
    _service()
    while line := sys.stdin.readline():
        request = json.loads(line)
        work = {"matrix": matrix, "upload": upload}[request.pop("do")]
        try:
            answer = {"answer": work(**request)}
        except Exception:  # noqa: BLE001 - whoever asked is told
            answer = {"failed": traceback.format_exc()}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
