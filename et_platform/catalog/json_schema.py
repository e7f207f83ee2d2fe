"""JSON Schema of the declarations, for editors: names, types and descriptions while a file is written.

What belongs here: making it of the models. What does not: checking a file (loader.py, catalog.py), which knows more.
A file names its schema in its first line: `# yaml-language-server: $schema=../schema/data_extension.json`. The schemas
are made where the declarations are (`etp catalog schema`, and with the installation), so none is older than the models.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from et_platform.catalog.business_unit import BusinessUnit
from et_platform.catalog.extract import Extract
from et_platform.catalog.models import CrmEntity, DataExtension, Documented, WriteBack
from et_platform.catalog.segment import Segment

KINDS: Mapping[str, type[Documented]] = {
    "crm": CrmEntity,
    "data_extension": DataExtension,
    "extract": Extract,
    "segment": Segment,
    "writeback": WriteBack,
    "business_unit": BusinessUnit,
}


def schemas() -> dict[str, str]:
    """File name and text of each kind's schema."""
    found = {}
    for kind, model in KINDS.items():
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | model.model_json_schema(by_alias=True)
        found[f"{kind}.json"] = json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
    return found


def write(folder: Path) -> list[Path]:
    """Write every schema below `folder`; the files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in schemas().items():
        (folder / name).write_text(text, encoding="utf-8")
    return sorted(folder / name for name in schemas())
