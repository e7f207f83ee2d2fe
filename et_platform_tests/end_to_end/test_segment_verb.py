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
    checked = platform.etp("catalog", "check", "--no-models")
    assert "3 segments" in checked.stdout, checked.stdout + checked.stderr
    assert platform.etp("apply", "customers").returncode == 0
    canada = platform.etp("segment", "run", "canada")
    assert canada.returncode == 0, canada.stdout + canada.stderr
    told = figures(canada.stdout, "segment/canada")
    with closing(sqlite3.connect(platform.folder / "crm.sqlite")) as crm:
        ((most,),) = crm.execute("SELECT count(*) FROM customers WHERE country_code = 'CA'").fetchall()
    assert 0 < int(told["keys in the lake"]) <= most
    assert (told["keys missing"], told["keys beyond"]) == ("0", "0")
    assert told["outcome"] == f"{told['keys in the lake']} rows, read back; ExactTarget told {told['keys in the lake']}"
    assert "CHECK FAILED" not in canada.stdout
    missing = platform.etp("segment", "run", "not_opened_30_days")
    assert missing.returncode == 1
    assert "was not found; nothing was defined" in missing.stdout, "what it filters was never run"
    assert platform.etp("segment", "run", "engagement").returncode == 0
    quiet = platform.etp("segment", "run", "not_opened_30_days")
    assert quiet.returncode == 0, quiet.stdout + quiet.stderr
    assert int(figures(quiet.stdout, "segment/not_opened_30_days")["outcome"].split()[0]) > 100, (
        "nobody opened anything"
    )
    listed = platform.etp("segment", "list")
    assert "settled" in listed.stdout
    assert "No day that is over" in platform.etp("windows", "tracking").stdout
