"""Every behaviour and timing that no fact settles, as a named setting with its likeliest default.

What belongs here: one field per unconfirmed [K] (or deployment-dependent) behaviour, with what its values mean.
What does not: confirmed behaviour; that is code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

Bucket = Literal["successful", "duplicated", "errors"]
"""Under which figure of ImportResultsSummary a row is counted."""


class Behaviour(BaseModel):
    """The settings of one simulator. Give them on the command line as `--set name=value`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Access
    token_seconds: int = Field(1079, description="Life of an access token, in seconds [R].")
    user_token_seconds: float = Field(30, description="Life of a token that Execute GetUserToken gives [D].")
    legacy_token_seconds: int = Field(3600, description="Life of a token of /v1/requestToken, in seconds [D].")
    legacy_token_for_v2_package: Literal["refuse", "issue"] = Field(
        "refuse", description="/v1/requestToken asked by a package that is not legacy: error 10007 [R], or a token."
    )
    check_scopes: bool = Field(True, description="Whether SOAP and REST ask for the scopes of the token [R].")
    system_status: Literal["OK", "InMaintenance", "UnplannedOutage"] = Field(
        "OK", description="What GetSystemStatus answers; unless OK every other operation faults."
    )
    always_on: Literal["status", "metadata"] = Field(
        "metadata", description="Unless OK: GetSystemStatus alone answers, or Describe and VersionInfo too [K]."
    )

    soap_requests_per_minute: int = Field(0, ge=0, description="SOAP calls let through for a unit; 0: all [3].")
    rest_requests_per_minute: int = Field(0, ge=0, description="REST calls let through for a unit; 0: all [D].")
    rest_rate_answer: Literal["50100", "50200"] = Field(
        "50100", description="The error of further ones: with Retry-After, or blocked [D]."
    )
    token_requests_per_minute: int = Field(0, ge=0, description="Tokens given to a package; 0: all [D].")

    # Rows over REST
    rowset_token_minutes: float = Field(1440, description="How long the pages of a rowset can be read on [K].")
    rest_all_or_nothing: bool = Field(True, description="A bad row of a dataevents call keeps all others out [K].")
    rest_null_values: Literal["accept", "refuse"] = Field(
        "accept", description="A null in a dataevents call: null, or error 10006 [3]."
    )
    async_rows_seconds: float = Field(0, ge=0, description="Between an async call and the writing of its rows.")
    async_rows_all_or_nothing: bool = Field(False, description="A bad row of an async call keeps all others out [K].")

    # Business units
    child_queries_all_accounts: bool = Field(
        False, description="QueryAllAccounts asked by a child: all units answer, or its own only [K]."
    )
    shared_prefix: Literal["enterprise", "unknown"] = Field(
        "enterprise", description="ENT. before a key or name over SOAP and REST: a shared one, or part of the key [K]."
    )

    # Limits
    page_rows: int = Field(2500, ge=1, description="Most results in one Retrieve reply [D].")
    concurrent_imports: int = Field(10, ge=1, description="Imports that run at once [D].")
    sftp_connections: int = Field(10, ge=1, description="SFTP connections at once; further ones are refused [D].")
    sftp_idle_seconds: float = Field(600, ge=0, description="A connection that sends nothing so long is closed [D].")
    sftp_bad_passwords: int = Field(5, ge=0, description="Bad passwords that lock a user out [D, K]; 0: never.")
    sftp_lock_minutes: float = Field(30, ge=0, description="How long a user is locked out [D].")
    sftp_keep_days: float = Field(21, ge=0, description="Files are removed once they are older [D]; 0: never.")
    sftp_overwrite: bool = Field(True, description="A file may be written over under its own name [K].")
    sftp_rename_replaces: bool = Field(False, description="A plain rename replaces a file of the new name [K].")
    sftp_posix_rename: bool = Field(True, description="The server has OpenSSH's renaming that replaces [K].")
    sftp_tells_limits: bool = Field(True, description="The server tells how big requests may be [K].")
    customer_key_length: int = Field(200, description="Longest customer key of a data extension [R].")
    continue_minutes: float = Field(60, description="How long a RequestID can be continued [K].")

    # Retrieve
    row_order: Literal["insertion", "key"] = Field(
        "insertion", description="Order of a data extension's rows over pages: as they came, or by primary key [K]."
    )
    data_filter_operators: Literal["accept", "refuse"] = Field(
        "accept",
        description="Operators documented for a DataFilter only (beginsWith, isAnniversary ...) in a Retrieve [D, K].",
    )

    unknown_type_description: Literal["empty", "absent"] = Field(
        "empty", description="Describe of an unknown type: a definition without properties, or none [K]."
    )
    version: str = Field("1.0", description="What VersionInfo tells [K].")

    # Asynchronous requests over SOAP
    async_delay_seconds: float = Field(0, ge=0, description="Between an asynchronous request and its effect.")
    async_queued_message: str = Field("Queued", description="StatusMessage of an accepted asynchronous request [K].")
    calls_mismatch_code: int = Field(
        200, description="ErrorCode of a part with another CallsInConversation: 200, or 201 (total mismatch) [D, K]."
    )
    insecure_callbacks: Literal["refuse", "accept"] = Field(
        "refuse", description="SendResponseTo an http address: error 227, or taken as older accounts do [D]."
    )

    # Timing of imports
    import_delay_seconds: float = Field(0, description="Between Perform and Processing.")
    import_processing_seconds: float = Field(0, description="Spent in Processing before any effect.")
    summary_delay_seconds: float = Field(
        0.2, description="After Perform, ImportResultsSummary shows nothing for so long [D: 'may be empty']."
    )
    queued_word: str = Field("New", description="ImportStatus of a waiting task: New [D], or Queued [K].")
    processing_word: str = Field("Processing", description="ImportStatus while a task reads its file [D].")
    writing_word: str = Field("IOWork", description="ImportStatus while a task writes its rows [D].")
    destination_id: Literal["object_id", "customer_key"] = Field(
        "object_id", description="What DestinationID shows; the documentation contradicts itself [D]."
    )

    # How an import reads a file
    blank_means_null: bool = Field(True, description="An empty text field of a file becomes null [K].")
    default_encoding: str = Field("utf-8-sig", description="Encoding when EncodingCodePage is absent [K].")
    default_header_lines: int = Field(1, ge=0, description="Heading lines when HeaderLines is absent [K].")
    ragged_rows: Literal["errors", "pad"] = Field(
        "errors", description="Rows with too few or too many fields: an error, or padded and cut [K]."
    )
    unknown_headings: Literal["ignore", "fail"] = Field(
        "ignore", description="Headings that name no field: left out, or the import fails [K]."
    )
    locale_decimals: bool = Field(
        True, description="DateFormattingLocale counts for decimals too: 1,5 is a number where it is written so [K]."
    )
    blank_files: Literal["fail_when_empty", "fail", "process", "skip"] = Field(
        "fail_when_empty",
        description="A file without a row: an error only without headings too, an error, no rows (Overwrite then "
        "clears), or no effect; the product has the choice, SOAP does not [R, K].",
    )
    import_filter: Literal["refuse", "ignore"] = Field(
        "refuse", description="A definition with a Filter, whose meaning no fact tells: refused, or it has no effect."
    )
    file_locations: Mapping[str, str] = Field(
        {}, description="Further file locations as KEY=FOLDER,KEY=FOLDER, below Import; the product has them [D]."
    )
    file_age_offset: Literal["extends", "shortens", "ignored"] = Field(
        "extends", description="What MaxFileAgeScheduleOffset does to MaxFileAge [K]."
    )
    check_email_format: bool = Field(True, description="EmailAddress values must look like an address [K].")
    file_name_zone: Literal["server", "utc"] = Field(
        "server", description="In which zone %%Year%% and its like are evaluated [K]."
    )

    # How an import treats rows
    duplicates: Literal["last", "first", "reject"] = Field(
        "last", description="Which row of those with one key in one file is applied; reject: none [3]."
    )
    add_only_existing: Bucket = Field("duplicated", description="Row that exists already, under an add-only type.")
    update_only_missing: Bucket = Field("errors", description="Row that is not there, under an update-only type.")
    delete_missing: Bucket = Field("successful", description="Delete of a row that is not there.")
    control_without_action: Literal["error", "skip"] = Field(
        "error", description="Row whose control value has no action, and no default action is set [K]."
    )
    skipped_rows: Bucket = Field("successful", description="Row whose control column says Skip.")
    stopped_import: Literal["keep", "rollback"] = Field(
        "keep", description="AllowErrors=false: rows before the first bad one stay, or go [K: they stay]."
    )
    stopped_import_status: Literal["Error", "Completed"] = Field(
        "Error", description="ImportStatus when AllowErrors=false met a bad row [K]."
    )

    # Import definitions
    import_names: Literal["unique", "free"] = Field(
        "unique", description="Whether two definitions may have one Name; the product's activities may not [K]."
    )
    delete_validates: bool = Field(
        True, description="Deleting a definition that is no longer valid fails, without a reason [D]."
    )
    second_start: Literal["queue", "refuse"] = Field(
        "queue", description="Perform while the definition's last task still runs: one more task, or an error [K]."
    )
    too_frequent: Literal["error", "refuse"] = Field(
        "error", description="Perform within MaxImportFrequency: a task that ends in error, or an error at once [K]."
    )
    report_rows: int = Field(1000, ge=0, description="Most rejected rows that the e-mail after an import lists [K].")

    # Retention of data extensions
    retention_hour: float = Field(
        2, ge=0, lt=24, description="Hour of the day, in server time, at which expired rows go: by night [D], when [K]."
    )
    retention_recurs: bool = Field(
        False,
        description="All rows went at the end of a period: a new period begins, or later rows go every night [K].",
    )

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
        "refuse", description="Asking for what is not simulated: NotSent, SendJobs, local time zones and so on."
    )
    extract_max_days: float = Field(30, description="Longest window of a tracking extract, in days [3].")

    # What extract files contain
    extract_inclusive_end: bool = Field(False, description="Whether an event at EndDate belongs to the window [K].")
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

    # How rows and definitions are written over SOAP
    unknown_row_fields: Literal["drop", "error"] = Field(
        "drop", description="Property names that the data extension lacks: dropped silently [D], or an error."
    )
    subscriber_key_permission: bool = Field(
        True, description="Subscriber keys are in use: LogUnsubEvent wants more than an EmailAddress [D, K]."
    )
    unknown_category: Literal["refuse", "keep"] = Field(
        "refuse", description="A CategoryID that is no folder for data extensions: error 310007, or kept as it is [K]."
    )
    name_taken_code: int = Field(1, description="ErrorCode of a data extension whose name is taken [D, K].")

    @field_validator("file_locations", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        found = {}
        for pair in filter(None, (one.strip() for one in value.split(","))):
            key, equals, folder = (part.strip() for part in pair.partition("="))
            if not (key and equals and folder) or Path(folder).is_absolute() or ".." in Path(folder).parts:
                raise ValueError(f"{pair!r} must be a key and a folder below Import, as Feeds=feeds/daily")
            found[key] = folder
        return found

    @classmethod
    def from_pairs(cls, pairs: Iterable[str]) -> Self:
        """Read `name=value` texts. Raises ValueError that names the setting and what it takes."""
        values: dict[str, str] = {}
        for pair in pairs:
            name, equals, value = pair.partition("=")
            if not equals:
                raise ValueError(f"{pair!r}: a setting is given as name=value")
            values[name.strip()] = value.strip()
        unknown = sorted(values.keys() - cls.model_fields.keys())
        if unknown:
            raise ValueError(f"no such setting: {', '.join(unknown)}; there are {', '.join(cls.model_fields)}")
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            raise ValueError(f"setting {name}={values.get(name)!r}: {first['msg']}") from error
