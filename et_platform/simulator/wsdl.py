"""The WSDL and the fault schema, pointing at this server.

What belongs here: rewriting addresses in two documents that `et_platform/wsdl` holds. What does not: their content.
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
