"""How people react to mails: a pure function of the seed, the person and the mail, in SQL over millions of them.

What belongs here: the draws, what is done when and with what details. What does not: which span of time is asked
about (`crowd.py`), what a reaction does to a status (`statuses.py`).

Every draw is a slice of an MD5 over seed, send, batch and subscriber key: no draw depends on another mail, on the
order of rows, or on how a span of time is cut. So thirty days at once give the same as thirty times a day.
"""

from __future__ import annotations

import json
from datetime import datetime

from et_platform.simulator import values
from et_platform.simulator.queries.relations import SEND_KIND
from et_platform.simulator.sending.behaviour import SendBehaviour
from et_platform.simulator.store import Connection
from et_platform.simulator.tracking import events

ACTS = "acts"
"""The temporary relation of reactions: type, moment, send_id, batch_id, list_id, subscriber_id, triggered_send,
details."""

HORIZON_DAYS = 14
"""Nobody reacts later than that."""

_DAY = 86400
_BOUNCES = {
    "hard": events.DETAILS[events.BOUNCE],
    "soft": {"BounceCategory": "Soft bounce", "SMTPCode": "452", "BounceReason": "4.2.2 Mailbox full"},
    "block": {"BounceCategory": "Block bounce", "SMTPCode": "554", "BounceReason": "5.7.1 Message blocked"},
}
_DEVICES = [
    events.DEVICE,
    events.DEVICE | {"Browser": "Safari", "EmailClient": "Apple Mail", "OperatingSystem": "iOS", "Device": "iPhone"},
    events.DEVICE | {"Browser": "Chrome Mobile", "OperatingSystem": "Android", "Device": "Android"},
    events.DEVICE | {"Browser": "Firefox", "EmailClient": "Outlook", "IpAddress": "198.51.100.7", "City": "Chicago"},
]
_LINKS = 3


def draw(connection: Connection, behaviour: SendBehaviour, seed: int, since: datetime, until: datetime) -> None:
    """Put everything that people do after `since`, up to `until`, into ACTS."""
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE mails AS {_mails(behaviour, seed)}",
        [since, HORIZON_DAYS + 3, until],
    )
    parts = [
        _part(events.BOUNCE, f"CASE outcome {_cases()} END", "bounced", f"outcome IN ({_quoted(_BOUNCES)})"),
        *(
            _part(events.OPEN, _device(), f"opened + {nth} * (60 + u[6] * {1.5 * _DAY})", f"opens > {nth}")
            for nth in range(3)
        ),
        *(
            _part(events.CLICK, _link(nth), f"opened + {5 + 40 * nth} + u[8] * 290", f"clicks > {nth}")
            for nth in range(2)
        ),
        _part(events.COMPLAINT, _constant({}), f"60 - ln(1 - u[11]) * {_DAY}", "complains"),
        _part(events.UNSUBSCRIBE, _constant({"UnsubReason": ""}), f"90 - ln(1 - u[12]) * {_DAY}", "leaves"),
    ]
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {ACTS} AS SELECT * FROM ({' UNION ALL '.join(parts)})"
        f" WHERE moment > ? AND moment <= ? AND delay <= {HORIZON_DAYS * _DAY}",
        [since, until],
    )
    connection.execute("DROP TABLE mails")


