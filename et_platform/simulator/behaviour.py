"""Every behaviour and timing that no fact settles, as a named setting with its likeliest default.

What belongs here: one field per unconfirmed [K] (or deployment-dependent) behaviour, with what its values mean.
What does not: confirmed behaviour; that is code. Settings of imports and extracts stand with these
(`imports/behaviour.py`, `extracts/behaviour.py`, `queries/behaviour.py`, `sending/behaviour.py`) and are
inherited.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Self

from pydantic import Field, ValidationError

from et_platform.simulator.extracts.behaviour import ExtractBehaviour
from et_platform.simulator.imports.behaviour import ImportBehaviour
from et_platform.simulator.queries.behaviour import QueryBehaviour
from et_platform.simulator.sending.behaviour import SendBehaviour


class Behaviour(ImportBehaviour, ExtractBehaviour, QueryBehaviour, SendBehaviour):
    """The settings of one simulator. Give them on the command line as `--set name=value`."""

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
    client_id_reaches_children: bool = Field(
        True, description="The enterprise acts for a child that Client/ID or ClientIDs name [D], or is refused [R]."
    )
    child_queries_all_accounts: bool = Field(
        False, description="QueryAllAccounts asked by a child: all units answer, or its own only [K]."
    )
    shared_prefix: Literal["enterprise", "unknown"] = Field(
        "enterprise", description="ENT. before a key or name over SOAP and REST: a shared one, or part of the key [K]."
    )

    # Limits
    page_rows: int = Field(2500, ge=1, description="Most results in one Retrieve reply [D].")
    concurrent_imports: int = Field(10, ge=1, description="Imports of one unit that run at once [D].")
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
    memory_mib: int = Field(
        1024, ge=256, description="What DuckDB may use, in MiB; beyond it works on disk. The process needs 200 more."
    )
    continue_minutes: float = Field(60, description="How long a RequestID can be continued [K].")

    # Retrieve
    row_order: Literal["insertion", "key"] = Field(
        "insertion", description="Order of a data extension's rows over pages: as they came, or by primary key [K]."
    )
    data_filter_operators: Literal["accept", "refuse"] = Field(
        "accept",
        description="Operators documented for a DataFilter only (beginsWith, isAnniversary ...) in a Retrieve [D, K].",
    )
    filter_definition_operators: Literal["documented", "all"] = Field(
        "documented",
        description="What a FilterDefinition takes for a field: the operators documented for its type [D], or whatever "
        "a Retrieve takes for that type [K].",
    )
    one_value_of_in: Literal["whole", "split"] = Field(
        "whole",
        description="IN with a single Value that has commas: one value, or several [K]; documented are several Values.",
    )
    bare_sub_objects: Literal["empty", "refuse"] = Field(
        "empty",
        description="A Retrieve that names a sub-object alone, such as Client: nothing of it shows, or it is unknown."
        " Its properties must be named [D], but a client of the vendor asks for it by default [R].",
    )
    since_last_batch: Literal["bookmark", "ignore"] = Field(
        "bookmark",
        description="RetrieveAllSinceLastBatch of events: what came since the unit's last such call, or all [D, K].",
    )

    event_delay_seconds: float = Field(
        0,
        ge=0,
        description="An event shows over SOAP so long after it happened; a third party saw clicks lag by up to five"
        " minutes [3].",
    )
    automation_filters: Literal["equals", "all"] = Field(
        "equals", description="Filters of a Retrieve of Automation: equals and IN alone [3], or all."
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

    # Retention of data extensions
    retention_hour: float = Field(
        2, ge=0, lt=24, description="Hour of the day, in server time, at which expired rows go: by night [D], when [K]."
    )
    retention_recurs: bool = Field(
        False,
        description="All rows went at the end of a period: a new period begins, or later rows go every night [K].",
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
