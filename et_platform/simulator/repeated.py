"""Repeating what a request said in the reply to it.

What belongs here: elements as they came, in the reply's namespace. What does not: what they mean.
"""

from __future__ import annotations

from et_platform.simulator import envelope, markup
from et_platform.simulator.envelope import Element


def repeated(parent: Element) -> str:
    """What stands in an element as it came, in the reply's namespace."""
    content = ""
    for one in parent:
        name = envelope.local(one)
        if name not in ("PartnerKey", "ObjectID"):
            inner = repeated(one) if len(one) else markup.escape(one.text or "")
            content += markup.element(name, inner, type=envelope.type_of(one))
    return content
