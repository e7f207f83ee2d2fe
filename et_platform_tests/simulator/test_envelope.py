from __future__ import annotations

import lxml.etree as etree
import pytest

from et_platform.simulator import envelope, markup, soap_faults

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
XSI = "http://www.w3.org/2001/XMLSchema-instance"


def test_body_before_header_and_foreign_prefixes() -> None:
    content = f"""<ns0:Envelope xmlns:ns0="{SOAP}" xmlns:t="{envelope.PARTNER_API}" xmlns:i="{XSI}">
        <ns0:Body><t:CreateRequest><t:Objects i:type="t:DataExtension"/></t:CreateRequest></ns0:Body>
        <ns0:Header><f:fueloauth xmlns:f="http://exacttarget.com"> abc </f:fueloauth></ns0:Header>
        </ns0:Envelope>"""
    request = envelope.read(content.encode(), '"Create"')
    assert (request.action, request.token, envelope.local(request.message)) == ("Create", "abc", "CreateRequest")
    assert envelope.type_of(request.message[0]) == "DataExtension"


def test_the_action_may_stand_in_the_envelope() -> None:
    content = f"""<Envelope xmlns="{SOAP}"><Header>
        <Action xmlns="http://schemas.xmlsoap.org/ws/2004/08/addressing">Retrieve</Action>
        <oAuth xmlns="http://exacttarget.com"><oAuthToken xmlns="">old</oAuthToken></oAuth></Header>
        <Body><RetrieveRequestMsg/></Body></Envelope>"""
    request = envelope.read(content.encode(), '""')
    assert (request.action, request.token) == ("Retrieve", "old")


def test_soap_1_2_is_read() -> None:
    content = b'<Envelope xmlns="http://www.w3.org/2003/05/soap-envelope"><Body><x/></Body></Envelope>'
    assert envelope.read(content, "Perform").action == "Perform"


@pytest.mark.parametrize(
    ("content", "action", "message"),
    [
        (b"<Envelope", "Create", "not well-formed"),
        (b"<Envelope/>", "Create", "not a SOAP envelope"),
        (f'<Envelope xmlns="{SOAP}"/>'.encode(), "Create", "body is empty"),
        (f'<Envelope xmlns="{SOAP}"><Body><x/></Body></Envelope>'.encode(), None, "SOAPAction"),
        (f'<!DOCTYPE x [<!ENTITY e "y">]><Envelope xmlns="{SOAP}"/>'.encode(), "Create", "document type"),
    ],
)
def test_unreadable_requests_are_client_faults(content: bytes, action: str | None, message: str) -> None:
    with pytest.raises(soap_faults.Fault, match=message) as caught:
        envelope.read(content, action)
    assert caught.value.code == "Client"


def test_any_text_survives_being_written() -> None:
    nasty = "a<b>&amp;\"'\r\n\t]]> 😀 مرحبا"
    assert etree.fromstring(markup.text("v", nasty)).text == nasty
    assert etree.fromstring(markup.text("v", "a\x00\x1fb")).text == "a\ufffd\ufffdb"
    assert markup.text("v", "") == "<v />"
