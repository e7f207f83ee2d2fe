"""Which module answers for which type of object.

What belongs here: the list of types. What does not: what they do. A module offers what its type can: `retrieve`,
`save` (Create and Update), `delete`, `start` and other actions of Perform; `SHAPE` says which properties there are.
"""

from __future__ import annotations

from typing import Any

from et_platform.simulator.objects import (
    account,
    business_unit,
    data_extension,
    data_extension_field,
    data_extension_object,
    data_extension_template,
    data_folder,
    email,
    email_send_definition,
    extract_description,
    file_transfer_activity,
    import_definition,
    import_results_summary,
    list_,
    list_subscriber,
    query_definition,
    result_item,
    result_message,
    role,
    send,
    send_classification,
    sender_profile,
    subscriber,
    subscriber_status_event,
    triggered_send,
    triggered_send_definition,
    triggered_send_summary,
)

HANDLERS: dict[str, Any] = {
    "Account": account,
    "BusinessUnit": business_unit,
    "DataExtension": data_extension,
    "DataExtensionField": data_extension_field,
    "DataExtensionObject": data_extension_object,
    "DataExtensionTemplate": data_extension_template,
    "DataFolder": data_folder,
    "Email": email,
    "EmailSendDefinition": email_send_definition,
    "ExtractDescription": extract_description,
    "FileTransferActivity": file_transfer_activity,
    "ImportDefinition": import_definition,
    "ImportResultsSummary": import_results_summary,
    "List": list_,
    "ListSubscriber": list_subscriber,
    "QueryDefinition": query_definition,
    "ResultItem": result_item,
    "ResultMessage": result_message,
    "Role": role,
    "Send": send,
    "SendClassification": send_classification,
    "SenderProfile": sender_profile,
    "Subscriber": subscriber,
    "SubscriberStatusEvent": subscriber_status_event,
    "TriggeredSend": triggered_send,
    "TriggeredSendDefinition": triggered_send_definition,
    "TriggeredSendSummary": triggered_send_summary,
}
