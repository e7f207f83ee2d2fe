"""Many roads at once: worker processes that each run one road after another, on the platform's own instance.

What belongs here: the workers, what each is given and what it answers. What does not: which roads (cli), what a road
does (outbound), and the limits of ExactTarget, which the steps keep themselves, by the ledger.

A worker is a process because a run takes over its process's output while it lasts. It ends when its parent has: then a
road under way is finished, and no other begun. A worker that is killed fails the road that it had, and no other.
"""

import json
import os
import queue
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import dagster as dg

    from et_platform.catalog.catalog import Catalog, Declared
    from et_platform.catalog.models import DataExtension
    from et_platform.settings import Settings

_SNAPSHOT, _OPT_OUT, _MODELS = "crm_snapshot", "opt_out", "*models*"
_TRIES = 3
"""How often a road is begun when the CRM was read anew, with other rows for it, between its plan and its staging."""


@dataclass(frozen=True)
class Task:
    """One run: the asset keys `keys` of the data extension, or entity, that is declared as `name`."""

    name: str
    keys: list[list[str]]


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `state` is imported, planned, unchanged, done or FAILED; `why` tells of a failure, in lines.

    `undone` names the assets that were not made, or are not as they should be; None where nobody knows.
    """

    name: str
    state: str
    changes: int | None = None
    imported: int | None = None
    seconds: float = 0.0
    run_id: str = ""
    why: tuple[str, ...] = ()
    undone: tuple[str, ...] | None = None

    @property
    def succeeded(self) -> bool:
        """Whether all that was to be done was done."""
        return self.state != "FAILED"


class _Worker:
    """One process that runs tasks, started when it is needed, and anew after it was killed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def do(self, task: Task) -> Outcome:
        """Run one task and wait for its outcome."""
        began = time.monotonic()
        process = self._process = self._process or subprocess.Popen(
            [sys.executable, "-m", "et_platform.many"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the parent: what is under way is finished
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(asdict(task)) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if answer:
            told = json.loads(answer)
            lists = {name: tuple(told[name]) for name in ("why", "undone") if told[name] is not None}
            return Outcome(**{**told, **lists, "seconds": time.monotonic() - began})
        self._process = None
        why = (
            f"The process that ran this ended without a word (exit code {process.wait()}). What it had begun is "
            "taken up by the next run."
        )
        return Outcome(task.name, "FAILED", seconds=time.monotonic() - began, why=(why,))

    @property
    def process(self) -> int | None:
        """The id of the process that runs, or waits for, tasks."""
        return self._process.pid if self._process is not None else None

    def end(self) -> None:
        """Let the process end."""
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait()


class Workers:
    """As many workers as may be busy at once."""

    def __init__(self, parallel: int):
        self._pool = ThreadPoolExecutor(parallel)
        self._workers = [_Worker() for _ in range(parallel)]
        self._idle: queue.LifoQueue[_Worker] = queue.LifoQueue()
        for worker in self._workers:
            self._idle.put(worker)

    def run(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        """Begin the tasks; the iterator has each outcome as soon as there is one. A failure stops no other."""
        begun = [self._pool.submit(self._do, task) for task in tasks]
        return (done.result() for done in as_completed(begun))

    def processes(self) -> list[int]:
        """The ids of the processes there are now."""
        return [worker.process for worker in self._workers if worker.process is not None]

    def _do(self, task: Task) -> Outcome:
        worker = self._idle.get()
        try:
            return worker.do(task)
        finally:
            self._idle.put(worker)

    def end(self) -> None:
        """Begin nothing more; wait for what is under way, then for the processes' end."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        for worker in self._workers:
            worker.end()


@contextmanager
def workers(parallel: int) -> Iterator[Workers]:
    """Workers for the block."""
    started = Workers(parallel)
    try:
        yield started
    finally:
        started.end()


def run_all(catalog: "Catalog", unit: str | None, steps: Sequence[str], *, parallel: int) -> Iterator[Outcome]:
    """Read each entity once, build the models, send the opt-outs that others wait for, then run the steps of each data
    extension (of one business unit, or of all); yields their outcomes.

    Those whose source could not be read or built, or whose subscribers' opt-outs could not be sent, are not begun.
    """
    declared = in_units(catalog, unit)
    of_declaration = behind_roads(declared)
    first = opt_outs_before(catalog, declared) if _OPT_OUT in steps else {}
    ahead = {name for names in first.values() for name in names}
    sources = {one.name: [tuple(key) for key in of_declaration[one.path]] for one in declared}
    needed = {key: None for keys in sources.values() for key in keys}
    models = [list(key) for key in needed if key[0] != _SNAPSHOT]
    failed: dict[tuple[str, ...], Outcome] = {}
    with workers(parallel) as busy:
        for read in busy.run(Task(name, [[prefix, name]]) for prefix, name in needed if prefix == _SNAPSHOT):
            if not read.succeeded:
                failed[_SNAPSHOT, read.name] = read
        if models:
            built = next(busy.run([Task(_MODELS, models)]))
            left = ["/".join(key) for key in models] if built.undone is None else built.undone
            failed |= {} if built.succeeded else {tuple(key): built for key in models if "/".join(key) in left}
        unread = {one.name: [failed[key] for key in sources[one.name] if key in failed] for one in declared}
        failed |= {(_OPT_OUT, name): reasons[0] for name, reasons in unread.items() if reasons}
        for sent in busy.run(
            Task(one.name, [one.key(_OPT_OUT)]) for one in declared if one.name in ahead and not unread[one.name]
        ):
            if not sent.succeeded:
                failed[_OPT_OUT, sent.name] = sent
        tasks = []
        for one in declared:
            before = [*sources[one.name], *((_OPT_OUT, name) for name in first.get(one.name, ()))]
            missing = next((failed[key] for key in before if key in failed), None)
            if missing is not None:
                yield Outcome(one.name, "FAILED", run_id=missing.run_id, why=missing.why)
            else:
                left = [step for step in steps if step != _OPT_OUT or one.name not in ahead]
                tasks.append(Task(one.name, road_keys(one, left)))
        yield from busy.run(tasks)


def in_units(catalog: "Catalog", unit: str | None) -> "list[Declared[DataExtension]]":
    """Every data extension in this business unit, or in each in which it lives."""
    return [one for one in catalog.everywhere() if unit in (None, one.unit)]


def opt_outs_before(catalog: "Catalog", declared: "Sequence[Declared[DataExtension]]") -> dict[str, list[str]]:
    """By data extension, those whose opt-outs go before anything of it does, if any are another's: a status is the
    subscriber's, wherever he is mailed from.
    """
    of = {one.name: [first.name for first in catalog.consent_of(one)] for one in declared}
    awaited = {name for mine, names in of.items() for name in names if name != mine}
    return {mine: [name for name in names if name in awaited] for mine, names in of.items()}


def behind_roads(declared: "Sequence[Declared[DataExtension]]") -> "dict[Path, list[list[str]]]":
    """By declaration, the asset keys of what the rows are made from: a snapshot, or models and all that is behind.

    They are the same in each business unit.
    """
    made_of_models = {one.path: one.key("change_set") for one in declared if one.is_.source.crm is None}
    found = {one.path: [[_SNAPSHOT, one.is_.source.crm]] for one in declared if one.is_.source.crm is not None}
    if made_of_models:
        from et_platform.instance import behind

        for path, keys in zip(made_of_models, behind(list(made_of_models.values())), strict=True):
            found[path] = [list(key) for key in keys]
    return found


def summary(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """A table of all of them, what each failure says, and how to go on."""
    width = max(len(one.name) for one in outcomes)
    yield ""
    yield f"{'data extension':<{max(width, 14)}}  {'state':<9}  {'changes':>9}  {'imported':>9}  {'seconds':>7}  run"
    for one in sorted(outcomes, key=lambda one: one.name):
        changes, imported = ("" if count is None else str(count) for count in (one.changes, one.imported))
        yield (
            f"{one.name:<{max(width, 14)}}  {one.state:<9}  {changes:>9}  {imported:>9}  {one.seconds:>7.1f}  "
            f"{one.run_id[:8]}"
        )
    failed = sorted((one for one in outcomes if not one.succeeded), key=lambda one: one.name)
    for one in failed:
        yield f"\n{one.name} (run {one.run_id or 'none'}):"
        yield from (f"    {line}" for line in one.why)
    yield (
        f"\n{len(outcomes) - len(failed)} of {len(outcomes)} succeeded."
        + (" Run the same again for what is left: what is done has nothing to do then." if failed else "")
    )


def road_keys(declared: "Declared[DataExtension]", steps: Sequence[str]) -> list[list[str]]:
    """The asset keys of those steps of a data extension that it has."""
    return [declared.key(step) for step in steps if step != _OPT_OUT or declared.is_.consent is not None]


def run_road(
    settings: "Settings", catalog: "Catalog | None", keys: Sequence[Sequence[str]]
) -> "Iterator[dg.ExecuteInProcessResult]":
    """Materialize one road's assets, of this part of the catalogue or of all.

    Yields the run, and further ones while the plan was overtaken by the CRM.
    """
    from et_platform.instance import materialize
    from et_platform.terminal import failed_with

    for _ in range(_TRIES):
        result = materialize(settings, keys, catalog=catalog)
        yield result
        if result.success or failed_with(result) != {"StalePlan"}:
            return


def _work() -> None:
    """Answer each line of standard input, a task, with one line, its outcome; until there is no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed here is no answer
    from et_platform import settings as configuration
    from et_platform.catalog.catalog import load_catalog

    settings = configuration.load()
    catalog = load_catalog(settings.catalog_path)
    for line in iter(sys.stdin.readline, ""):
        outcome = _do(settings, catalog, Task(**json.loads(line)))
        print(json.dumps(asdict(outcome)), file=answers, flush=True)


def _do(settings: "Settings", catalog: "Catalog", task: Task) -> Outcome:
    from et_platform.presentation import EXPLAINED
    from et_platform.terminal import outcome, problems, undone

    try:
        if task.keys[0][0] == _SNAPSHOT:
            part = catalog.only_entity(task.name)
        else:
            part = catalog.only(catalog.data_extension(task.name)) if task.name != _MODELS else None
        *_, result = run_road(settings, part, task.keys)
    except EXPLAINED as error:
        return Outcome(task.name, "FAILED", why=(str(error),))
    planned, imported = (outcome(result, f"{kind}/{task.name}") for kind in ("change_set", "data_extension"))
    changes = planned.get("dagster/row_count")
    state = "done" if changes is None else "imported" if imported.get("imported") else "planned"
    if changes == 0 and state == "planned":
        state = "unchanged"
    return Outcome(
        task.name,
        state if result.success else "FAILED",
        changes=changes,
        imported=imported.get("imported"),
        run_id=result.run_id,
        why=tuple(problems(result)),
        undone=tuple(undone(result, task.keys)),
    )


if __name__ == "__main__":
    _work()
