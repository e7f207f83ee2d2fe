"""Sections of REST of which the simulator keeps nothing: empty pages, in the shape that public tools read [R].

What belongs here: their paths and shapes. What does not: whatever has content. So a tool that reads a whole account
finds those sections empty, instead of an error. Which scope each needs is unconfirmed [K].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from et_platform.simulator.rest import pages
from et_platform.simulator.rest.answers import Answer

Query = Mapping[str, str]


@dataclass(frozen=True)
class Absent:
    """A section: how it is asked, with which scope, and what it answers."""

    scope: str
    answer: Callable[[Query], Answer]
    methods: str = "GET"


def _page(query: Query) -> Answer:
    return pages.listed((), query)


def _entries(query: Query) -> Answer:
    return pages.entries((), query)


def _definitions(query: Query) -> Answer:
    """Messaging: `count` is that of this page [R]."""
    page, size = (pages.number(query, name, usual) for name, usual in (("$page", 1), ("$pagesize", 50)))
    return Answer(200, {"definitions": [], "count": 0, "page": page, "pageSize": size})


_STUDIO, _ASSETS, _JOURNEYS, _CONTACTS = "automations_read", "saved_content_read", "journeys_read", "audiences_read"
SECTIONS: dict[str, Absent] = {
    "automation/v1/dataextracts": Absent(_STUDIO, _page),
    "automation/v1/scripts": Absent(_STUDIO, _page),
    "automation/v1/dataverifications": Absent(_STUDIO, _page),
    "asset/v1/content/assets": Absent(_ASSETS, _page),
    "asset/v1/content/assets/query": Absent(_ASSETS, _page, "POST"),
    "asset/v1/content/categories": Absent(_ASSETS, _page),
    "interaction/v1/interactions": Absent(_JOURNEYS, _page),
    "interaction/v1/eventDefinitions": Absent(_JOURNEYS, _page),
    "hub/v1/campaigns": Absent("campaign_read", _entries),
    "hub/v1/contacts/schema/attributeGroups": Absent(
        _CONTACTS, lambda query: Answer(200, {"attributeGroupDefinitions": []})
    ),
    "hub/v1/contacts/schema/setDefinitions": Absent(_CONTACTS, lambda query: Answer(200, {"setDefinition": []})),
    "messaging/v1/email/definitions": Absent("email_read", _definitions),
    "messaging/v1/sms/definitions": Absent("sms_read", _definitions),
    "messaging/v1/push/definitions": Absent("push_read", _definitions),
    "messaging/v1/domainverification": Absent("", _page),
    "legacy/v1/beta2/data/campaign": Absent("campaign_read", _entries),
    "legacy/v1/beta/mobile/imports": Absent(_STUDIO, _entries),
    "legacy/v1/beta/mobile/code": Absent("sms_read", _entries),
    "legacy/v1/beta/mobile/keyword": Absent("sms_read", _entries),
    "legacy/v1/beta/mobile/message": Absent("sms_read", _entries),
    "legacy/v1/beta/messaging/deliverypolicy": Absent("email_read", _entries),
}
"""By path."""
