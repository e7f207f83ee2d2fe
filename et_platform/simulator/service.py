"""The service as its operations see it: account, behaviour, store, workers and the object types.

What belongs here: what operations share, and finding an object type's handler. What does not: transport.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from et_platform.simulator.account import Account
from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.extracts.worker import ExtractWorker
from et_platform.simulator.imports.worker import ImportWorker
from et_platform.simulator.objects import (
    data_extension,
    data_extension_field,
    data_extension_object,
    extract_description,
    import_definition,
    import_results_summary,
)
from et_platform.simulator.store import Store

_HANDLERS: dict[str, Any] = {
    "DataExtension": data_extension,
    "DataExtensionField": data_extension_field,
    "DataExtensionObject": data_extension_object,
    "ExtractDescription": extract_description,
    "ImportDefinition": import_definition,
    "ImportResultsSummary": import_results_summary,
}


class Service:
    """One running account."""

    def __init__(self, account: Account, behaviour: Behaviour, store: Store, ftp: Path):
        self.account, self.behaviour, self.store = account, behaviour, store
        self.importer = ImportWorker(store, behaviour, ftp / "Import")
        self.extractor = ExtractWorker(store, behaviour, ftp / "Export", account.mid)

    def resume(self) -> None:
        """Go on with what an earlier process left unfinished."""
        self.importer.resume()
        self.extractor.resume()

    def handler(self, object_type: str) -> Any:
        """The module of a type, or None; types are case-sensitive [R], rows are `DataExtensionObject[key]`."""
        return _HANDLERS.get(object_type.partition("[")[0])
