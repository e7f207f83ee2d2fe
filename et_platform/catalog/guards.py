"""The guards of a data extension: the figures at which the gate closes.

What belongs here: names, defaults and ranges. What does not: asking them (sync/gate.py).
"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from et_platform.catalog.base import Declaration
from et_platform.catalog.entity import Duration


class Guards(Declaration):
    """Rules of the gate; a share is a part of 1.

    `maximum_age` is how long ago the source may have been read when its rows go. `schema_drift: accept` lets rows go
    whose columns changed their type in the CRM; once their declaration is touched, nothing has to be accepted any more.
    """

    minimum_rows: Annotated[int, Field(ge=0)] = 1
    maximum_quarantine_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    minimum_share_of_acknowledged: Annotated[float, Field(ge=0, le=1)] = 0.5
    maximum_delete_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    maximum_update_share: Annotated[float, Field(ge=0, le=1)] = 1.0
    maximum_duplicate_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    maximum_age: Duration = timedelta(days=1)
    schema_drift: Literal["close", "accept"] = "close"
