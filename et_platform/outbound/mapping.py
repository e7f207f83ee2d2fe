"""How an import reads a file, and finds the field of each of its columns: what is declared as `file` and `mapping`.

What belongs here: the declaration in the client's terms. What does not: which fields travel (sync/staging.py).
"""

from typing import Literal, TypedDict

from et_platform.catalog.import_file import DELIMITERS, ImportFileForm
from et_platform.catalog.models import DataExtension
from et_platform.exacttarget.models import ENHANCED_FTP, UTF_8, FieldMap, FieldMapping
from et_platform.sync.identity import Operation
from et_platform.sync.staging import marker_of, travelling_fields


class Mapped(TypedDict):
    """The part of an import definition that says where columns go."""

    field_mapping: FieldMapping
    field_maps: tuple[FieldMap, ...]


class Written(TypedDict):
    """The part of an import definition that says how the file is written."""

    file_type: Literal["CSV", "TAB", "Other"]
    delimiter: str
    encoding: int
    null_representation: str | None
    date_locale: str | None


class Read(TypedDict):
    """The part of an import definition that says where the file is, and what becomes of it."""

    location: str
    delete_file: bool


_UTF_16 = 1200
"""The code page of UTF-16, little end first (Windows); that imports take it is unconfirmed."""

_FILE_TYPES: dict[str, Literal["CSV", "TAB"]] = {"comma": "CSV", "tab": "TAB"}


def file_form(form: ImportFileForm) -> Written:
    """What an import definition says of a file of that form."""
    return {
        "file_type": _FILE_TYPES.get(form.delimiter, "Other"),
        "delimiter": DELIMITERS[form.delimiter],
        "encoding": _UTF_16 if form.encoding == "utf-16" else UTF_8,
        "null_representation": form.nulls,
        "date_locale": None if form.dates == "iso" else form.dates,
    }


def read_from(form: ImportFileForm) -> Read:
    """What an import definition says of where a file of that form is: nobody else can remove what was unpacked."""
    if form.zip is None:
        return {"location": ENHANCED_FTP, "delete_file": False}
    return {"location": form.zip.location, "delete_file": True}


def field_mapping(data_extension: DataExtension, operation: Operation) -> Mapped:
    """By heading, which the service infers or is told name by name, or by place.

    Every file has headings that are the fields' names, in the order of the declaration. The column that controls
    deletions is known by its heading only, so such a file is not mapped by place.
    """
    names = travelling_fields(data_extension, operation)
    if (marker := marker_of(data_extension, operation)) is not None:
        names.append(marker)
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
