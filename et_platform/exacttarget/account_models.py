"""What the service and an account tell of themselves: plain frozen values.

Belongs here: what `metadata.py`, and REST of the same, give. Does not: what a caller writes or reads in bulk
(`models.py`).
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Account:
    """An account as such: what Retrieve Account tells. Of who asked; other business units have their own."""

    mid: int
    name: str
    customer_key: str = ""
    account_type: str = ""
    parent_mid: int | None = None
    """None: the enterprise."""
    business_name: str = ""
    from_name: str = ""
    email: str = ""
    country: str = ""
    time_zone: str = ""
    """Of its people; the service's own time is the server's whatever this says [D]."""
    locale: str = ""
    edition_id: int | None = None
    is_active: bool = True
    is_test: bool = False
    created_at: datetime | None = None
    """Aware."""


@dataclass(frozen=True, kw_only=True)
class Template:
    """What a data extension can be made after."""

    customer_key: str
    name: str
    description: str = ""
    object_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class BusinessUnit:
    """A business unit (or the enterprise's own account)."""

    mid: int
    name: str
    parent_mid: int | None = None
    """None: the enterprise."""
    customer_key: str = ""
    account_type: str = ""
    is_active: bool = True


@dataclass(frozen=True, kw_only=True)
class PropertyDescription:
    """What Describe tells of a property. None: it does not tell."""

    name: str
    """With dots for what lies in sub-objects: `ParentFolder.ID`."""
    data_type: str
    is_retrievable: bool | None = None
    is_updatable: bool | None = None
    is_creatable: bool | None = None
    is_required: bool | None = None
    max_length: int | None = None


@dataclass(frozen=True, kw_only=True)
class Version:
    """What VersionInfo tells of the service."""

    version: str
    date: datetime | None
    """Aware."""
    history: tuple["Version", ...] = ()


@dataclass(frozen=True, kw_only=True)
class TokenContext:
    """Of whom an access token is."""

    enterprise_mid: int
    mid: int
    """The business unit."""
    user_id: int | None = None
