"""Integration/ILogin.aspx: the page to which a form posts a user token, and what it says instead of the application.

What belongs here: whether the token and the address are good [D]. What does not: the token's making (`user_token.py`),
and the application's screens, which are not simulated: the page names the one that would be shown.
What the real page answers to a bad token is not documented [K].
"""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qs

from et_platform.simulator import tokens
from et_platform.simulator.account import Account

ADDRESS = "Integration/ILogin.aspx"  # [D]
PATH = ADDRESS.lower()
CLIENT = "user token"
"""Who a token is for that was asked for without a user."""

_ENTITIES = ("email", "subscribers", "tracking", "admin")  # [D]
_ACTIONS = ("create", "update")  # [D]


def answer(account: Account, query: dict[str, str], content: bytes) -> tuple[int, str]:
    """Status and HTML for a form with the field `UserToken`, posted to this address and query."""
    given = {name.lower(): value for name, value in query.items()}
    entity, of, action = (given.get(name, "") for name in ("entitytype", "entityid", "entityaction"))
    posted = parse_qs(content.decode("utf-8", "replace"))
    try:
        grant = tokens.read(account, posted.get("UserToken", [""])[0])
    except tokens.Unreadable:
        return 401, _page("Login failed", "The user token is not one of ours.")
    except tokens.Expired:
        return 401, _page("Login failed", "The user token has expired: it lives 30 seconds.")
    if grant.scopes != frozenset():
        return 401, _page("Login failed", "This is a token for the API, not a user token.")
    if entity not in _ENTITIES:
        return 400, _page("No such screen", f"entityType must be one of {', '.join(_ENTITIES)}.")
    if action not in ("", *_ACTIONS) or (action == "update" and not of):
        return 400, _page("No such screen", "entityAction is create, or update with an entityID.")
    return 200, _page(f"{entity} {of}".strip(), f"{grant.client} of {grant.mid}: {action or 'show'}")


def _page(title: str, text: str) -> str:
    return (
        f"<!DOCTYPE html><html><head><title>{escape(title)}</title></head>"
        f"<body><h1>{escape(title)}</h1><p>{escape(text)}</p></body></html>"
    )
