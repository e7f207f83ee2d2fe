"""The sensor that asks for days, and the checks that tell which are late or not what was counted."""

import os
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from et_platform.defs.extract import ACCOUNTED
from et_platform.defs.window import COUNTED, IN_TIME, SENSOR
from et_platform.inbound.request import request_window
from et_platform.inbound.windows import SERVER_ZONE, window_of
from et_platform.resources import Platform
from et_platform_tests.defs.return_story import Story


@pytest.fixture
def story(tmp_path, exacttarget_info):
    before = dict(os.environ)
    with dg.DagsterInstance.ephemeral() as instance:
        yield Story(tmp_path, exacttarget_info, instance)
    for name in set(os.environ) - set(before):
        del os.environ[name]
    os.environ.update(before)


def tick(story: Story) -> list[dg.RunRequest]:
    sensor = story.defs.resolve_sensor_def(SENSOR)
    context = dg.build_sensor_context(
        instance=story.instance, definitions=story.defs, resources={"platform": Platform()}
    )
    return list(sensor.evaluate_tick(context).run_requests or [])


def found(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    assert result.success
    return {one.check_name: one.passed for one in result.get_asset_check_evaluations()}


def test_promise_11_yesterday_is_asked_for_by_itself_once_and_what_is_overdue_is_red(story: Story):
    now = datetime.now(UTC)
    yesterday = now.astimezone(SERVER_ZONE).date() - timedelta(days=1)
    first = tick(story)
    if now.astimezone(SERVER_ZONE).hour == 0 and now.minute < 31:
        assert first == []
        return
    (request,) = first
    assert request.partition_key == yesterday.isoformat()
    result = story.run(request)
    checks = found(result)
    assert (checks[COUNTED], checks[IN_TIME], checks[ACCOUNTED]) == (True, True, False)
    told = {one.check_name: one.description or "" for one in result.get_asset_check_evaluations()}
    never = f"{(yesterday - date(2024, 1, 1)).days} days since `first_window`, 2024-01-01 to "
    assert never in told[COUNTED]
    assert never in told[ACCOUNTED]
    assert tick(story) == [], "its file is waited for"
    old = yesterday - timedelta(days=3)
    start, end = window_of(old, now=now)
    road = story.road
    asked = request_window(road, name=story.name, start=start, end=end, types=("open",))
    long_ago = asked.asked_at - timedelta(days=2)
    from sqlalchemy import update

    from et_platform.ledger.inbound_tables import extract_requests

    with road.ledger.engine.begin() as connection:
        connection.execute(
            update(extract_requests)
            .where(extract_requests.c.output_name == asked.output_name)
            .values(asked_at=long_ago)
        )
    requests = tick(story)
    assert sorted(one.partition_key or "" for one in requests) == [
        (old + timedelta(days=number)).isoformat() for number in range(3)
    ], "the one that was not answered, and the gap after it"
    keys = [dg.AssetKey(["extract_request", story.name])]
    job = story.defs.resolve_implicit_global_asset_job_def()
    looked = job.get_subset(
        asset_selection=set(), asset_check_selection={dg.AssetCheckKey(keys[0], name) for name in (COUNTED, IN_TIME)}
    )
    checks = found(looked.execute_in_process(instance=story.instance))
    assert checks == {COUNTED: True, IN_TIME: False}
