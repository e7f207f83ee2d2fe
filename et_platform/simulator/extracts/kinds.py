"""The extracts of the account: their ids and names, and the parameters of the two that are simulated.

What belongs here: these lists. What does not: what parameters mean (`request.py`).
"""

from __future__ import annotations

from datetime import datetime

TRACKING = "c7219016-a7f0-4c72-8657-1ec12c28a0db"
DATA_EXTENSION = "bb94a04d-9632-4623-be47-daabc3f588a6"

NAMES = {
    TRACKING: "Tracking Extract",
    DATA_EXTENSION: "Data Extension Extract",
    "9a487c7d-96bd-484c-ad80-0f0bcbb91ca7": "Zip",
    "7e7d322a-88ca-499a-9fb3-90e72fcf00af": "GZip",
    "805dfb29-82cb-43dc-989b-53ef5d181920": "Convert XML",
    "cf2cd221-fc3c-4d9f-90b4-a4e879a51ab6": "XmlToTextMapper",
    "e7e14f95-b925-462d-b6b4-4a6b1dca7ca1": "UTF16->ASCII",
    "90d90e0a-fd9a-4d35-b471-cde0d17c91d4": "Enhanced FTP File Move and Copy",
    "f2500d28-b3cb-42b9-ad31-361123ec1222": "Contacts Without Channel Addresses",
    "e6647310-ac95-4f32-a639-2a6b145c83f1": "Mobile Push Detail",
    "382b94bd-bd1b-45e1-864f-eb824841885a": "Audit Trail Access",
    "d804ddf9-feda-4495-8e7e-069a14f5d248": "Audit Trail Activity",
}
"""Every extract by its id, as recorded [R]."""

SIMULATED_TYPES = {
    "ExtractSent": "Sent",
    "ExtractOpens": "Opens",
    "ExtractClicks": "Clicks",
    "ExtractBounces": "Bounces",
    "ExtractUnsubs": "Unsubs",
    "ExtractNotSent": "NotSent",
    "ExtractSendJobs": "SendJobs",
    "ExtractSubscribers": "Subscribers",
}
"""Per parameter the file that it brings into the ZIP of a tracking extract [R]."""

OTHER_TYPES = frozenset(
    {
        *("ExtractAttributes", "ExtractConversions", "ExtractSurveyResponses"),
        *("ExtractSendImpressions", "ExtractClickImpressions", "ExtractSendJobImpressions"),
        *("extractListMembershipChanges", "extractLists", "extractStatusChanges"),  # really a lower-case e [D]
    }
)
"""Types that a tracking extract has and this simulator has not."""

WITHOUT_EFFECT = frozenset(
    {
        *("Attributes", "Timezone", "UseIDs", "IncludeAllSubscribers", "IncludeAllListMembers"),
        *("IncludeInferredOpens", "IncludeTestSends", "_AsyncID"),
    }
)
"""Parameters that are accepted and change nothing here: there are no inferred opens and no test sends."""

TRACKING_PARAMETERS = frozenset(
    {
        *("StartDate", "EndDate", "OutputFileName", "AccountIDs", "CharacterEncoding", "ColumnDelimiter", "Format"),
        *("QuoteText", "TextQualifier", "UnicodeOutput", "UseLocalTZinQuery", "SendIDs", "IncludeMilliseconds"),
        "IncludeUnsubReason",
        *SIMULATED_TYPES,
        *OTHER_TYPES,
        *WITHOUT_EFFECT,
    }
)
"""The parameters of the tracking extract, in their exact spelling [D]."""

DATA_EXTENSION_REQUIRED = ("DECustomerKey", "HasColumnHeaders", "OutputFileName", "_AsyncID", "StartDate", "EndDate")
DATA_EXTENSION_PARAMETERS = frozenset(
    {
        *DATA_EXTENSION_REQUIRED,
        *("ColumnDelimiter", "TextQualified", "UsesLineFeed"),  # of the activity form [R]
        *("TextQualifier", "QuoteText", "CharacterEncoding", "UnicodeOutput"),  # taken here as well [K]
    }
)
"""The parameters of the data-extension extract [D]; both dates must be NO_DATE."""

NO_DATE = datetime(1900, 1, 1, 1)  # noqa: DTZ001 - naive server time, as everywhere
"""`1/1/1900 1:00:00 AM`, where a date has no meaning [D]."""
