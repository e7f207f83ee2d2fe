"""Settings of sends that no fact settles, with their likeliest defaults.

What belongs here: those of sends. What does not: all others (`../behaviour.py`).
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


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
