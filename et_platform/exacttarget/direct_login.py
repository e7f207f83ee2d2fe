"""Direct login: the form with which a person's browser enters one screen of the application [D].

What belongs here: which screens there are, and the page that posts the token to one. What does not: the token
(`execute.py`), and who serves the page. ExactTarget calls it legacy, so all that is known of it is here.
"""

import secrets
from dataclasses import dataclass
from html import escape
from typing import Literal
from urllib.parse import urlencode, urlsplit

from et_platform.exacttarget.models import UserToken

Entity = Literal["email", "subscribers", "tracking", "admin"]
Action = Literal["create", "update"]

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>ExactTarget</title></head>
<body><form method="post" action="{address}"><input type="hidden" name="UserToken" value="{token}">
<noscript><button>Go on to ExactTarget</button></noscript></form>
<script nonce="{nonce}">document.forms[0].submit()</script></body></html>
"""


@dataclass(frozen=True, kw_only=True)
class Screen:
    """A screen of the application: the kind of thing, which one, and what is to be done with it [D].

    Without an `id` it is the screen of the whole kind. `has_navigation`: whether ExactTarget's own menus are shown;
    None leaves it to ExactTarget. Raises ValueError for an update of nothing in particular.
    """

    entity: Entity
    id: str | None = None
    action: Action | None = None
    has_navigation: bool | None = None

    def __post_init__(self) -> None:
        """Refuse what ExactTarget is documented to refuse."""
        if self.action == "update" and not self.id:
            raise ValueError("to update something takes its id")

    @property
    def query(self) -> str:
        """What goes into the address; the words for the navigation are unconfirmed [K]."""
        navigation = None if self.has_navigation is None else str(self.has_navigation).lower()
        told = {"entityType": self.entity, "entityID": self.id, "entityAction": self.action, "displayNavi": navigation}
        return urlencode({name: value for name, value in told.items() if value is not None})


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page that submits itself, and the headers that it has to be served with. The token is in no `repr`."""

    html: str
    headers: dict[str, str]

    def __repr__(self) -> str:
        """Nothing of the page: it holds the token."""
        return "Page(…)"


def page(*, token: UserToken, screen: Screen) -> Page:
    """The page that takes a browser to the screen; to be shown within the token's 30 seconds, once, to one person."""
    address, nonce = urlsplit(token.login_url), secrets.token_urlsafe(16)
    query = "&".join(part for part in (address.query, screen.query) if part)
    html = _PAGE.format(
        address=escape(address._replace(query=query).geturl()),
        token=escape(token.value.get_secret_value()),
        nonce=nonce,
    )
    policy = f"default-src 'none'; script-src 'nonce-{nonce}'; form-action {address.scheme}://{address.netloc}"
    return Page(
        html=html,
        headers={
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": policy,
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
        },
    )
