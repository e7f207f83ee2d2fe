"""The guards of a data extension: the figures at which the gate closes.

What belongs here: names, defaults and ranges. What does not: asking them (sync/gate.py).
"""

from typing import Annotated

from pydantic import Field

from et_platform.catalog.base import Declaration


class Guards(Declaration):
    """Rules of the gate; a share is a part of 1."""

    minimum_rows: Annotated[int, Field(ge=0)] = 1
    maximum_quarantine_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    minimum_share_of_acknowledged: Annotated[float, Field(ge=0, le=1)] = 0.5
    maximum_delete_share: Annotated[float, Field(ge=0, le=1)] = 0.1
