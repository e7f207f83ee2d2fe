"""Getting into a PostgreSQL database.

What belongs here: opening a session, and the errors of the way there. What does not: what is asked in it (postgres.py,
postgres_write.py).
"""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from et_platform.crm.errors import CrmAuthenticationFailed, CrmError, CrmUnreachable
from et_platform.crm.values import Kind

UNIFORM_TEXT = {
    "TimeZone": "UTC",
    "DateStyle": "ISO",
    "IntervalStyle": "iso_8601",
    "extra_float_digits": "1",
    "bytea_output": "hex",
}
"""Settings under which the server's text of a value depends on nothing but the value."""
_KINDS: dict[str, Kind] = {
    "bool": "boolean",
    "int2": "integer",
    "int4": "integer",
    "int8": "integer",
    "numeric": "number",
    "float4": "number",
    "float8": "number",
    "text": "text",
    "varchar": "text",
    "bpchar": "text",
    "date": "date",
    "timestamp": "timestamp",
    "timestamptz": "timestamp",
}
_REFUSALS = ("authentication failed", "no password supplied", "no pg_hba.conf entry", 'FATAL:  role "')


def open_session(conninfo: str, settings: Mapping[str, str]) -> "tuple[str, psycopg.Connection[Any]]":
    """Open the database at a libpq URI under `settings`; returns the complete conninfo and the session.

    Raises CrmUnreachable, CrmAuthenticationFailed or CrmError.
    """
    try:
        given = conninfo_to_dict(conninfo)
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        parameters = {"connect_timeout": "10", "application_name": "et_platform", **given}
        parameters["options"] = f"{given.get('options', '')} {options}".strip()
        parameters["client_encoding"] = "UTF8"
        complete = make_conninfo(**parameters)
    except psycopg.Error as error:
        # The cause might quote the URL, password and all.
        reason = _without_password(str(error), conninfo)
        raise CrmError(f"The CRM's PostgreSQL URL cannot be used: {reason}. Correct it.") from None
    place = f"{given.get('dbname', 'database')} at {given.get('host', 'the local server')}"
    try:
        return complete, psycopg.connect(complete)
    except psycopg.OperationalError as error:
        reason = _without_password(" ".join(str(error).split()), str(given.get("password") or ""))
        if any(refusal in str(error) for refusal in _REFUSALS):
            raise CrmAuthenticationFailed(
                f"The CRM's PostgreSQL database {place} does not let user {given.get('user', '(none given)')} in: "
                f"{reason}. Correct user and password in the CRM's URL, or the server's access rules."
            ) from None
        raise CrmUnreachable(
            f"The CRM's PostgreSQL database {place} cannot be reached: {reason}. See whether the server runs, "
            "and whether host, port and database in the CRM's URL are right."
        ) from None


def kind_of(session: "psycopg.Connection[Any]", type_code: int) -> Kind:
    """What a type of this number stores."""
    known = session.adapters.types.get(type_code)
    return _KINDS.get(known.name, "other") if known else "other"


def visible_tables(session: "psycopg.Connection[Any]") -> list[str]:
    """The names of all tables and views that the user may see, as they are written in a declaration."""
    rows = session.execute(
        "SELECT CASE WHEN table_schema = current_schema() THEN table_name"
        " ELSE table_schema || '.' || table_name END FROM information_schema.tables"
        " WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
    )
    return [row[0] for row in rows]


def _without_password(text: str, secret: str) -> str:
    return text.replace(secret, "***") if secret else text
