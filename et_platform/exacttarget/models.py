"""What the client takes and gives: plain frozen values.

Belongs here: data extensions, fields, import definitions and results, results of row writes, files. Does not:
anything that talks, zeep's objects. Where a docstring names a fact's strength, see the package's docstring.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Literal

from pydantic import SecretStr

SERVER_TIME = timezone(timedelta(hours=-6))
"""ExactTarget's own time: US Central without daylight saving, all year [D]."""
EXPORT = "Export"
"""The Enhanced FTP's folder in which extract files appear [D]."""


class SystemStatus(Enum):
    """What GetSystemStatus answers [W]. Anything but OK: queue the work and ask again after a minute or more."""

    OK = "OK"
    InMaintenance = "InMaintenance"
    UnplannedOutage = "UnplannedOutage"


class FieldType(Enum):
    """A field's type [W]. `Unknown` is never sent: it stands for a type that only a newer service has."""

    Text = "Text"
    Number = "Number"
    Date = "Date"
    Boolean = "Boolean"
    EmailAddress = "EmailAddress"
    Phone = "Phone"
    Decimal = "Decimal"
    Locale = "Locale"
    Base16Encrypted = "Base16Encrypted"
    Base16EncryptedEmail = "Base16EncryptedEmail"
    Unknown = "Unknown"

    @classmethod
    def _missing_(cls, value: object) -> "FieldType":
        return FieldType.Unknown


@dataclass(frozen=True, kw_only=True)
class Field:
    """A field of a data extension. Names compare without case [R]."""

    name: str
    type: FieldType
    max_length: int | None = None
    """Characters of a text (None: unlimited); all digits of a Decimal [D]."""
    scale: int | None = None
    """Digits after the point of a Decimal."""
    is_primary_key: bool = False
    is_required: bool = False
    default: str | None = None


RetentionUnit = Literal["Days", "Weeks", "Months", "Years"]


@dataclass(frozen=True, kw_only=True)
class Retention:
    """How long rows are kept: for a period, or until a moment. Setting it needs a permission of its own [D].

    Beware of the service's own word: it calls the flag for rows alone DeleteAtEndOfRetentionPeriod, and without that
    flag a period for all rows takes the data extension too [R]. Here that must be asked for.
    """

    length: int | None = None
    """The period, in units; None: there is a moment."""
    unit: RetentionUnit = "Days"
    until: datetime | None = None
    """Aware: all rows go then. Only where there is no period."""
    row_based: bool = False
    """Each row goes on its own day; else all rows go at the end of the period."""
    reset_on_import: bool = False
    """The period begins anew with each import."""
    with_data_extension: bool = False
    """At the end the data extension goes too, with its definition. Never with `row_based`."""

    def __post_init__(self) -> None:
        if (self.length is None) == (self.until is None):
            raise ValueError("a retention has a period (length, unit) or a moment (until): give one of them")
        if self.until is not None and self.until.tzinfo is None:
            raise ValueError("until must be aware: without a time zone nobody knows when that is")
        if self.row_based and (self.with_data_extension or self.length is None):
            raise ValueError("each row's own day needs a period, and never takes the data extension")


@dataclass(frozen=True, kw_only=True)
class DataExtension:
    """A data extension's definition. To send: key, name and fields; the rest is optional or comes back."""

    customer_key: str
    """Up to 36 characters are safe everywhere; the service takes 200 [R]."""
    name: str
    """Unique in the account."""
    fields: tuple[Field, ...] = ()
    """In the order of the data extension."""
    description: str = ""
    category_id: int | None = None
    """The folder."""
    sendable_field: str | None = None
    """The field that relates a row to a subscriber; None: not sendable."""
    sendable_subscriber_field: str | None = None
    """`Subscriber Key` or `Email Address`; the service's own `_SubscriberKey` is read back as the former [R]."""
    object_id: str | None = None
    is_sendable: bool | None = None
    """As read; to send, `sendable_field` decides."""
    is_testable: bool | None = None
    template_key: str | None = None
    """To send: the template after which it is made. It is not read back."""
    retention: Retention | None = None
    """None: rows stay."""
    created_at: datetime | None = field(default=None, compare=False)
    """Aware, as read; so is the next."""
    modified_at: datetime | None = field(default=None, compare=False)
    """When the definition was changed, not its rows."""


UpdateType = Literal["AddAndUpdate", "AddAndDoNotUpdate", "UpdateButDoNotAdd", "Overwrite", "ColumnBased"]
"""How an import treats rows [W]. Beware: `Overwrite` erases the whole data extension first [D]."""

