"""The marts about sends, domains, countries and consent: their figures, to the row."""

from datetime import timedelta

from et_platform.dbt.run import build
from et_platform_tests.dbt.world import NEWEST, World, before
from et_platform_tests.inbound.archives import Event


def customer(key: str, country: str, **columns: str) -> dict[str, str]:
    usual = {"customer_id": key, "country_code": country, "email": f"{key}@people.example", "opted_out": "0"}
    return usual | {"created_at": "2026-01-01 00:00:00"} | columns


def about(send: str, key: str, domain: str = "people.example", **of: str | float) -> Event:
    """An event of a send; what is a number is how long ago it was (days=…)."""
    ago = {name: value for name, value in of.items() if isinstance(value, int | float)}
    columns = {name: value for name, value in of.items() if isinstance(value, str)}
    return {**before(key, **ago), "SendID": send, "EmailAddress": f"{key}@{domain}" if domain else "", **columns}


def test_figures_of_sends_domains_countries_and_consent(tmp_path, monkeypatch):
    monkeypatch.setenv("ET_DATA_PATH", str(tmp_path / "data"))
    world = World(tmp_path)
    opted_in, out_at = (f"{NEWEST - timedelta(days=ago):%Y-%m-%d %H:%M:%S}" for ago in (40, 5))
    world.customers(
        customer("Ann", "de", newsletter_opt_in="1", newsletter_opt_in_at=opted_in),
        customer("Bob", "DE "),
        customer("Eve", "US", opted_out="1", opted_out_at=out_at),
        customer("Kim", ""),
    )
    world.track(
        Sent=[
            *(about("1", key, days=10) for key in ("Ann", "Bob", "Eve")),
            about("1", "Kim", "Mail.example", days=10),
            about("2", "ANN", days=1),
            about("2", "Kim", "", days=1),
        ],
        Opens=[about("1", "ann", days=9), about("1", "Ann", days=8), about("1", "Bob", days=9), about("2", "Ann")],
        Clicks=[about("1", "Bob", days=9), about("1", "Bob", days=8)],
        Bounces=[
            about("1", "Kim", "mail.example", days=10, BounceCategory="Hard bounce"),
            about("1", "Eve", days=9, BounceCategory="Technical/Other bounce"),
            about("9", "Eve", "elsewhere.example", days=9, BounceCategory="Block bounce"),
        ],
        Unsubs=[about("1", "Bob", days=2, ListID="7"), about("1", "Eve", days=5, ListID="1")],
    )
    world.status("Kim", "held", days=3)
    buildable = {"DBT_INDIRECT_SELECTION": "buildable"}
    results = list(build(world.road, arguments=["--select", "+path:models/marts"], environment=buildable))
    assert {one.status for one in results} <= {"success", "pass", "warn"}, results

    sends = world.query(
        "SELECT send_id, sent, bounces, delivered, opens, opened_by, clicks, clicked_by, unsubscribed_by, bounce_rate, "
        "open_rate, click_rate, unsubscribe_rate FROM lake.marts.send_performance ORDER BY send_id"
    )
    assert sends == [
        (1, 4, 2, 2, 3, 2, 2, 1, 2, 0.5, 1.0, 0.5, 1.0),
        (2, 2, 0, 2, 1, 1, 0, 0, 0, 0.0, 0.5, 0.0, 0.0),
        (9, 0, 1, 0, 0, 0, 0, 0, 0, None, None, None, None),
    ]
    domains = world.query(
        "SELECT email_domain, sent, hard_bounces, soft_bounces, block_bounces, other_bounces, bounce_rate "
        "FROM lake.marts.deliverability ORDER BY email_domain"
    )
    assert domains == [
        ("elsewhere.example", 0, 0, 0, 1, 0, None),
        ("mail.example", 1, 1, 0, 0, 0, 1.0),
        ("not told", 1, 0, 0, 0, 0, 0.0),
        ("people.example", 4, 0, 0, 0, 1, 0.25),
    ]
    assert world.query("FROM lake.marts.region_engagement ORDER BY country_code") == [
        ("DE", 2, 2, 2, 1, 2, NEWEST),
        ("US", 1, 0, 0, 0, 0, None),
        ("not told", 1, 0, 0, 0, 0, None),
    ]
    consent = world.query(
        "SELECT customer_key, fact, says, happened_at, list_id, holds_everywhere, is_latest "
        "FROM lake.marts.consent_history ORDER BY customer_key, happened_at, fact"
    )
    five_days_ago = NEWEST - timedelta(days=5)
    assert consent == [
        ("ann", "opt-in in the CRM", "in", NEWEST - timedelta(days=40), None, True, True),
        ("bob", "unsubscribe in ExactTarget", "out", NEWEST - timedelta(days=2), 7, False, False),
        ("eve", "opt-out in the CRM", "out", five_days_ago, None, True, True),
        ("eve", "unsubscribe in ExactTarget", "out", five_days_ago, None, True, False),
        ("kim", "status change in ExactTarget", "held", NEWEST - timedelta(days=3), None, True, False),
    ]
    evidence = world.query("SELECT evidence FROM lake.marts.consent_history WHERE customer_key = 'eve' ORDER BY 1")
    assert evidence == [("a.zip/Unsubs.csv:3",), ("crm_snapshot/customers, column opted_out",)]
