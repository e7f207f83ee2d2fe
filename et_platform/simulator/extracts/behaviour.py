"""Settings of extracts that no fact settles, with their likeliest defaults.

What belongs here: those of extracts and their files. What does not: all others (`../behaviour.py`).
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ExtractBehaviour(BaseModel):
    """The settings of extracts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Timing of extracts
    extract_delay_seconds: float = Field(0, ge=0, description="Between Extract and the first byte of its file.")
    extract_write_seconds: float = Field(0, ge=0, description="Spent writing an extract file, chunk by chunk.")
    extract_write_chunks: int = Field(10, ge=1, description="Chunks in which an extract file is written.")
    extract_half_written: bool = Field(
        False, description="Extract files grow under their own name; else under a temporary one, then renamed [K]."
    )

    # What an extract accepts
    extract_bad_requests: Literal["refuse", "silent"] = Field(
        "refuse", description="Requests that cannot be met: an error result, or OK and no file ever [K]."
    )
    extract_error_code: int = Field(2, description="ErrorCode of a refused extract; 2 is the general one [D, K].")
    extract_unknown_parameters: Literal["refuse", "ignore"] = Field(
        "refuse", description="Parameters that are not spelled as documented [K]."
    )
    extract_other_types: Literal["refuse", "ignore"] = Field(
        "refuse", description="Asking for what is not simulated: conversions, surveys, local time zones and so on."
    )
    extract_max_days: float = Field(30, description="Longest window of a tracking extract, in days [3].")

    # What extract files contain
    extract_inclusive_end: bool = Field(False, description="Whether an event at EndDate belongs to the window [K].")
    extract_send_jobs_by: Literal["SchedTime", "SentTime"] = Field(
        "SchedTime", description="The moment of a send that decides whether SendJobs tells it in a window [K]."
    )
    extract_empty_files: Literal["header", "omit", "no_file"] = Field(
        "header",
        description="A type without events: a file of headings, none in the ZIP, or (all empty) no ZIP either [K].",
    )
    extract_column_order: Literal["documented", "reversed"] = Field(
        "documented", description="Order of columns; it is not guaranteed [D]."
    )
    extract_encoding: str = Field("utf-8", description="Encoding without CharacterEncoding or UnicodeOutput [K].")
    extract_quote: bool = Field(True, description="Whether texts are qualified when the request does not say [K].")
    extract_quoting: Literal["minimal", "all"] = Field(
        "minimal", description="Qualified: the fields that need it, or every field [K]."
    )
