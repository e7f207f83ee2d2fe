"""Import definitions between our values and the service's objects.

Belongs here: both directions of that mapping. Does not: calls (`imports.py`).
"""

from typing import Any

from et_platform.exacttarget.errors import InvalidDefinition
from et_platform.exacttarget.models import ControlAction, FieldMap, ImportDefinition

DEFINITION_PROPERTIES = (
    "ObjectID",
    "CustomerKey",
    "Name",
    "Description",
    "AllowErrors",
    "DestinationObject.ID",
    "DestinationObject.ObjectID",
    "DestinationObject.CustomerKey",
    "FieldMappingType",
    "FieldMaps",
    "FileSpec",
    "FileType",
    "Notification.ResponseAddress",
    "RetrieveFileTransferLocation.CustomerKey",
    "UpdateType",
    "MaxFileAge",
    "MaxFileAgeScheduleOffset",
    "MaxImportFrequency",
    "Delimiter",
    "HeaderLines",
    "ControlColumn",
    "ControlColumnDefaultAction",
    "ControlColumnActions",
    "EndOfLineRepresentation",
    "NullRepresentation",
    "StandardQuotedStrings",
    "Filter",
    "DateFormattingLocale.LocaleCode",
    "DeleteFile",
    "EncodingCodePage",
)


def import_definition_to_send(types: Any, definition: ImportDefinition) -> Any:
    """The service's object for a definition; what is None is left out, and so stays as the service has it.

    Raises InvalidDefinition unless the definition names one destination.
    """
    if bool(definition.destination_key) == (definition.destination_list is not None):
        raise InvalidDefinition(
            f"Defining import {definition.customer_key} was not done: it needs either destination_key, for a data "
            "extension, or destination_list, for a list. Give one of them."
        )
    is_list = definition.destination_list is not None
    one = types.ImportDefinition(
        CustomerKey=definition.customer_key,
        Name=definition.name,
        Description=definition.description,
        AllowErrors=definition.allow_errors,
        DestinationObject=types.List(ID=definition.destination_list)
        if is_list
        else types.DataExtension(CustomerKey=definition.destination_key),
        SubscriberImportType="Email" if is_list else None,
        FieldMappingType=definition.field_mapping,
        FileSpec=definition.file_spec,
        FileType=definition.file_type,
        RetrieveFileTransferLocation=types.FileTransferLocation(CustomerKey=definition.location),
        UpdateType=definition.update_type,
        Delimiter=definition.delimiter if definition.file_type == "Other" else None,
        HeaderLines=definition.header_lines,
        StandardQuotedStrings=definition.standard_quoted_strings,
        EncodingCodePage=definition.encoding,
        ControlColumn=definition.control_column,
        ControlColumnDefaultAction=definition.control_default_action,
        MaxFileAge=definition.max_file_age_hours,
        MaxFileAgeScheduleOffset=definition.max_file_age_offset_hours,
        MaxImportFrequency=definition.max_import_frequency_hours,
        DeleteFile=True if definition.delete_file else None,
        NullRepresentation=definition.null_representation,
        EndOfLineRepresentation=definition.end_of_line,
        Filter=definition.filter,
    )
    if definition.notify is not None:
        one.Notification = {"ResponseType": "email", "ResponseAddress": definition.notify, "RespondWhen": "Always"}
    if definition.date_locale is not None:
        one.DateFormattingLocale = {"LocaleCode": definition.date_locale}
    if definition.field_maps:
        source = {"MapByOrdinal": "SourceOrdinal"}.get(definition.field_mapping, "SourceName")
        one.FieldMaps = {
            "FieldMap": [
                types.FieldMap(**{source: field.source}, DestinationName=field.destination)
                for field in definition.field_maps
            ]
        }
    if definition.control_actions:
        one.ControlColumnActions = {
            "ControlColumnAction": [
                types.ImportDefinitionColumnBasedAction(Value=value, Action=action)
                for value, action in definition.control_actions.items()
            ]
        }
    return one


def read_import_definition(one: Any) -> ImportDefinition:
    """A definition from the service's object."""
    destination, location, locale = one.DestinationObject, one.RetrieveFileTransferLocation, one.DateFormattingLocale
    notification = one.Notification
    maps = one.FieldMaps.FieldMap if one.FieldMaps is not None else ()
    actions = one.ControlColumnActions.ControlColumnAction if one.ControlColumnActions is not None else ()
    known: dict[ControlAction | str, Any] = {action.Value or "": action.Action for action in actions}
    return ImportDefinition(
        customer_key=one.CustomerKey or "",
        name=one.Name or "",
        description=one.Description or "",
        object_id=one.ObjectID,
        destination_key=(destination.CustomerKey or "") if destination is not None else "",
        destination_list=(destination.ID or None) if destination is not None else None,
        file_spec=one.FileSpec or "",
        update_type=one.UpdateType or "AddAndUpdate",
        field_mapping=one.FieldMappingType or "InferFromColumnHeadings",
        field_maps=tuple(
            FieldMap(
                source=each.SourceOrdinal if each.SourceOrdinal is not None else (each.SourceName or ""),
                destination=each.DestinationName or "",
            )
            for each in maps
        ),
        file_type=one.FileType or "CSV",
        delimiter=one.Delimiter or ",",
        encoding=one.EncodingCodePage,
        header_lines=one.HeaderLines,
        standard_quoted_strings=one.StandardQuotedStrings is not False,
        allow_errors=one.AllowErrors is not False,
        location=(location.CustomerKey or "") if location is not None else "",
        control_column=one.ControlColumn or None,
        control_actions=known,
        control_default_action=one.ControlColumnDefaultAction or None,
        max_file_age_hours=one.MaxFileAge,
        max_file_age_offset_hours=one.MaxFileAgeScheduleOffset,
        max_import_frequency_hours=one.MaxImportFrequency,
        delete_file=bool(one.DeleteFile),
        notify=(notification.ResponseAddress or None) if notification is not None else None,
        null_representation=one.NullRepresentation,
        end_of_line=one.EndOfLineRepresentation,
        date_locale=(locale.LocaleCode or None) if locale is not None else None,
        filter=one.Filter or None,
    )