FieldMapping = Literal["InferFromColumnHeadings", "MapByOrdinal", "ManualMap"]
ControlAction = Literal["AddAndUpdate", "AddButDoNotUpdate", "Delete", "Skip", "UpdateButDoNotAdd"]

ENHANCED_FTP = "ExactTarget Enhanced FTP"
"""The stock file location's key; it stands for the folder `Import` [D]."""

UTF_8 = 65001
"""Code page of UTF-8 [K]."""


@dataclass(frozen=True, kw_only=True)
class FieldMap:
    """One mapped column: `source` is a heading (ManualMap) or a position from 1 (MapByOrdinal)."""

    source: str | int
    destination: str


@dataclass(frozen=True, kw_only=True)
class ImportDefinition:
    """How a file of the folder `Import` goes into a data extension, or onto a list: one of the two is given."""

    customer_key: str
    """At most 36 characters [R]."""
    name: str
    destination_key: str = ""
    """The data extension's customer key."""
    destination_list: int | None = None
    """The list's number: a list has no other name here [D]."""
    file_spec: str
    """The exact file name, with no folder; no wildcard is documented [D]."""
    update_type: UpdateType = "AddAndUpdate"
    field_mapping: FieldMapping = "InferFromColumnHeadings"
    field_maps: tuple[FieldMap, ...] = ()
    file_type: Literal["CSV", "TAB", "Other"] = "CSV"
    delimiter: str = ","
    """Sent only with the file type Other: the other types imply theirs."""
    encoding: int | None = UTF_8
    """EncodingCodePage; None leaves it to the account's setting."""
    header_lines: int | None = None
    """None leaves it out, which with InferFromColumnHeadings means one line [K]."""
    standard_quoted_strings: bool = True
    allow_errors: bool = True
    """False stops at the first bad row, and what was loaded stays [K]."""
    location: str = ENHANCED_FTP
    control_column: str | None = None
    """With ColumnBased: the file's column whose value picks the row's action."""
    control_actions: Mapping[str, ControlAction] = field(default_factory=dict)
    control_default_action: ControlAction | None = None
    description: str = ""
    max_file_age_hours: int | None = None
    """An older file is not imported [D]."""
    max_file_age_offset_hours: int | None = None
    """Added to it where the import is scheduled [D]."""
    max_import_frequency_hours: int | None = None
    """Not started again before so many hours have passed [D]."""
    delete_file: bool = False
    """Remove the file after the import."""
    notify: str | None = None
    """Address to which a report is mailed."""
    null_representation: str | None = None
    """The text that stands for null in the file."""
    end_of_line: str | None = None
    date_locale: str | None = None
    """How dates and numbers are written, `en-US` if None [D]."""
    filter: str | None = None
    object_id: str | None = None
    """As read."""


@dataclass(frozen=True, kw_only=True)
class ImportResult:
    """One import task, as ImportResultsSummary tells it. Row errors are not told over SOAP [D]."""

    task_id: int
    definition_key: str
    status: str
    """New, Queued, Processing, IOWork, Completed, Error, Unknown, or a newer word. Completed may hide errors [D]."""
    successful: int
    duplicated: int
    errors: int
    restricted: int | None
    """None: the service did not report this figure, which is not the same as 0."""
    total_rows: int
    started: datetime | None
    """Aware; None while it has not, and where the service's text cannot be read as a time."""
    ended: datetime | None
    destination: str | None = None
    """The data extension's object id or its key, for the documentation contradicts itself; a list's number."""

    @property
    def is_terminal(self) -> bool:
        """Whether the task ended. Unknown words count as running: time decides, not this client."""
        return self.status.casefold() in ("completed", "error")


@dataclass(frozen=True, kw_only=True)
class FieldError:
    """Why one field of a row was refused. The message may quote the value, so it stays out of `repr`."""

    name: str
    code: int | None
    message: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class RowResult:
    """The outcome of one row of a write; `row` is its position in the sequence that was handed over, from 0."""

    row: int
    ok: bool
    code: int | None = None
    message: str = field(default="", repr=False)
    """In the service's words; may quote values."""
    field_errors: tuple[FieldError, ...] = ()
    """All fields that were refused, not just the first [D]."""


SubscriberStatus = Literal["Active", "Bounced", "Held", "Unsubscribed", "Deleted"]
"""A subscriber's status on All Subscribers [W]. Bounced is still mailable; Held and Unsubscribed are not [D]."""


EmailType = Literal["HTML", "Text"]
"""In which form a subscriber wants mail [W]."""


