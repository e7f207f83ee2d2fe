"""What a SOAP call proves itself with: the elements of its header.

Belongs here: their names and namespaces, the only place where a secret is written. Does not: where tokens come from
(`auth.py`).
"""

import lxml.etree as etree

from et_platform.exacttarget.auth import Token

_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_OAUTH = "http://exacttarget.com"  # not the partnerAPI namespace [D][R]
_WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_PASSWORD_TEXT = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText"


def login_elements(token: Token) -> list[etree._Element]:
    """`fueloauth`; for a legacy package `oAuth` beside a user of `*` [R]; for a user a UsernameToken [D]."""
    if token.user is not None:
        return [_username_token(token.user.username, token.user.password.get_secret_value())]
    if token.legacy_value is not None:
        # By a prefix: under a default namespace lxml would write the child, which is in none [R], as if it were in it.
        legacy = etree.Element(f"{{{_OAUTH}}}oAuth", nsmap={"et": _OAUTH})
        etree.SubElement(legacy, "oAuthToken").text = token.legacy_value.get_secret_value()
        return [legacy, _username_token("*", "*")]
    oauth = etree.Element(f"{{{_OAUTH}}}fueloauth")
    oauth.text = token.value.get_secret_value()
    return [oauth]


def _username_token(username: str, password: str) -> etree._Element:
    security = etree.Element(f"{{{_WSSE}}}Security", {f"{{{_ENVELOPE}}}mustUnderstand": "1"}, nsmap={"wsse": _WSSE})
    token = etree.SubElement(security, f"{{{_WSSE}}}UsernameToken")
    etree.SubElement(token, f"{{{_WSSE}}}Username").text = username
    etree.SubElement(token, f"{{{_WSSE}}}Password", Type=_PASSWORD_TEXT).text = password
    return security
