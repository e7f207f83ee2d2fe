"""Who is meant by a send: the rows of sendable data extensions, members of lists, less those excluded.

What belongs here: from the lists of an EmailSendDefinition to a relation of people. What does not: whether they are
mailed (`judging.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from et_platform.simulator import rows, schema
from et_platform.simulator.schema import DataExtension
from et_platform.simulator.sending.judging import MEANT
from et_platform.simulator.store import Connection
from et_platform.simulator.tracking.people import ALL_SUBSCRIBERS
from et_platform.simulator.tracking.subscribers import DELETED

SOURCE, EXCLUSION = "SourceList", "ExclusionList"
DATA_EXTENSION, LIST = "CustomObject", "List"


class NotSendable(Exception):
    """A source that cannot be sent to; the text says why."""


@dataclass(frozen=True)
class Source:
    """One list of a send: `kind` SourceList or ExclusionList; a data extension by ObjectID, else a list by number.

    A data extension may name a list besides: whoever has left that one is not mailed.
    """

    kind: str
    data_extension: str = ""
    list_id: int = ALL_SUBSCRIBERS


def check(data_extension: DataExtension) -> None:
    """Whether a data extension can be sent to. Raises NotSendable."""
    if data_extension.properties.get("IsSendable") != "true":
        raise NotSendable(f"The data extension {data_extension.customer_key} is not sendable.")
    if data_extension.field(data_extension.properties.get("SendableDataExtensionField.Name", "")) is None:
        raise NotSendable(f"The sendable field of the data extension {data_extension.customer_key} is missing.")


def mean(connection: Connection, sources: Sequence[Source]) -> None:
    """Put everybody whom the sources mean into MEANT, in their order. Raises NotSendable."""
    parts = [
        f"SELECT {number} AS source, *, {source.list_id} AS list_id, {source.kind == EXCLUSION} AS excluded"
        f" FROM ({_people(connection, source)})"
        for number, source in enumerate(sources)
    ]
    # An exclusion list takes away; it adds nobody who is not meant by another.
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE {MEANT} AS
        WITH every AS ({" UNION ALL ".join(parts)})
        SELECT row_number() OVER (ORDER BY source, place) AS place, key, email, list_id,
            lower(rtrim(key, ' ')) IN (SELECT lower(rtrim(key, ' ')) FROM every WHERE excluded) AS excluded
        FROM every WHERE NOT excluded AND key IS NOT NULL AND trim(key) <> ''"""
    )


def _people(connection: Connection, source: Source) -> str:
    """SQL of (place, key, email)."""
    if not source.data_extension:
        shown = "s.id AS place, s.key, CAST(NULL AS VARCHAR) AS email FROM tracking.subscribers s"
        if source.list_id == ALL_SUBSCRIBERS:
            return f"SELECT {shown} WHERE s.status <> '{DELETED}'"
        return (
            f"SELECT {shown} JOIN tracking.list_subscribers m ON m.subscriber_id = s.id WHERE m.list_id ="
            f" {source.list_id}"
        )
    found = schema.by_object_id(connection, source.data_extension)
    if found is None:
        raise NotSendable("A data extension of the send does not exist any more.")
    check(found)
    key = found.field(found.properties["SendableDataExtensionField.Name"])
    assert key is not None
    email = next((one for one in found.fields if one.type == "EmailAddress"), None)
    text = f"CAST({key.column} AS VARCHAR)"
    address = email.column if email else "CAST(NULL AS VARCHAR)"
    if found.properties.get("SendableSubscriberField.Name") == "_EmailAddress":
        address = text
    return f"SELECT {rows.ID} AS place, {text} AS key, {address} AS email FROM {rows.table(found)}"
