"""Execute GetUserToken: a token with which a person's browser enters the application [D].

What belongs here: the token. What does not: the page that takes it (`login_page.py`), nor tokens for the API
(`tokens.py`). The token grants nothing over the API; it lives 30 seconds [D].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from et_platform.simulator import login_page, tokens
from et_platform.simulator.results import Refused
from et_platform.simulator.tokens import Grant

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

_UNKNOWN_USER = 12  # "Check your username and password" [D]


def execute(service: Service, parameters: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """The token, then the address to post it to as `UserToken` [D]; their names are [K].

    `UserPartnerKey` asks for another user [D]: one of the account's, by name. Raises Refused.
    """
    account = service.units.account
    user = parameters.get("UserPartnerKey", "").strip()
    if user and user not in {one.username for one in account.users}:
        raise Refused(_UNKNOWN_USER, f"There is no user {user}.")
    grant = Grant(service.account.mid, scopes=frozenset(), client=user or login_page.CLIENT)
    token = tokens.issue(account, grant, service.behaviour.user_token_seconds)
    return (("UserToken", token), ("LoginURL", account.base_url + login_page.ADDRESS))
