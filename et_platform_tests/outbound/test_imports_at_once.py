"""At most ten imports of a business unit at once, whoever starts them (promise 13).

The ledger is PostgreSQL, shared by worlds that have everything else of their own, as machines do.
"""

import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select, update

from et_platform.ledger import tables
from et_platform.ledger.ledger import Ledger
from et_platform.ledger.records import ChangeSet, ImportFile
from et_platform.ledger.slots import MOST_IMPORTS, begin_import
from et_platform.outbound.errors import ImportsQueue
from et_platform_tests.adventureworks.sample import database
from et_platform_tests.outbound.world import World
from et_platform_tests.scenario import person

LONGEST = timedelta(minutes=5)
MID = 100


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ledger.sqlite'}"
        return
    server = request.getfixturevalue("postgresql_server").uri
    with database(server, f"slots_{tmp_path.parent.name}_{tmp_path.name}".replace("-", "_").lower()[:60]) as url:
        yield url


def uploaded(ledger: Ledger, name: str, *, mid: int = MID) -> ImportFile:
    """An uploaded file of a data extension of its own."""
    now = datetime.now(UTC)
    ledger.plan(
        ChangeSet(
            *(f"c{name}", mid, name, name, "rows", "none", "s", "planned", {}, {}, [], "rows.parquet", "r"),
            created_at=now,
        )
    )
    file = ImportFile(
        *(f"a{name}", "insert", "staged", "x.csv", f"{name}.csv", "0" * 64, 1, 1, f"etp-{name}"), changed_at=now
    )
    ledger.begin_attempt(attempt_id=f"a{name}", change_set_id=f"c{name}", run_id="r", files=[file])
    return ledger.advance_file(file, "uploaded")


def test_promise_13_of_twelve_that_begin_at_once_ten_begin(ledger_url):
    ledger = Ledger(ledger_url)
    files = [uploaded(ledger, f"n{number}") for number in range(12)]
    elsewhere = uploaded(ledger, "other", mid=MID + 1)
    begun: list[ImportFile | None] = []
    together = threading.Barrier(len(files))

    def begin(file: ImportFile) -> None:
        together.wait(timeout=60)
        begun.append(begin_import(ledger, file, mid=MID, longest=LONGEST))

    threads = [threading.Thread(target=begin, args=(file,)) for file in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    under_way = [file for file in begun if file is not None]
    assert (len(begun), len(under_way)) == (12, MOST_IMPORTS)
    assert begin_import(ledger, elsewhere, mid=MID + 1, longest=LONGEST) is not None, "another business unit's"
    waiting = [file for file in files if file.remote not in {one.remote for one in under_way}]
    ledger.advance_file(ledger.advance_file(under_way[0], "started", task_id=1), "finished")
    assert begin_import(ledger, waiting[0], mid=MID, longest=LONGEST) is not None
    assert begin_import(ledger, waiting[1], mid=MID, longest=LONGEST) is None
    # A place that nobody settles is free again after the longest time that an import may take.
    assert begin_import(ledger, waiting[1], mid=MID, longest=timedelta(seconds=-1)) is not None
    ledger.engine.dispose()


def occupy(ledger: Ledger, world: World, places: int) -> list[ImportFile]:
    """Imports of other data extensions of the business unit that are under way."""
    mid = world.road.mid
    files = [uploaded(ledger, f"{world.customer_key}{number}", mid=mid) for number in range(places)]
    begun = [begin_import(ledger, file, mid=mid, longest=LONGEST) for file in files]
    return [file for file in begun if file is not None]


def test_promise_13_roads_at_once_take_turns_for_the_last_place(ledger_url, tmp_path, exacttarget_info):
    shared = {"ledger_url": ledger_url}
    worlds = [World(tmp_path / name, exacttarget_info, changes=shared) for name in ("one", "two", "three")]
    ledger = Ledger(ledger_url)
    others = occupy(ledger, worlds[0], MOST_IMPORTS - 1)
    assert len(others) == MOST_IMPORTS - 1
    together, failures = threading.Barrier(len(worlds)), []

    def go(world: World) -> None:
        try:
            together.wait(timeout=60)
            world.deliver()
        except Exception as error:
            failures.append(error)
            raise

    for world in worlds:
        world.crm(person(), person(id="P2"))
        world.snapshot()
        world.plan()
        world.stage()
    threads = [threading.Thread(target=go, args=(world,)) for world in worlds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert any("waits for its turn" in line for world in worlds for line in world.told)
    spans = []
    for world in worlds:
        (result,) = (one for one in world.imports() if one.definition_key in own_keys(world))
        assert (result.status, result.total_rows) == ("Completed", 2)
        assert result.started is not None
        assert result.ended is not None
        spans.append((result.started, result.ended))
        assert set(world.acknowledged()) == {"p1", "p2"}
    spans.sort()
    assert all(ended <= started for (_, ended), (started, _) in pairwise(spans)), "two were under way at one place"
    ledger.engine.dispose()


def own_keys(world: World) -> set[str]:
    attempts = tables.attempts.c
    cs, f = tables.change_sets.c, tables.files.c
    query = (
        select(f.definition_key)
        .join(tables.attempts, f.attempt_id == attempts.id)
        .join(tables.change_sets, attempts.change_set_id == cs.id)
        .where(cs.customer_key == world.customer_key)
    )
    with world.road.ledger.engine.connect() as connection:
        return set(connection.execute(query).scalars())


def test_promise_13_an_import_for_which_no_place_becomes_free_says_so_and_goes_later(tmp_path, exacttarget_info):
    hasty = {"import_deadline_seconds": 0.3, "doubt_deadline_seconds": 0.3}
    world = World(tmp_path / "world", exacttarget_info, changes=hasty)
    world.crm(person())
    world.snapshot()
    world.plan()
    world.stage()
    ledger = world.road.ledger
    occupy(ledger, world, MOST_IMPORTS)
    moment = datetime.now(UTC) + timedelta(minutes=1)  # they began only just now, and last
    with ledger.engine.begin() as connection:
        connection.execute(update(tables.files).where(tables.files.c.state == "starting").values(changed_at=moment))
    with pytest.raises(ImportsQueue, match=r"10 imports of MID \d+ are under way.*etp_people_insert.*run this again"):
        world.deliver()
    assert sum("waits for its turn" in line for line in world.told) == 1, "told once, not at every look"
    assert world.rows() == {}, "nothing was imported"
    assert "uploaded" in world.file_states()
    with ledger.engine.begin() as connection:
        connection.execute(
            update(tables.files).where(tables.files.c.state == "starting").values(changed_at=moment - LONGEST)
        )
    world.changes = {}
    _, settlement = world.run()
    assert settlement is not None
    assert settlement.acknowledged == 1
