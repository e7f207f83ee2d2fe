"""How an import finds the field of each column of a file: what a data extension declares as `mapping`.

What belongs here: the declaration in the client's terms. What does not: which fields travel (sync/staging.py).
"""

from typing import TypedDict

from et_platform.catalog.models import DataExtension
from et_platform.exacttarget.models import FieldMap, FieldMapping
from et_platform.sync.identity import Operation
from et_platform.sync.staging import travelling_fields


class Mapped(TypedDict):
    """The part of an import definition that says where columns go."""

    field_mapping: FieldMapping
    field_maps: tuple[FieldMap, ...]


def field_mapping(data_extension: DataExtension, operation: Operation) -> Mapped:
    """By heading, which the service infers or is told name by name, or by place.

    Every file has headings that are the fields' names, in the order of the declaration. The column that controls
    deletions is known by its heading only, so such a file is not mapped by place.
    """
    names = travelling_fields(data_extension, operation)
    mapping = data_extension.mapping
    match "manual" if mapping == "ordinal" and operation == "delete" else mapping:
        case "ordinal":
            by_place = tuple(FieldMap(source=place, destination=name) for place, name in enumerate(names, start=1))
            return {"field_mapping": "MapByOrdinal", "field_maps": by_place}
        case "manual":
            by_name = tuple(FieldMap(source=name, destination=name) for name in names)
            return {"field_mapping": "ManualMap", "field_maps": by_name}
        case "infer":
            return {"field_mapping": "InferFromColumnHeadings", "field_maps": ()}
