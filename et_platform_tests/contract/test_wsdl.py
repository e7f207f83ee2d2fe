"""Our WSDL says what the vendor's says, about everything that it declares."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import lxml.etree as etree
import pytest
import zeep

from et_platform.wsdl import fault_schema_path, wsdl_path
from et_platform_tests import beside

VENDOR = beside.VENDOR_WSDL
XS = "{http://www.w3.org/2001/XMLSchema}"
WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
SOAP = "{http://schemas.xmlsoap.org/wsdl/soap/}"
LEFT_OUT = {
    "Account": {"Children", "PrivateLabels", "BusinessRules", "AccountUsers"},  # administration, brands and users
    # Who may do what, and how somebody logs in to the application.
    "AccountUser": {"UserPermissions", "DefaultBusinessUnitObject", "AssociatedBusinessUnits", "SsoIdentities"},
    "BusinessUnit": {"DefaultSendClassification", "DefaultHomePage"},  # how it sends
    "Role": {"PermissionSets", "Permissions"},  # what users may do in the application
    "Owner": {"User"},  # a person's account: nothing of this road
    "RetrieveRequest": {"Retrieves"},  # never documented
    "PropertyDefinition": {"AttributeMaps"},  # profile attributes of old lists
    "ExtractRequest": {"Description", "Definition"},  # the documented request names the extract by its ID
    "List": {"AutomatedEmail", "SendClassification"},  # what lists send by themselves: no part of the roads
    "Email": {"ContentAreas"},  # what an e-mail says is no part of the roads
    "SendClassification": {"DeliveryProfile"},  # addresses and domains that mail leaves from
    "Send": {"Links"},
    "ListSend": {"Links"},
    "SendDefinition": {
        *("DeliveryProfile", "DomainType", "FooterContentArea", "FooterSalutationSource", "HeaderContentArea"),
        *("HeaderSalutationSource", "PrivateDomain", "PrivateIP", "SourceAddressType"),  # as above
    },
    "EmailSendDefinition": {"TrackingUsers"},  # who of the users sees what became of it
    "TriggeredSendDefinition": {"ExclusionListCollection"},
    "Automation": {"AutomationSource", "Notifications"},  # file drops and e-mails to users
}


@pytest.fixture
def vendor() -> Path:
    return beside.needed(VENDOR, "the vendor's WSDL")


needs_vendor = pytest.mark.usefixtures("vendor")


def declared(path: Path) -> dict[tuple[str, str], etree._Element]:
    """Every global type and element, by kind and name."""
    schema = etree.parse(path).find(f".//{XS}schema[@targetNamespace='http://exacttarget.com/wsdl/partnerAPI']")
    assert schema is not None
    return {
        (etree.QName(one).localname, one.get("name", "")): one
        for one in schema.iterchildren(f"{XS}complexType", f"{XS}simpleType", f"{XS}element")
    }


def qualified(one: etree._Element, name: str | None) -> str | None:
    """A type's name with its namespace, whatever prefix the file uses."""
    if name is None:
        return None
    prefix, _, local = name.rpartition(":")
    return f"{{{one.nsmap.get(prefix or None)}}}{local}"


def shape(one: etree._Element) -> Iterator[tuple[object, ...]]:
    """Everything that is on the wire: elements in order with type and occurrence, bases, choices, enumerations."""
    for child in one.iterchildren(tag=etree.Element):
        kind = etree.QName(child).localname
        if kind == "element":
            yield (
                kind,
                child.get("name"),
                qualified(child, child.get("type")),
                child.get("minOccurs", "1"),
                child.get("maxOccurs", "1"),
                child.get("nillable") == "true",
                *shape(child),
            )
        elif kind in ("extension", "restriction"):
            yield kind, qualified(child, child.get("base"))
            yield from shape(child)
        elif kind in ("enumeration", "pattern"):
            yield kind, child.get("value")
        elif kind == "choice":
            yield kind, *shape(child)
        elif kind not in ("annotation", "documentation"):
            yield from shape(child)


def without(items: Iterator[tuple[object, ...]], names: set[str]) -> list[tuple[object, ...]]:
    """The shape without the named elements, and without a choice of nothing else."""
    kept = []
    for item in items:
        if item[0] == "choice":
            item = ("choice", *without(iter(item[1:]), names))  # pyright: ignore[reportArgumentType]
            if len(item) == 1:
                continue
        if not (item[0] == "element" and item[1] in names):
            kept.append(item)
    return kept


@needs_vendor
@pytest.mark.parametrize(("kind", "name"), sorted(declared(wsdl_path())))
def test_each_declaration_is_the_vendors_in_names_types_order_and_occurrence(kind: str, name: str):
    ours, theirs = declared(wsdl_path())[kind, name], declared(VENDOR)[kind, name]
    left_out = LEFT_OUT.get(name, set())
    assert list(shape(ours)) == without(shape(theirs), left_out)
    assert left_out <= {element.get("name") for element in theirs.iter(f"{XS}element")}
    assert (ours.get("abstract") == "true") == (theirs.get("abstract") == "true")


def operations(path: Path) -> dict[str, tuple[object, ...]]:
    """Each bound operation: its SOAPAction, and the elements that go in and come out."""
    root = etree.parse(path).getroot()
    elements = {m.get("name"): m[0].get("element") for m in root.iterchildren(f"{WSDL}message")}
    ports = {
        o.get("name"): tuple(elements[o.find(f"{WSDL}{way}").get("message").rpartition(":")[2]] for way in ("input", "output"))
        for o in root.iterfind(f"{WSDL}portType/{WSDL}operation")
    }  # fmt: skip
    return {
        o.get("name", ""): (o.find(f"{SOAP}operation").get("soapAction"), *ports[o.get("name")])
        for o in root.iterfind(f"{WSDL}binding/{WSDL}operation")
    }


@needs_vendor
def test_each_operation_is_the_vendors():
    theirs = operations(VENDOR)
    ours = operations(wsdl_path())
    assert {name: theirs[name] for name in ours} == ours
    assert {"Create", "Retrieve", "Update", "Delete", "Perform", "GetSystemStatus"} <= ours.keys()


def test_it_loads_offline_from_disk():
    client = zeep.Client(str(wsdl_path()))
    assert client.service._binding._operations.keys() == operations(wsdl_path()).keys()
    assert client.get_element("{urn:fault.partner.exacttarget.com}apifault") is not None


def test_it_loads_when_it_is_served():
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(wsdl_path().parent)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        client = zeep.Client(f"http://127.0.0.1:{server.server_address[1]}/{wsdl_path().name}")
        assert client.get_element("{urn:fault.partner.exacttarget.com}Fault") is not None
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_fault_schema_lies_beside_it():
    assert fault_schema_path().parent == wsdl_path().parent
    imported = etree.parse(wsdl_path()).find(f".//{XS}import")
    assert imported is not None
    assert imported.get("schemaLocation") == fault_schema_path().name
