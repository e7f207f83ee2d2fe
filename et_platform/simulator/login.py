"""Who a SOAP request comes from: a token, or a user's name and password.

What belongs here: weighing the credentials of a request's header, and the faults when they are not good.
What does not: reading the header (`envelope.py`), what the caller may do (`permissions.py`).
"""

from __future__ import annotations

import hmac

from et_platform.simulator import soap_faults, tokens
from et_platform.simulator.account import Account
from et_platform.simulator.envelope import Request
from et_platform.simulator.tokens import Grant


def grant(account: Account, request: Request) -> Grant:
    """What the caller may do. Raises the Fault that the service answers to bad credentials.

    A token goes before a UsernameToken: the older SDKs send one of `*` and `*` next to it [R].
    """
    if request.token:
        try:
            return tokens.read(account, request.token)
        except tokens.Unreadable as error:
            raise soap_faults.token_unreadable() from error
        except tokens.Expired as error:
            raise soap_faults.token_expired() from error
    for user in account.users:
        known = hmac.compare_digest((request.username or "").encode(), user.username.encode())
        proven = hmac.compare_digest((request.password or "").encode(), user.password.encode())
        if known and proven:
            if not user.api_access:
                raise soap_faults.no_api_access()
            return Grant(user.business_unit, client=user.username)
    raise soap_faults.login_failed()