def _mails(behaviour: SendBehaviour, seed: int) -> str:
    """Every mail that may still be reacted to, with its draws `u` and what comes of it."""
    mail = f"'{seed}|' || e.send_id || '|' || e.batch_id || '|' || s.folded || '|'"
    person = f"'{seed}|' || s.folded"
    draws = ", ".join(_slices(f"{mail} || '{nth}'") for nth in range(3))
    # People differ in how eager they are: the mean of x^1.5 is 0.4.
    eager = f"{behaviour.audience_opens} * 2.5 * pow(p[1], 1.5)"
    soft, blocks = behaviour.audience_soft_bounces, behaviour.audience_blocks
    return f"""
    WITH drawn AS (
        SELECT e.send_id, e.batch_id, e.list_id, e.subscriber_id, e.triggered_send, e.moment AS sent,
            e.details->>'$.TriggeredSendDefinitionObjectID' AS definition,
            list_concat({draws}) AS u, {_slices(person)} AS p
        FROM tracking.events e JOIN tracking.subscribers s ON s.id = e.subscriber_id
        WHERE e.type = '{events.SENT}' AND e.moment > ? - to_days(?) AND e.moment <= ?
            AND e.send_id IN (SELECT CAST(body->>'$.number' AS BIGINT) FROM documents WHERE kind = '{SEND_KIND}')),
    judged AS (
        SELECT *, CASE
            WHEN p[2] < {behaviour.audience_hard_bounces} THEN 'hard'
            WHEN u[1] < {soft} THEN 'soft' WHEN u[1] < {soft + blocks} THEN 'block' ELSE 'delivered' END AS outcome
        FROM drawn),
    opening AS (
        SELECT *, outcome = 'delivered' AND u[2] < {eager} AS opens_it, 60 + u[4] * {_DAY // 4} AS bounced,
            20 - ln(1 - u[3]) * {_DAY // 4} AS opened,
            outcome = 'delivered' AND u[9] < {behaviour.audience_unsubscribes} AS leaves,
            outcome = 'delivered' AND u[10] < {behaviour.audience_complaints} AS complains
        FROM judged)
    SELECT *, CASE WHEN NOT opens_it THEN 0 WHEN u[5] < 0.08 THEN 3 WHEN u[5] < 0.3 THEN 2 ELSE 1 END AS opens,
        CASE WHEN NOT opens_it OR u[7] >= {behaviour.audience_clicks} THEN 0
            WHEN u[7] < {behaviour.audience_clicks * 0.25} THEN 2 ELSE 1 END AS clicks
    FROM opening"""


def _slices(text: str) -> str:
    """SQL of four independent draws from [0, 1) by a text."""
    parts = [
        f"({half} {'& 4294967295' if low else '>> 32'})::DOUBLE / 4294967296"
        for half in (f"md5_number_lower({text})", f"md5_number_upper({text})")
        for low in (True, False)
    ]
    return f"[{', '.join(parts)}]"


def _part(kind: str, details: str, delay: str, when: str) -> str:
    told = f"""CASE WHEN definition IS NULL THEN {details} ELSE rtrim({details}, '}}')
        || CASE WHEN {details} = '{{}}' THEN '' ELSE ', ' END
        || '"TriggeredSendDefinitionObjectID": "' || definition || '"}}' END"""
    return (
        f"SELECT '{kind}' AS type, sent + to_milliseconds(CAST(({delay}) * 1000 AS BIGINT)) AS moment, send_id,"
        f" batch_id, list_id, subscriber_id, triggered_send, {told} AS details, {delay} AS delay FROM mails"
        f" WHERE {when}"
    )


def _constant(details: dict[str, str]) -> str:
    return values.quoted(json.dumps(details))


def _cases() -> str:
    return " ".join(f"WHEN '{outcome}' THEN {_constant(told)}" for outcome, told in _BOUNCES.items())


def _device() -> str:
    return _choice([_constant(one) for one in _DEVICES], "p[3]")


def _link(nth: int) -> str:
    """The link that is clicked; a second click goes to the next one."""
    links = [
        {"URL": f"https://www.example.com/offer/{number}", "Alias": f"Offer {number}"}
        for number in range(1, _LINKS + 1)
    ]
    links = links[nth:] + links[:nth]
    shown = [_choice([_constant(link | device) for device in _DEVICES], "p[3]") for link in links]
    return _choice(shown, "u[8]")


def _choice(options: list[str], by: str) -> str:
    """SQL of one of several expressions, by a draw."""
    cases = " ".join(f"WHEN {by} < {(place + 1) / len(options)} THEN {one}" for place, one in enumerate(options[:-1]))
    return f"CASE {cases} ELSE {options[-1]} END"


def _quoted(names: dict[str, dict[str, str]]) -> str:
    return ", ".join(map(values.quoted, names))
