"""How declarations, figures and failures are shown in Dagster.

What belongs here: metadata, column schemas, code references, failure texts. What does not: assets (defs) and
anything that computes. Metadata carries counts, hashes, ids and declared names, never a customer's value: the
event log is for ever.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg
import duckdb
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from et_platform.catalog.catalog import Declared
from et_platform.catalog.loader import CatalogError
from et_platform.catalog.models import CrmEntity, DataExtension
from et_platform.catalog.tracking import SQL_TYPES, Kind
from et_platform.crm.errors import CrmError
from et_platform.dbt.errors import DbtError
from et_platform.duckdb_support import without_values
from et_platform.exacttarget.errors import ExactTargetError
from et_platform.inbound.errors import InboundError
from et_platform.ingest.errors import IngestError
from et_platform.ledger.ledger import LedgerError
from et_platform.outbound.errors import OutboundError
from et_platform.segments.errors import SegmentError
from et_platform.settings import SettingsError
from et_platform.warehouse.lake import LakeBusy

EXPLAINED = (
    *(CatalogError, CrmError, DbtError, ExactTargetError, InboundError, IngestError),
    *(LakeBusy, LedgerError, OutboundError, SegmentError, SettingsError),
)
"""Errors whose message is already a paragraph for people, without secrets and personal data."""

ERROR = "error"
"""The metadata of a failure that names the kind of error."""

_EVENT_PII = {
    "SubscriberKey": "identifier",
    "SubscriberID": "identifier",
    "EmailAddress": "contact",
    **dict.fromkeys(("IpAddress", "City", "Latitude", "Longitude"), "profile"),
}
"""Columns of events that are about a person, and how."""
_IDENTIFIER = {"pii": "identifier"}


@contextmanager
def explained_failures() -> Iterator[None]:
    """Turn an explained error into a Dagster failure that shows its paragraph and is not retried in a loop."""
    try:
        yield
    except EXPLAINED as error:
        metadata = {ERROR: type(error).__name__}
        raise dg.Failure(description=str(error), metadata=metadata, allow_retries=False) from None
    except duckdb.Error as error:
        text = f"{type(error).__name__}: {without_values(str(error))} …"
        raise dg.Failure(
            description=f"The lake could not do this ({text}). Nothing was half done. If the disk is full, free some "
            "space and run this again; else report it with this text.",
            allow_retries=False,
        ) from None
    except SQLAlchemyError as error:
        # Never str(error): it carries the statement's parameters.
        cause = str(error.orig) if isinstance(error, DBAPIError) else type(error).__name__
        raise dg.Failure(
            description=f"The ledger could not be read or written ({cause.splitlines()[0]}). Nothing was half done. "
            "Free some disk space, or end what holds the ledger locked, and run this again.",
            allow_retries=False,
        ) from None
    except OSError as error:
        raise dg.Failure(
            description=f"A file could not be read or written: {error.strerror or type(error).__name__} "
            f"({error.filename or 'no name'}). Free some disk space or correct the rights, and run this again.",
            allow_retries=False,
        ) from None


def declaration_reference(declared: Declared) -> Mapping[str, Any]:
    """Metadata that links an asset to the YAML file that declares it."""
    return {
        "dagster/code_references": dg.CodeReferencesMetadataValue(
            code_references=[
                dg.LocalFileCodeReference(file_path=str(declared.path.resolve()), line_number=1, label="declaration")
            ]
        )
    }


def entity_schema(entity: CrmEntity, names: Collection[str] | None = None) -> dg.TableSchema:
    """The CRM columns as Dagster shows them: all, or those with these names."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name,
                _typed(column.type, column.precision, column.scale) if column.type == "decimal" else column.type,
                description=column.description or None,
                tags={} if column.pii == "none" else {"pii": column.pii},
                constraints=dg.TableColumnConstraints(nullable=name not in entity.keys),
            )
            for name, column in entity.columns.items()
            if names is None or name in names
        ]
    )


def data_extension_schema(data_extension: DataExtension) -> dg.TableSchema:
    """The fields as Dagster shows them."""
    columns = []
    for name, field in data_extension.fields.items():
        type_ = field.type if field.max_length is None else f"{field.type}({field.max_length})"
        if field.type == "Decimal":
            type_ = _typed(field.type, field.precision, field.scale)
        columns.append(
            dg.TableColumn(
                name,
                type_,
                description=field.description or None,
                tags={"owner": field.owner} | ({} if field.pii == "none" else {"pii": field.pii}),
                constraints=dg.TableColumnConstraints(
                    nullable=not (field.required or field.key), other=["primary key"] if field.key else []
                ),
            )
        )
    return dg.TableSchema(columns=columns)


def event_schema(columns: Mapping[str, Kind]) -> dg.TableSchema:
    """The columns of an event type as Dagster shows them, and where in which file each event stands."""
    return dg.TableSchema(
        columns=[
            *(
                dg.TableColumn(name, SQL_TYPES[kind], tags={"pii": _EVENT_PII[name]} if name in _EVENT_PII else {})
                for name, kind in columns.items()
            ),
            dg.TableColumn("_folded_key", "VARCHAR", "The subscriber key as ExactTarget compares it", tags=_IDENTIFIER),
            dg.TableColumn("_file", "VARCHAR", "The extract file that told of it first"),
            dg.TableColumn("_sha256", "VARCHAR", "The hash of that file's content"),
            dg.TableColumn("_member", "VARCHAR", "The file inside its archive"),
            dg.TableColumn("_line", "BIGINT", "The line inside the member"),
        ]
    )


def _typed(name: str, precision: int, scale: int) -> str:
    return f"{name}({precision},{scale})"


def column_lineage(
    names: Iterable[str], made_of: Mapping[str, Sequence[tuple[str, str, str]]]
) -> dg.TableColumnLineage:
    """Which columns each of `names` comes from, given them by name as (asset prefix, asset name, column)."""
    return dg.TableColumnLineage(
        {
            name: [dg.TableColumnDep(dg.AssetKey([prefix, asset]), column) for prefix, asset, column in made_of[name]]
            for name in names
        }
    )


def mapping_table(declared: Declared[DataExtension]) -> dg.MarkdownMetadataValue:
    """The same lineage as a table that people can read."""
    rows = [
        (
            name,
            field.type,
            field.source or "whether the row is gone",
            field.owner,
            "yes" if field.required or field.key else "",
        )
        for name, field in declared.is_.fields.items()
    ]
    return dg.MetadataValue.md(markdown_table(("field", "type", "column or expression", "owner", "required"), rows))


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; pipes in cells are escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)
