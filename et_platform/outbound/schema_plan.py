"""The part of a plan that is about definitions: what an apply would make or change in ExactTarget besides rows.

What belongs here: asking, and what to say when it cannot be asked. What does not: comparing (schema_difference.py).
"""

from dataclasses import dataclass

from et_platform.catalog.catalog import Declared
from et_platform.catalog.models import DataExtension
from et_platform.exacttarget.errors import ExactTargetError
from et_platform.outbound.mapping import field_mapping
from et_platform.outbound.road import Road
from et_platform.outbound.schema import differences
from et_platform.outbound.schema_difference import Difference


@dataclass(frozen=True)
class SchemaPlan:
    """`found` is None when ExactTarget could not be asked, and `unknown` says why."""

    found: tuple[Difference, ...] | None
    unknown: str = ""

    @property
    def refused(self) -> tuple[Difference, ...]:
        """What would stop an apply."""
        return tuple(one for one in self.found or () if one.action == "refuse")


def look_at_schema(road: Road, declared: Declared[DataExtension]) -> SchemaPlan:
    """Compare the declaration with what ExactTarget has. A plan of rows does not fail because this cannot be known."""
    try:
        with road.glance_at_exacttarget() as exacttarget:
            found = differences(exacttarget, declared)
    except ExactTargetError as error:
        return SchemaPlan(None, str(error))
    if declared.is_.mapping != "infer":
        mapping = field_mapping(declared.is_, "insert")["field_mapping"]
        text = f"one for each file, gone afterwards; columns by {mapping} ({declared.at('mapping')})"
        found.append(Difference("import definition", declared.is_.customer_key, "make", text))
    return SchemaPlan(tuple(found))