@dataclass(frozen=True, kw_only=True)
class Subscriber:
    """A subscriber as read. Key, address and attributes are personal, and stay out of `repr`."""

    key: str = field(repr=False)
    email: str | None = field(default=None, repr=False)
    status: SubscriberStatus | Literal["Unknown"]
    """`Unknown` stands for a word that only a newer service has."""
    unsubscribed_at: datetime | None = None
    created_at: datetime | None = None
    id: int | None = None
    email_type: str | None = None
    """`HTML`, `Text`, or a newer word."""
    attributes: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    """The profile's values by name; they come along unasked [R]."""


@dataclass(frozen=True, kw_only=True)
class ListStatus:
    """What a subscriber shall be on one list. Never `delete` to opt out: who is added again is mailable again [D]."""

    list_id: int
    status: SubscriberStatus | None = None
    """None: as it is, Active for who comes new."""
    action: Literal["create", "update", "upsert", "delete"] = "upsert"


@dataclass(frozen=True, kw_only=True)
class SubscriberChange:
    """The status that a subscriber shall have; an address is needed only for who is to be added."""

    key: str = field(repr=False)
    status: SubscriberStatus | None
    """On All Subscribers; None leaves it as it is, for a change on lists alone."""
    email: str | None = field(default=None, repr=False)
    lists: tuple[ListStatus, ...] = ()
    email_type: EmailType | None = None
    attributes: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    """Values of the profile; those that are not named stay. Unknown names are dropped without a word [D]."""


@dataclass(frozen=True, kw_only=True)
class SubscriberResult:
    """The outcome of one change; `position` is its place in the sequence that was handed over, from 0."""

    position: int
    ok: bool
    code: int | None = None
    """12000 the address is invalid, 12001 there is no such subscriber [D], 12014 there is one already [R]."""
    message: str = field(default="", repr=False)
    """In the service's words; may quote values."""


@dataclass(frozen=True, kw_only=True)
class StatusChange:
    """How a subscriber's status on All Subscribers changed, in the words that these events have [D]."""

    key: str = field(repr=False)
    at: datetime | None
    """Aware."""
    current: str
    """`normal`, `held` or `unsub`."""
    previous: str = ""
    reason: str = field(default="", repr=False)
    """Why it was an opt-out."""


@dataclass(frozen=True, kw_only=True)
class MailingList:
    """A list of subscribers."""

    id: int
    name: str
    customer_key: str = ""
    description: str = ""
    type: str = ""
    """Public, Private, SalesForce, GlobalUnsubscribe, Master [W], or a newer word."""
    classification: str = ""
    """ExactTargetList, PublicationList, SuppressionList [W], or a newer word."""
    category_id: int = 0
    """The folder."""


@dataclass(frozen=True, kw_only=True)
class ListMember:
    """Somebody on a list. The key is personal, and stays out of `repr`."""

    key: str = field(repr=False)
    list_id: int
    status: SubscriberStatus | Literal["Unknown"]
    """On this list."""
    created_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file on the Enhanced FTP site."""

    name: str
    size: int
    """Bytes."""
    mtime: datetime
    """Aware, UTC."""
    folder: str = ""

    @property
    def path(self) -> str:
        """Folder and name, as `stat`, `get` and `remove` take it."""
        return f"{self.folder}/{self.name}" if self.folder else self.name


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A folder. One content type has one tree; `dataextension` is that of data extensions."""

    id: int
    """What a data extension has as `category_id`."""
    name: str
    content_type: str
    parent_id: int = 0
    """0: a root."""
    customer_key: str = ""
    description: str = ""
    is_editable: bool = True
    allows_children: bool = True


@dataclass(frozen=True, kw_only=True)
class ExtractKind:
    """One kind of extract, by its id."""

    id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class UserToken:
    """A token with which a person's browser enters the application; it lives 30 seconds [D]."""

    value: SecretStr
    login_url: str
    """Where a form posts it, as `UserToken`; `entityType` and the like go into the address [D]."""


@dataclass(frozen=True, kw_only=True)
class AsyncWrite:
    """A write that was handed over to be done later: the handles, and how many rows each one carries."""

    conversations: tuple[str, ...]
    rows: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class ObjectResult:
    """The outcome of one definition of a write that was handed over; `position` is its place in it, from 0."""

    position: int
    ok: bool
    code: int | None = None
    message: str = ""
    new_id: int | None = None
    """The number of what was made, where it has one (lists, folders)."""
    new_object_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class RestWrite:
    """How far the rows are that were handed over by REST, and why some were refused (messages may quote values)."""

    request_id: str
    is_done: bool
    has_errors: bool = False
    errors: tuple[str, ...] = field(default=(), repr=False)
