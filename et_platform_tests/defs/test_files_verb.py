"""`etp files` as a person uses it: a torn file is seen, mended and taken; a loaded one is read again."""

import json
import os

import dagster as dg
import pytest
from click.testing import CliRunner, Result

from et_platform.cli.main import main
from et_platform_tests.defs.return_story import Story
from et_platform_tests.inbound.archives import event, tracking


@pytest.fixture
def story(tmp_path, exacttarget_info):
    before = dict(os.environ)
    with dg.DagsterInstance.ephemeral() as instance:
        yield Story(tmp_path, exacttarget_info, instance)
    for name in set(os.environ) - set(before):
        del os.environ[name]
    os.environ.update(before)


def etp(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def test_a_file_is_listed_and_read_again(story: Story):
    name = story.file("2024-07-01")
    story.deliver(name, tracking(Opens=[event("K1")], Unsubs=[event("K2")]))
    assert etp("files", "list").output.startswith("No such file was seen yet.")
    story.go(ticks=1)
    assert "names no file" in etp("files", "reprocess", name).output
    ((_, (request,)),) = [story.tick()]
    waiting = etp("files", "list", "--state", "seen")
    assert f"{name}, " in waiting.output
    assert "waits for the sensor" in waiting.output
    taken = etp("files", "reprocess", name)
    assert taken.exit_code == 0, taken.output
    assert (story.keys("open"), story.keys("unsubscribe")) == (["K1"], ["K2"])
    with story.road.lake.write() as connection:
        connection.execute("DELETE FROM lake.extracts.events_unsubscribe")
    (listed,) = json.loads(etp("files", "list", "--json").output)
    assert (listed["name"], listed["state"]) == (name, "loaded")
    again = etp("files", "reprocess", listed["identity"][:10])
    assert again.exit_code == 0, again.output
    assert story.keys("unsubscribe") == ["K2"]
    assert "K2" not in again.output
    assert story.run(request).success
    assert story.keys("open") == ["K1"]
