"""The WSDL and the fault schema, pointing at this server; and what the WSDL says of types.

What belongs here: rewriting addresses in two documents that `et_platform/wsdl` holds, and reading members of types.
What does not: the documents' content, what is made of a type (`describe.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from pathlib import Path

import lxml.etree as etree

WSDL, FAULTS = "etframework.wsdl", "ETFrameworkFault.xsd"
_FOLDER = Path(__file__).parent.parent / "wsdl"


@dataclass(frozen=True)
class Document:
    """A served document: its bytes, and Last-Modified in the form of HTTP."""

    content: bytes
    last_modified: str


@lru_cache(maxsize=8)
def document(name: str, base_url: str) -> Document:
    """The document of that name. Raises FileNotFoundError. Parsed once per address, not per request."""
    path = _FOLDER / name
    modified = formatdate(path.stat().st_mtime, usegmt=True)
    if name != WSDL:
        return Document(path.read_bytes(), modified)
    tree = etree.parse(str(path), etree.XMLParser(resolve_entities=False, no_network=True))
    for address in tree.iter("{http://schemas.xmlsoap.org/wsdl/soap/}address"):
        address.set("location", f"{base_url}Service.asmx")
    for imported in tree.iter("{http://www.w3.org/2001/XMLSchema}import"):
        if (imported.get("schemaLocation") or "").endswith(FAULTS):
            imported.set("schemaLocation", f"{base_url}{FAULTS}")
    return Document(etree.tostring(tree, xml_declaration=True, encoding="utf-8"), modified)


_XS = "{http://www.w3.org/2001/XMLSchema}"
_WORDS = {
    "string": "String",
    "int": "Int32",
    "long": "Int64",
    "boolean": "Boolean",
    "dateTime": "DateTime",
    "double": "Double",
    "byte": "Byte",
}
"""The service's own words for the simple types [R]."""


def members(name: str) -> list[tuple[str, str]]:
    """The elements of a type and what they hold (`String`, `ClientID`, `Role[]` ...), those of its base first.

    Empty for a type that the WSDL does not know.
    """
    return [(one.get("name", ""), _word(one)) for one in _elements(name)]


def data_type(name: str, path: str) -> str | None:
    """What a property of a type holds, over dots into its sub-objects; None where the WSDL does not know it."""
    head, _, rest = path.partition(".")
    found = next((one for one in _elements(name) if one.get("name") == head), None)
    if found is None:
        return None
    return data_type(_local(found.get("type", "")), rest) if rest else _word(found)


@lru_cache(maxsize=1)
def _types() -> dict[str, etree._Element]:
    tree = etree.parse(str(_FOLDER / WSDL), etree.XMLParser(resolve_entities=False, no_network=True))
    return {one.get("name", ""): one for one in tree.iter(f"{_XS}complexType") if one.get("name")}


@lru_cache(maxsize=256)
def _elements(name: str) -> tuple[etree._Element, ...]:
    declared = _types().get(name)
    if declared is None:
        return ()
    extension = declared.find(f"{_XS}complexContent/{_XS}extension")
    base = () if extension is None else _elements(_local(extension.get("base", "")))
    own = (declared if extension is None else extension).iterfind(f"{_XS}sequence/{_XS}element")
    return (*base, *own)


def _word(element: etree._Element) -> str:
    inner = element.find(f"{_XS}complexType/{_XS}sequence/{_XS}element")
    if inner is not None:  # a list in an element of its own
        return _word(inner)
    local = _local(element.get("type", ""))
    return _WORDS.get(local, local) + ("[]" if element.get("maxOccurs") == "unbounded" else "")


def _local(name: str) -> str:
    return name.rpartition(":")[2]
