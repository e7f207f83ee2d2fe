"""Settings of sends that no fact settles, with their likeliest defaults.

What belongs here: those of sends. What does not: all others (`../behaviour.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class SendBehaviour(BaseModel):
    """The settings of sends."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Sends
    send_delay_seconds: float = Field(0, ge=0, description="Between the start of a send and its mails.")
    operational_to_unsubscribed: bool = Field(
        True, description="A send of an Operational classification reaches those who unsubscribed [K]."
    )
    send_complex_filter: Literal["nothing", "answer"] = Field(
        "nothing", description="A Retrieve of Send with a complex filter: no rows, silently [R], or those it means."
    )
    triggered_exclusions: Literal["failure", "not_sent"] = Field(
        "failure",
        description="An unsubscribed or held subscriber of a TriggeredSend: among the SubscriberFailures, or accepted"
        " and not sent to [K].",
    )
    triggered_all_failed: Literal["ok", "error"] = Field(
        "ok", description="A TriggeredSend of whose subscribers none is good: OK with failures, or an error [K]."
    )

    # The audience, as the clock is set forward. Made up, as no fact is about it.
    audience: Literal["behaves", "still"] = Field(
        "behaves", description="Whether people react to sends as the clock is set forward."
    )
    audience_seed: int = Field(1, description="Same seed, same people and reactions; `etp sim advance --seed` differs.")
    audience_opens: float = Field(0.25, ge=0, le=1, description="Share of delivered mails that are opened.")
    audience_clicks: float = Field(0.15, ge=0, le=1, description="Share of opened mails of which a link is clicked.")
    audience_hard_bounces: float = Field(0.01, ge=0, le=1, description="Share of people whose address is dead.")
    audience_soft_bounces: float = Field(0.015, ge=0, le=1, description="Share of mails that bounce for a while.")
    audience_blocks: float = Field(0.002, ge=0, le=1, description="Share of mails that are blocked.")
    audience_unsubscribes: float = Field(0.002, ge=0, le=1, description="Share of delivered mails that end in leaving.")
    audience_complaints: float = Field(0.0003, ge=0, le=1, description="Share of delivered mails called spam.")
    audience_edits: float = Field(0.001, ge=0, le=1, description="Share of people who edit their profile, per day.")
    audience_profile: Mapping[str, str] = Field(
        {},
        description="What they edit, as DATAEXTENSION.FIELD=A|B|C,...: a value other than the present one; none:"
        " their EmailTypePreference.",
    )
    held_after_bounces: int = Field(3, ge=1, description="Bounces in a row after which a subscriber is held [D].")
    held_after_days: float = Field(14, ge=0, description="The first and last of them lie further apart [D].")

    @field_validator("audience_profile", mode="before")
    @classmethod
    def _profile(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        found = {}
        for pair in filter(None, (one.strip() for one in value.split(","))):
            name, equals, choices = pair.partition("=")
            if not equals or "." not in name or not all(choices.split("|")):
                raise ValueError(f"{pair!r}: what people edit is given as DATAEXTENSION.FIELD=A|B")
            found[name.strip()] = choices.strip()
        return found
