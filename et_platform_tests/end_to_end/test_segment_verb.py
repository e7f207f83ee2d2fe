"""Northern Trail's own segments from the terminal: from the CRM's rows to whom ExactTarget picks of them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import et_platform.catalog as packaged
from et_platform_tests.end_to_end.platform import figures, platform_in


def test_the_packaged_segments_pick_by_geography_and_by_behaviour(tmp_path, exacttarget_info):
    own = f"E2E_{tmp_path.name[-12:]}"
    platform = platform_in(tmp_path / "p", exacttarget_info, customers=150, customer_key=own)
    for path in (Path(packaged.__file__).parent / "segments").glob("*.yaml"):
        text = path.read_text("utf-8").replace("Northern Trail Customers", own).replace("NTO_Segment", f"S{own[4:]}")
        copy = platform.folder / "catalog" / "segments" / path.name
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(text.replace("name: Northern Trail Segment", f"name: {own}"), "utf-8")
    assert platform.etp("apply", "customers").returncode == 0
    canada = platform.etp("segment", "run", "canada", "not_opened_30_days", "engagement")
    assert canada.returncode == 0, canada.stdout + canada.stderr
    told = figures(canada.stdout, "segment/canada")
    with closing(sqlite3.connect(platform.folder / "crm.sqlite")) as crm:
        ((most,),) = crm.execute("SELECT count(*) FROM customers WHERE country_code = 'CA'").fetchall()
    assert 0 < int(told["keys in the lake"]) <= most
    assert (told["keys missing"], told["keys beyond"]) == ("0", "0")
    assert told["outcome"] == f"{told['keys in the lake']} rows, read back; ExactTarget told {told['keys in the lake']}"
    assert "CHECK FAILED" not in canada.stdout
    quiet = figures(canada.stdout, "segment/not_opened_30_days")
    assert int(quiet["outcome"].split()[0]) > 100, "nobody opened anything, and what it filters was picked before"
    listed = platform.etp("segment", "list")
    assert listed.stdout.count("settled") == 3, listed.stdout + listed.stderr
    assert "days since `first_window`, 2026-01-01 to " in platform.etp("windows", "tracking").stdout
