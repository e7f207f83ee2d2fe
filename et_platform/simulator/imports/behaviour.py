"""Settings of imports that no fact settles, with their likeliest defaults.

What belongs here: those of the import engine and its definitions. What does not: all others (`../behaviour.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Bucket = Literal["successful", "duplicated", "errors"]
"""Under which figure of ImportResultsSummary a row is counted."""


class ImportBehaviour(BaseModel):
    """The settings of imports."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
    first_ordinal: int = Field(
        1, ge=0, le=1, description="SourceOrdinal of a file's first column: 1 [D], or 0 as in a documented sample [D]."
    )
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
    file_transfers: Mapping[str, str] = Field(
        {}, description="File Transfer activities as KEY=FILE,KEY=FILE: Perform unpacks it into the Safehouse [D]."
    )
    file_transfer_seconds: float = Field(
        0.0, ge=0, description="How long after Perform's answer a transfer has ended; 0: before the answer [K]."
    )
    pgp_secret_key: str = Field(
        "",
        description="File of the OpenPGP key by which File Transfer activities decrypt before they unpack; the product "
        "has it in its Key Management [K].",
    )
    file_age_offset: Literal["extends", "shortens", "ignored"] = Field(
        "extends", description="What MaxFileAgeScheduleOffset does to MaxFileAge [K]."
    )
    check_email_format: bool = Field(True, description="EmailAddress values must look like an address [K].")
    file_name_zone: Literal["server", "utc"] = Field(
        "server", description="In which zone %%Year%% and its like are evaluated [K]."
    )

    # How an import treats rows
    duplicates: Literal["by_update_type", "last", "first", "reject"] = Field(
        "by_update_type",
        description="Which row of those with one key in one file is applied: by_update_type the first under add-only, "
        "else the last; reject: none [3; which type keeps which: K].",
    )
    add_only_existing: Bucket = Field("duplicated", description="Row that exists already, under an add-only type.")
    update_only_missing: Bucket = Field("errors", description="Row that is not there, under an update-only type.")
    delete_missing: Bucket = Field("successful", description="Delete of a row that is not there.")
    control_without_action: Literal["error", "skip"] = Field(
        "error", description="Row whose control value has no action, and no default action is set [K]."
    )
    skipped_rows: Bucket = Field("successful", description="Row whose control column says Skip.")
    list_import_resubscribes: bool = Field(
        False, description="An import to a list makes those Active who unsubscribed [K]."
    )
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

    @field_validator("file_locations", "file_transfers", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        found = {}
        for pair in filter(None, (one.strip() for one in value.split(","))):
            key, equals, path = (part.strip() for part in pair.partition("="))
            if not (key and equals and path) or Path(path).is_absolute() or ".." in Path(path).parts:
                raise ValueError(f"{pair!r} must be a key and a path below Import, as Feeds=feeds/daily")
            found[key] = path
        return found
