"""A fault: where it strikes, when, and how often. The base of every effect.

What belongs here: what all faults share. What does not: the effects and their own parameters (`effects.py`), deciding
whether a fault strikes (`plan.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

At = Literal["soap", "rest", "rows", "import", "extract", "sftp"]
"""A place of effect: a SOAP call, any other HTTP request, the rows of a SOAP write, an import, an extract, the FTP."""

When = Literal["before", "during", "after"]
"""Before anything was done, half-way, or once all is done and only the answer is missing."""

ALWAYS = "always"


class Fault(BaseModel):
    """What every fault says beside its effect. Patterns are file patterns (`*`, `?`, `[…]`), in any case.

    A fault meets an occasion when all of its patterns fit; of the occasions that it meets it lets `skip` pass, then
    strikes with `probability`, `times` times at most, and no longer than `lasts` seconds after it struck first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    places: ClassVar[Mapping[At, tuple[When, ...]]] = {}
    """Where and when the effect can take place; the first of each is the default."""

    effect: str
    name: str = Field("", pattern=r"^[A-Za-z0-9_.-]{0,60}$", description="Default: the effect and a number.")
    at: At
    when: When
    operation: str = Field(
        "*",
        description="soap: the action; rest: the HTTP method; rows: Create, Update, Delete; import: the update type; "
        "extract: tracking, data_extension; sftp: login, list, stat, open, read, write, close, rename, remove, mkdir.",
    )
    object: str = Field("*", description="soap: the type, such as DataExtensionObject.")
    key: str = Field(
        "*", description="A customer key: of a data extension or a definition; imports also by that of their target."
    )
    path: str = Field("*", description="rest: the path, such as /v2/token.")
    file: str = Field("*", description="import, extract: the file; sftp: its path or its name.")
    mid: str = Field("*", description="The business unit.")
    continued: bool | None = Field(None, description="soap: whether the call is a Retrieve's second or later page.")
    skip: int = Field(0, ge=0, description="So many occasions pass first.")
    times: int | Literal["always"] = Field(1, description="How often it strikes at most, or `always`.")
    probability: float = Field(1.0, gt=0, le=1, description="Of striking when it could; drawn from the seed.")
    lasts: float | None = Field(None, gt=0, description="Seconds from its first strike; `times` is `always` then.")

    @model_validator(mode="before")
    @classmethod
    def _placed(cls, given: Any) -> Any:
        """Fill in the usual place and moment, and see that the effect is possible there."""
        if not isinstance(given, dict):
            return given
        places = {str(at): moments for at, moments in cls.places.items()}
        filled = {"at": next(iter(places))} | given
        moments = places.get(filled["at"])
        if moments is None:
            raise ValueError(f"at: {given['effect']} is possible at {' and '.join(places)}, not at {filled['at']!r}")
        filled = {"when": moments[0]} | filled
        if filled["when"] not in moments:
            raise ValueError(
                f"when: {given['effect']} at {filled['at']} is possible {' and '.join(moments)} the effect, not "
                f"{filled['when']!r}"
            )
        return ({"times": ALWAYS} if filled.get("lasts") is not None else {}) | filled

    @field_validator("times")
    @classmethod
    def _at_least_once(cls, value: int | str) -> int | str:
        if isinstance(value, int) and value < 1:
            raise ValueError(f"must be 1 or more, or {ALWAYS}")
        return value

    @property
    def given(self) -> dict[str, Any]:
        """The fault as a mapping of what is not usual, which makes the same fault again."""
        usual = self.model_dump(mode="json", exclude_defaults=True)
        return {"effect": self.effect, "at": self.at, "when": self.when} | usual
