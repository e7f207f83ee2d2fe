"""Email: what a send says.

What belongs here: its properties. What does not: rendering it, which nothing here does.
"""

from __future__ import annotations

from et_platform.simulator import definitions, retrieval
from et_platform.simulator.sending.profiles import EMAIL

SHAPE = retrieval.Shape(
    object_type="Email",
    order=(
        *("Client.ID", "PartnerKey", "CreatedDate", "ModifiedDate", "ID", "ObjectID", "CustomerKey", "Name"),
        *("CategoryID", "HTMLBody", "TextBody", "Subject", "IsActive", "IsHTMLPaste", "ClonedFromID", "Status"),
        *("EmailType", "CharacterSet", "HasDynamicSubjectLine", "ContentCheckStatus", "SyncTextWithHTML", "PreHeader"),
        *("Client.PartnerClientKey", "ContentAreas", "Folder"),  # asked for by public tools [R]; empty here
    ),
    types={
        **dict.fromkeys(("Client.ID", "ID", "CategoryID", "ClonedFromID"), "Number"),
        **dict.fromkeys(("CreatedDate", "ModifiedDate"), "Date"),
    },
    plain=frozenset({"Client"}),
)
_KIND = definitions.Kind(
    SHAPE,
    EMAIL,
    texts=(
        *("CustomerKey", "Name", "CategoryID", "HTMLBody", "TextBody", "Subject", "IsHTMLPaste", "EmailType"),
        *("CharacterSet", "SyncTextWithHTML", "PreHeader"),
    ),
    words=("Email Created", "Email Updated", "Email deleted"),  # [K]
    content_type="email",
    shown={"HTMLBody": "", "TextBody": ""},
    defaults={
        "IsActive": "true",
        "IsHTMLPaste": "false",
        "EmailType": "HTML",
        "CharacterSet": "UTF-8",
        "HasDynamicSubjectLine": "false",
        "SyncTextWithHTML": "false",
        "ContentCheckStatus": "Not Checked",
        "Status": "New",
    },
    fixed=frozenset({"CustomerKey"}),
    numbered=True,
    unique_names=False,
)
retrieve, save, delete = _KIND.retrieve, _KIND.save, _KIND.delete
