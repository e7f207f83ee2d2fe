"""`/automation/v1/...`: reading imports, filters, file transfers, file locations and extract types [R].

What belongs here: the answers, from what SOAP keeps, in the words that a public developer tool (mcdev 8) reads. What
does not: automations and queries (`automations.py`), families of which nothing is kept (`absent.py`), changing anything
(SOAP). Ids of locations are made up.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from et_platform.simulator import folders
from et_platform.simulator.automations.worker import FILTER, IMPORT, KINDS
from et_platform.simulator.extracts import kinds
from et_platform.simulator.rest import answers, pages
from et_platform.simulator.rest.answers import Answer
from et_platform.simulator.rest.pages import Item

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

_DATA_EXTENSION, _LIST = 310, 13  # destinationObjectTypeId [R]
_UPDATE_TYPES = {  # the first four are [R]
    **{"AddAndUpdate": 0, "AddAndDoNotUpdate": 1, "UpdateButDoNotAdd": 2, "Overwrite": 4},
    **{"ColumnBased": 3, "Merge": 5},
}
_IMPORT_LOCATION, _EXPORT_LOCATION, _SAFEHOUSE = 0, 6, 5  # locationTypeId [R]
_LOCATIONS = {
    "ExactTarget Enhanced FTP": _IMPORT_LOCATION,
    "Enhanced FTP Site Export Directory": _EXPORT_LOCATION,
    "Safehouse": _SAFEHOUSE,
}
_ACTIVE = 1  # statusId [K]


def _imports(service: Service) -> list[Item]:
    return [_import(service, one) for one in pages.documents(service, KINDS[IMPORT])]


def _import(service: Service, one: Item) -> Item:
    told = one["properties"]
    of_list = "DestinationObject.ID" in told
    place = told.get("RetrieveFileTransferLocation.CustomerKey", "")
    return {
        "importDefinitionId": one["object_id"],
        "name": told.get("Name", ""),
        "customerKey": told["CustomerKey"],
        "description": told.get("Description", ""),
        "allowErrors": _true(told.get("AllowErrors", "")),
        "blankFileProcessingType": 1,  # processed, as an import here does [K]
        "createdDate": told["CreatedDate"],
        "modifiedDate": told["ModifiedDate"],
        "dateFormatLocale": told.get("DateFormattingLocale.LocaleCode", "en-US"),
        "deleteFile": _true(told.get("DeleteFile", "")),
        "destinationId": 0,
        "destinationName": told.get("DestinationObject.CustomerKey", told.get("DestinationObject.ID", "")),
        "destinationObjectId": told.get("DestinationObject.ObjectID", told.get("DestinationObject.ID", "")),
        "destinationObjectTypeId": _LIST if of_list else _DATA_EXTENSION,
        "encodingName": "utf-8",
        "fieldMappingType": told.get("FieldMappingType", ""),
        "fieldMappings": [
            {
                "sourceFieldName": m["SourceName"] or m["SourceOrdinal"],
                "destinationFieldName": m["DestinationName"],
            }
            for m in one["maps"]
        ],
        "fileNamingPattern": told.get("FileSpec", ""),
        "fileSpec": told.get("FileSpec", ""),
        "fileTransferLocationId": _location_id(service, place) if place in _LOCATIONS else _location_id(service, ""),
        "fileTransferLocationName": place,
        "fileTransferLocationTypeId": _LOCATIONS.get(place, _IMPORT_LOCATION),
        "fileType": told.get("FileType", "CSV"),
        "otherDelimiter": told.get("Delimiter", ""),
        "filter": "",
        "hasColumnHeader": told.get("FieldMappingType") == "InferFromColumnHeadings" or told.get("HeaderLines") == "1",
        "isOrderedImport": True,  # [R]
        "isSequential": True,  # [R]
        "maxFileAgeHours": _number(told.get("MaxFileAge", "")),
        "maxFileAgeScheduleOffsetHours": _number(told.get("MaxFileAgeScheduleOffset", "")),
        "maxImportFrequencyHours": _number(told.get("MaxImportFrequency", "")),
        "notificationEmailAddress": told.get("Notification.ResponseAddress", ""),
        "sendEmailNotification": told.get("Notification.ResponseType", "").lower() == "email",
        "standardQuotedStrings": _true(told.get("StandardQuotedStrings", "")),
        "sourceCustomObjectId": "",
        "sourceDataExtensionName": "",
        "subscriberImportTypeId": 0 if of_list else 255,  # e-mail, data extension [R]
        "updateTypeId": _UPDATE_TYPES.get(told.get("UpdateType", ""), 0),
    }


def _filters(service: Service) -> list[Item]:
    return [
        {
            "filterActivityId": one["object_id"],
            "id": one["object_id"],
            "name": told["Name"],
            "customerKey": told["CustomerKey"],
            "description": told.get("Description", ""),
            "createdDate": told["CreatedDate"],
            "modifiedDate": told["ModifiedDate"],
            "categoryId": int(folders.root(service.store.number, "filteractivity")),
            "statusId": _ACTIVE,
            "filterDefinitionId": told["FilterDefinitionID"],
            "sourceTypeId": int(told["SourceTypeID"]),
            "sourceObjectId": told["SourceObjectID"],
            "destinationTypeId": int(told["DestinationTypeID"]),
            "destinationObjectId": told["DestinationObjectID"],
        }
        for one in pages.documents(service, KINDS[FILTER])
        for told in (one["properties"],)
    ]


def _transfers(service: Service) -> list[Item]:
    """Those that a setting declares; each brings a file from the Import folder into the Safehouse."""
    return [
        {
            "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"transfer {service.account.mid} {key}")),
            "name": key,
            "customerKey": key,
            "description": "",
            "fileSpec": spec,
            "fileTransferLocationId": _location_id(service, "ExactTarget Enhanced FTP"),
            **dict.fromkeys(("isCompressed", "isUpload", "isEncrypted", "isFileSpecLocalized", "isPgp"), False),
            **dict.fromkeys(("maxFileAge", "maxFileAgeScheduleOffset", "maxImportFrequency"), 0),
        }
        for key, spec in service.behaviour.file_transfers.items()
    ]


def _locations(service: Service) -> list[Item]:
    return [
        {
            "id": _location_id(service, name),
            "name": name,
            "locationTypeId": number,
            "relPath": name,
        }
        for name, number in _LOCATIONS.items()
    ]


def _extract_types(service: Service) -> list[Item]:
    return [{"extractId": number, "name": name} for number, name in kinds.NAMES.items()]


_FAMILIES: dict[str, tuple[Callable[[Service], list[Item]], str]] = {
    "imports": (_imports, "importDefinitionId"),
    "filters": (_filters, "filterActivityId"),
    "filetransfers": (_transfers, "id"),
    "ftplocations": (_locations, "id"),
    "dataextracttypes": (_extract_types, "extractId"),
}
FAMILIES = tuple(_FAMILIES)
"""Parts of the path after `automation/v1/`."""


def family(service: Service, name: str, query: Mapping[str, str]) -> Answer:
    """A page of a family. Extract types come as a bare list, as the tool reads them [R]."""
    found, _ = _FAMILIES[name]
    if name == "dataextracttypes":
        return Answer(200, found(service))
    return pages.listed(found(service), query)


def member(service: Service, name: str, reference: str) -> Answer:
    """One of a family, by its id, or by `key:` and its key. Raises RestError."""
    found, identity = _FAMILIES[name]
    head, colon, key = reference.partition(":")
    for one in found(service):
        if one[identity] == reference or (colon and head.lower() == "key" and one.get("customerKey") == key):
            return Answer(200, one)
    raise answers.not_found()


def _location_id(service: Service, name: str) -> str:
    """'' is the id of no location, as recorded imports of data extensions have it [R]."""
    if not name:
        return str(uuid.UUID(int=0))
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"location {service.account.mid} {name}"))


def _true(text: str) -> bool:
    return text.strip().lower() in ("true", "1")


def _number(text: str) -> int:
    return int(text) if text.strip().isdecimal() else 0
