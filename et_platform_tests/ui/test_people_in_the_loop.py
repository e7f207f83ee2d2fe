"""The data team in a real browser: both roads, the sensor, lineage, code references, a red check and its remedy.

What belongs here: what people click and read in the Dagster UI, served by `etp ui` with its daemon. What does not:
figures that a faster test can show.
"""

import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest
from click.testing import CliRunner
from playwright.sync_api import Locator, Page, expect, sync_playwright

import et_platform.catalog as packaged
from et_platform.dbt.project import PACKAGED
from et_platform.processes import running
from et_platform.simulator.act import act
from et_platform.ui import free_port
from et_platform.warehouse.lake import Lake
from et_platform_tests.end_to_end.platform import ETP, Platform, platform_in
from et_platform_tests.simulated import Simulator, running_simulator

PATIENCE = 180_000
"""Milliseconds: a run that the UI starts is a process that imports everything."""


@pytest.fixture(scope="module")
def browser() -> Iterator:
    path = shutil.which("chromium")
    if path is None and not os.environ.get("CI"):
        pytest.skip("there is no chromium on this machine (Debian: apt-get install chromium)")
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def simulator(tmp_path) -> Iterator[Simulator]:
    with running_simulator(tmp_path / "exacttarget") as simulator:
        yield simulator


@pytest.fixture
def platform(tmp_path, simulator: Simulator) -> Platform:
    platform = platform_in(tmp_path / "p", simulator.info, customers=200, customer_key="UI_Customers")
    for entity in sorted((Path(packaged.__file__).parent / "crm").glob("*.yaml")):  # all that the models read
        shutil.copy(entity, platform.folder / "catalog" / "crm")
    platform.environment |= {"ET_SENSOR_SECONDS": "1", "ET_DBT_PATH": str(PACKAGED)}
    return platform


@pytest.fixture
def page(platform: Platform, browser) -> Iterator[Page]:
    port = free_port(0)
    command = [*ETP, "ui", "--port", str(port)]
    log = platform.folder / "ui.out"
    with log.open("wb") as output, running(command, environment=platform.environment, output=output, log=log):
        deadline = time.monotonic() + 120
        while "serves at" not in log.read_text():
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        page = browser.new_page(viewport={"width": 1600, "height": 1200}, base_url=f"http://127.0.0.1:{port}")
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        yield page
        page.close()


def in_crm(platform: Platform, query: str, *values: object) -> list[tuple]:
    with closing(sqlite3.connect(platform.folder / "crm.sqlite")) as connection, connection:
        return connection.execute(query, values).fetchall()


def in_lake(platform: Platform, query: str) -> list[tuple]:
    with Lake(platform.folder / "data" / "lake").read() as connection:
        return connection.execute(query).fetchall()


def asset(page: Page, key: str) -> None:
    page.goto(f"/assets/{key}")
    page.get_by_text("Latest materialization", exact=True).wait_for()


def patiently(page: Page, url: str, seen: Callable[[], Locator]) -> Locator:
    """Open the page until it shows something: it neither takes up a new figure nor the code once it is loaded."""
    deadline = time.monotonic() + PATIENCE / 1000
    while True:
        page.goto(url)
        try:
            expect(seen()).to_be_visible(timeout=8_000)
            return seen()
        except AssertionError:
            if time.monotonic() > deadline:
                raise


def figure(page: Page, key: str, name: str, expected: str) -> None:
    """Wait until the asset's page shows this figure in its metadata."""
    row = page.locator("tr", has=page.get_by_text(name, exact=True))
    patiently(page, f"/assets/{key}", lambda: row.get_by_text(re.compile(expected)).first)


def run_job(page: Page, name: str, *, ends: str = "SUCCESS") -> None:
    """Materialize all of a job, and wait until its run has ended like this: figures are shown before a run's end.

    Dagster asks first, where something upstream was never materialized: statuses, say, or registrations of the CRM.
    """
    before = runs_of(page, name)
    url = f"/locations/et_platform/jobs/{name}"
    patiently(page, url, lambda: page.get_by_role("button", name="Materialize all")).click()
    launched, asked = page.get_by_text(re.compile("Launched run")), page.get_by_role("button", name="Confirm")
    expect(launched.or_(asked).first).to_be_visible()
    if asked.is_visible():
        asked.click()
    expect(launched.first).to_be_visible()
    deadline = time.monotonic() + PATIENCE / 1000
    while not (ended := set(runs_of(page, name).items()) - set(before.items())) or not all(
        status in ("SUCCESS", "FAILURE", "CANCELED") for _, status in ended
    ):
        assert time.monotonic() < deadline, (name, ended)
        time.sleep(0.5)
    assert [status for _, status in ended] == [ends], (name, ended)


def runs_of(page: Page, job: str) -> dict[str, str]:
    """The status of each run of a job, as the UI itself asks for it."""
    query = "query($job: String) {runsOrError(filter: {pipelineName: $job}) {... on Runs {results {runId status}}}}"
    reply = page.request.post("/graphql", data={"query": query, "variables": {"job": job}}).json()
    return {run["runId"]: run["status"] for run in reply["data"]["runsOrError"]["results"]}


