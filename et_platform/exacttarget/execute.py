"""Execute: the service's named requests that are about people.

Belongs here: GetUserToken. Does not: LogUnsubEvent (`subscribers.py`).
"""

from pydantic import SecretStr

from et_platform.exacttarget.errors import MalformedReply
from et_platform.exacttarget.faults import API, result_error
from et_platform.exacttarget.models import UserToken
from et_platform.exacttarget.soap import Repeat, Soap


def user_token(soap: Soap, *, user: str | None = None) -> UserToken:
    """A token with which a person's browser enters the application within 30 seconds [D].

    `user` asks for another user than the one of the credentials (UserPartnerKey). Raises what `Soap.call` raises,
    InvalidDefinition for a user that is not there, and MalformedReply. The token is in no error and no `repr`.
    """
    what = "Asking for a user token"
    parameters = [{"Name": "UserPartnerKey", "Value": user}] if user is not None else []
    request = soap.types.ExecuteRequest(Name="GetUserToken", Parameters=parameters)
    reply = soap.call("Execute", what=what, repeat=Repeat.SAFE, Requests=[request])
    request_id = reply.findtext(f"{{{API}}}RequestID")
    result = reply.find(f"{{{API}}}Results")
    if reply.findtext(f"{{{API}}}OverallStatus") != "OK" or result is None:
        code = (reply.findtext(f"{{{API}}}Results/{{{API}}}ErrorCode") or "").strip()
        message = reply.findtext(f"{{{API}}}Results/{{{API}}}StatusMessage") or "no reason given"
        raise result_error(what, message=message, code=int(code) if code.isdigit() else None, request_id=request_id)
    # The first is the token and the second the address [D]; their names are not documented [K].
    values = [(one.text or "").strip() for one in result.iterfind(f"{{{API}}}Results/{{{API}}}Value")]
    if len(values) < 2 or not values[0] or not values[1].lower().startswith(("https://", "http://")):
        raise MalformedReply(
            f"{what}: the answer has not a token and an address. Ask again. RequestID {request_id}.",
            request_id=request_id,
        )
    return UserToken(value=SecretStr(values[0]), login_url=values[1])
