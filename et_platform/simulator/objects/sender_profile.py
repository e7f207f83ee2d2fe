"""SenderProfile: in whose name mails leave.

What belongs here: its properties. What does not: replies and their management, which nothing here receives.
"""

from __future__ import annotations

from et_platform.simulator import definitions, retrieval
from et_platform.simulator.sending.profiles import SENDER_PROFILE

SHAPE = retrieval.Shape(
    object_type="SenderProfile",
    order=(
        *("Client.ID", "PartnerKey", "CreatedDate", "ModifiedDate", "ObjectID", "CustomerKey", "Name", "Description"),
        *("FromName", "FromAddress", "UseDefaultRMMRules", "SenderHeaderEmailAddress", "SenderHeaderName"),
        *("ReplyToAddress", "ReplyToDisplayName"),
        # Asked for by public tools [R]; empty here.
        *("Client.CreatedBy", "Client.ModifiedBy", "AutoForwardToEmailAddress", "AutoForwardToName", "DirectForward"),
        *("AutoForwardTriggeredSend.ObjectID", "AutoReply", "AutoReplyTriggeredSend.ObjectID", "FallbackFromAddress"),
        *("DataRetentionPeriodLength", "DataRetentionPeriodUnitOfMeasure", "ReplyManagementRuleSet.ObjectID"),
        "RMMRuleCollection.ObjectID",
    ),
    types={"Client.ID": "Number", "CreatedDate": "Date", "ModifiedDate": "Date"},
    plain=frozenset({"Client"}),
)
_KIND = definitions.Kind(
    SHAPE,
    SENDER_PROFILE,
    texts=(
        *("CustomerKey", "Name", "Description", "FromName", "FromAddress", "UseDefaultRMMRules"),
        *("SenderHeaderEmailAddress", "SenderHeaderName", "ReplyToAddress", "ReplyToDisplayName"),
    ),
    words=("SenderProfile created", "SenderProfile updated", "SenderProfile deleted"),  # [K]
    shown={"FromAddress": "", "FallbackFromAddress": ""},  # tools rely on both [R]
    defaults={"UseDefaultRMMRules": "true"},
    fixed=frozenset({"CustomerKey"}),
)
retrieve, save, delete = _KIND.retrieve, _KIND.save, _KIND.delete