@pytest.mark.timeout(900)  # a dozen processes that import everything, one after the other
def test_the_data_team_walks_both_roads_in_the_browser(platform: Platform, simulator: Simulator, page: Page):
    # Materialize the road.
    run_job(page, "sync_customers")
    figure(page, "data_extension/customers", "outcome", r"\d+ of \d+ rows imported and acknowledged")

    # Switch the sensor on; people act; ask for today's window; the sensor sees the new file.
    page.goto("/locations/et_platform/sensors/extract_files")
    with page.expect_response(lambda reply: "StartSensor" in (reply.request.post_data or "")):
        page.locator("input[type=checkbox]").locator("xpath=..").click()
    ((leaver, address),) = in_crm(
        platform,
        "SELECT customer_id, email FROM customers WHERE opted_out = 0 AND customer_id LIKE 'NTO-%' "
        "AND (SELECT count(*) FROM customers AS c WHERE lower(trim(c.customer_id)) = lower(customers.customer_id)) = 1 "
        "ORDER BY customer_id LIMIT 1",
    )
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=3)
    words = ["--data", str(simulator.data_dir), "--open", leaver, "--unsubscribe", leaver, "--at", at.isoformat()]
    assert CliRunner().invoke(act, words).exit_code == 0
    asset(page, "extract_request/tracking")
    page.get_by_role("button", name="Materialize…").click()
    page.get_by_role("button", name="Latest", exact=True).click()
    page.get_by_role("button", name=re.compile("^Launch")).last.click()
    expect(page.get_by_text(re.compile("Launched run"))).to_be_visible()  # to leave the page earlier takes it back
    figure(page, "events/unsubscribe", "outcome", "1 new events from 1 file")
    page.goto("/locations/et_platform/sensors/extract_files")
    expect(page.get_by_text("Requested", exact=False).first).to_be_visible()

    # The models take it up, and the CRM learns of it.
    run_job(page, "models")
    figure(page, "mart/customer_engagement", "invocation_id", "-")  # only a run gives one
    assert in_lake(platform, "SELECT customer_id, opens FROM lake.marts.customer_engagement WHERE opens > 0") == [
        (leaver, 1)
    ]
    run_job(page, "write_back_customers")
    figure(page, "crm_writeback/customers", "outcome", "1 opt-outs among them")
    ((out, out_at, opens, opened_at, evidence),) = in_crm(
        platform,
        "SELECT opted_out, opted_out_at, open_count, last_open_at, opt_out_evidence FROM customers WHERE customer_id = ?",
        leaver,
    )
    moment = at.strftime("%Y-%m-%d %H:%M:%S")
    assert (out, out_at, opens, opened_at) == (1, moment, 1, moment)
    assert evidence.endswith("/Unsubs.csv:2")

    # Walk the lineage, link by link, from the write-back to the CRM's table.
    asset(page, "crm_writeback/customers")
    for upstream in LINEAGE:
        page.locator(f'a[href*="/assets/{upstream}"]').first.click()
        page.wait_for_url(f"**/assets/{upstream}**")
    # Follow the code references: what the links open is there, and is what they say.
    asset(page, "data_extension/customers")
    links = page.get_by_role("link", name=re.compile("^Open .* in editor"))
    expect(links).to_have_count(2)
    opened = {
        Path(re.sub(r"^\w+://file/?|:\d+(:\d+)?$", "/", unquote(link.get_attribute("href") or "")))
        for link in links.all()
    }
    assert {path.name for path in opened} == {"customers.yaml", "data_extension.py"}
    assert all(path.is_file() for path in opened), opened

    # Read a red check and its remedy.
    in_crm(platform, "DELETE FROM customers WHERE rowid > 20")
    in_crm(platform, "UPDATE customers SET city = 'elsewhere'")
    run_job(page, "sync_customers", ends="FAILURE")
    page.goto("/assets/change_set/customers?view=checks")
    page.get_by_text("gate", exact=True).first.click()
    expect(
        page.get_by_text(re.compile("minimum_share_of_acknowledged asks for .*Check whether the source shrank")).first
    ).to_be_visible()

    # And the terminal tells the same story of the one who left.
    told = platform.etp("trace", "customer", leaver)
    kinds = [line[25:37].strip() for line in told.stdout.splitlines()]
    wanted = {"change set", "import", "snapshot", "event", "write-back", "consent"}
    assert wanted <= set(kinds), told.stdout + told.stderr
    assert address.casefold() not in (told.stdout + told.stderr).casefold(), "values about a person are masked"


LINEAGE = (
    "mart/customer_engagement",
    "staging/stg_events",
    "events/open",
    "extract_file/tracking",
    "extract_request/tracking",
    "data_extension/customers",
    "import_file/customers",
    "change_set/customers",
    "crm_snapshot/customers",
    "crm_source/customers",
)
