"""Settings of query activities that no fact settles, with their likeliest defaults.

What belongs here: those of queries. What does not: all others (`../behaviour.py`).
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class QueryBehaviour(BaseModel):
    """The settings of query activities."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Query activities
    query_delay_seconds: float = Field(0, ge=0, description="Between Perform of a query and its effect.")
    query_timeout_minutes: float = Field(30, gt=0, description="A query that runs longer is stopped, and fails [3].")
    query_ctes: Literal["accept", "refuse"] = Field(
        "accept", description="A query that begins with WITH: it runs, or is refused; sources contradict [3]."
    )
    query_checked_on_save: bool = Field(
        True, description="A query that cannot run is refused when it is saved [K], or fails when it runs."
    )
    failed_overwrite: Literal["cleared", "kept"] = Field(
        "cleared", description="A query that fails while it overwrites its target: it is empty [3], or as before."
    )
