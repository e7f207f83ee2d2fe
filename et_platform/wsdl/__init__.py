"""Our own description of the ExactTarget SOAP service: data that the client and the simulator both read.

Belongs here: `etframework.wsdl` (the objects and operations of this project's road, with the vendor's
element names, types and element order, which are facts of the interface), `ETFrameworkFault.xsd` (the
detail of a server fault) and the two paths to them. Nothing else: no code that talks, no other schema.

The WSDL imports the fault schema by a relative location, so it loads from disk with no network, and over
HTTP from any server that serves both files side by side. The vendor's own WSDL names a fault schema on a
host that no longer serves it, so it does not load as it stands. Elements that the vendor's types have and
ours leave out are listed, with the reason, in `et_platform_tests/contract/test_wsdl.py`.
"""

from pathlib import Path


def wsdl_path() -> Path:
    """The WSDL's file; its only import, the fault schema, lies beside it."""
    return Path(__file__).with_name("etframework.wsdl")


def fault_schema_path() -> Path:
    """The schema of `urn:fault.partner.exacttarget.com`: the detail that only server faults carry."""
    return Path(__file__).with_name("ETFrameworkFault.xsd")
