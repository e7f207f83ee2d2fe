"""What ExactTarget must have before a segment can run: data extensions, the activity, the automation of this one run.

What belongs here: making them, each the same however often it is done. What does not: starting (run.py).

The automation is the run's own, so that its status answers for this run alone. Its first step picks the rows; its
second writes one row into the data extension `ETP_Segment_Runs`: the run's id, with the number of rows that are there
then. Steps go in order, so this row says that the first step is over; a status alone may be of another run, and that of
a query cannot be asked for [D].
"""

from datetime import date, timedelta
from typing import TYPE_CHECKING

from et_platform.catalog.catalog import Catalog, Declared
from et_platform.catalog.conflicts import is_day
from et_platform.catalog.models import DataExtension as Declaration
from et_platform.catalog.segment import Condition, Segment, SegmentFilter
from et_platform.exacttarget.activity_models import Activity, DataFilter, Query
from et_platform.exacttarget.errors import ExactTargetError, NameTaken, Rejected
from et_platform.exacttarget.models import SERVER_TIME, DataExtension, Field, FieldType
from et_platform.ledger import segments as ledger
from et_platform.ledger.segments import SegmentRun
from et_platform.outbound.road import Road
from et_platform.outbound.schema import ensure_data_extension
from et_platform.segments.errors import SegmentRefused, WouldErase

if TYPE_CHECKING:
    from et_platform.exacttarget.client import ExactTarget
    from et_platform.exacttarget.filters import Filter

MARKS = "ETP_Segment_Runs"
RUN, SEGMENT, PICKED = "RunID", "Segment", "Picked"
"""The fields of a mark: the run's id, the segment's name, and how many rows its result had."""
_SYSTEM_EXCEPTION = 2
"""The code of whatever is wrong with an activity: its own codes are not known."""


def activity_key(declared: Declared[Segment]) -> str:
    """The customer key of a segment's query or filter, which stays from run to run."""
    return f"etp-segment-{declared.name}"


def prepare(
    road: Road,
    exacttarget: "ExactTarget",
    catalog: Catalog,
    declared: Declared[Segment],
    run: SegmentRun,
    *,
    replace: bool,
) -> None:
    """Make everything that this run needs; nothing is started.

    Raises DeclarationMismatch, WouldErase unless the rows that are there are to be replaced all the same, and
    SegmentRefused.
    """
    result = _as_data_extension(declared)
    ensure_data_extension(exacttarget, result, acknowledged=0, is_first_load=False)
    if not replace:
        _refuse_to_erase(road, exacttarget, declared)
    _ensure_marks(exacttarget)
    try:
        chosen = _activity(road, exacttarget, catalog, declared)
        mark = _mark(exacttarget, declared, run)
        exacttarget.automations.define(customer_key=run.automation_key, name=run.automation_key, steps=[chosen, mark])
    except ExactTargetError as error:
        if not isinstance(error, Rejected) and error.code != _SYSTEM_EXCEPTION:
            raise
        where = declared.at("query") if declared.is_.query is not None else declared.at("filter")
        raise SegmentRefused(
            f"{where}: ExactTarget does not take segment {declared.name} as it is declared. {error} Nothing was "
            "started, and the rows of its result are as they were. Correct the declaration and run it again."
        ) from error


def clean_up(exacttarget: "ExactTarget", run: SegmentRun) -> None:
    """Take away what belongs to this run alone; its result, its query or filter stay."""
    exacttarget.automations.delete(customer_key=run.automation_key)
    exacttarget.queries.delete(customer_key=run.automation_key)
    exacttarget.rows.delete(customer_key=MARKS, keys=[{RUN: run.id}])  # one that is not there is no error here


def _as_data_extension(declared: Declared[Segment]) -> Declared[Declaration]:
    """The result as a declared data extension, so that what is wrong with it is said with file and line."""
    lines = {at[1:]: line for at, line in declared.lines.items() if at[:1] == ("into",)}
    return Declared(declared.name, declared.path, declared.is_.result, {**declared.lines, **lines})


def _refuse_to_erase(road: Road, exacttarget: "ExactTarget", declared: Declared[Segment]) -> None:
    """A run replaces the rows of its result: they must be a segment's."""
    key = declared.is_.into.customer_key
    if ledger.has_written(road.ledger, road.mid, key):
        return
    field = declared.is_.result.key_field
    if any(batch.num_rows for batch in exacttarget.rows.read(customer_key=key, fields=[field], batch_size=1)):
        raise WouldErase(
            f"{declared.at('into', 'customer_key')}: the data extension {key} holds rows that no known run of a "
            "segment put there, and a run replaces them all. Nothing was changed. Choose another customer key; or, if "
            f"these rows may go, run `etp segment run {declared.name} --replace` once."
        )


def _ensure_marks(exacttarget: "ExactTarget") -> None:
    if exacttarget.data_extensions.get(customer_key=MARKS) is not None:
        return
    fields = (
        Field(name=RUN, type=FieldType.Text, max_length=32, is_primary_key=True, is_required=True),
        Field(name=SEGMENT, type=FieldType.Text, max_length=50),
        Field(name=PICKED, type=FieldType.Number),
    )
    try:
        exacttarget.data_extensions.create(
            data_extension=DataExtension(
                customer_key=MARKS,
                name=MARKS,
                description="One row for each run of a segment that is over and not counted yet; kept by et_platform.",
                fields=fields,
            )
        )
    except NameTaken:
        # Two segments may run at once, and the other was first.
        if exacttarget.data_extensions.get(customer_key=MARKS) is None:
            raise


def _activity(road: Road, exacttarget: "ExactTarget", catalog: Catalog, declared: Declared[Segment]) -> Activity:
    is_, key, name = declared.is_, activity_key(declared), f"{declared.is_.into.name} (etp)"
    if is_.query is not None:
        query = Query(
            customer_key=key,
            name=name,
            text=is_.query,
            target_key=is_.into.customer_key,
            target_name=is_.into.name,
            description=is_.description.strip()[:200],
        )
        return Activity(kind="QueryDefinition", customer_key=key, object_id=exacttarget.queries.define(query=query))
    assert is_.filter is not None
    source, types = _source(catalog, is_.filter)
    chosen = DataFilter(
        customer_key=key,
        name=name,
        source_key=source,
        target_key=is_.into.customer_key,
        condition=sent(is_.filter.where, types, today=road.clock().astimezone(SERVER_TIME).date()),
        description=is_.description.strip()[:200],
    )
    return Activity(
        kind="FilterActivity", customer_key=key, object_id=exacttarget.data_filters.define(data_filter=chosen)
    )


def _source(catalog: Catalog, chosen: SegmentFilter) -> tuple[str, dict[str, str]]:
    """The customer key of what is filtered, and the types of its fields, as far as they are declared."""
    if chosen.of.customer_key is not None:
        return chosen.of.customer_key, {}
    if chosen.of.segment is not None:
        into = catalog.segment(chosen.of.segment).is_.into
        return into.customer_key, {name.lower(): field.type for name, field in into.fields.items()}
    assert chosen.of.data_extension is not None
    is_ = catalog.data_extension(chosen.of.data_extension).is_
    return is_.customer_key, {name.lower(): field.type for name, field in is_.made_fields.items()}


def sent(condition: Condition, types: dict[str, str], *, today: date) -> "Filter":
    """A condition as ExactTarget takes it on that server day; the types of fields are given by lower-case name."""
    from et_platform.exacttarget.filters import AllOf, AnyOf  # brings zeep
    from et_platform.exacttarget.filters import Condition as Comparison

    if condition.parts:
        parts = tuple(sent(part, types, today=today) for part in condition.parts)
        return AllOf(parts=parts) if condition.all else AnyOf(parts=parts)
    assert condition.field is not None
    assert condition.is_ is not None
    value: str | date = condition.value or ""
    if condition.days_ago is not None:
        value = today - timedelta(days=condition.days_ago)
    elif types.get(condition.field.lower(), "Date") == "Date" and is_day(str(value)):
        value = date.fromisoformat(str(value))
    return Comparison(field=condition.field, operator=condition.is_, value=value)


def _mark(exacttarget: "ExactTarget", declared: Declared[Segment], run: SegmentRun) -> Activity:
    """The query that marks the end of this run. It only adds a row: that is certain to add one [K]."""
    result = declared.is_.into.name.replace("]", "]]")
    query = Query(
        customer_key=run.automation_key,
        name=run.automation_key,
        text=f"SELECT '{run.id}' AS {RUN}, '{declared.name}' AS {SEGMENT}, COUNT(*) AS {PICKED} FROM [{result}]",
        target_key=MARKS,
        target_name=MARKS,
        update="Append",
    )
    object_id = exacttarget.queries.define(query=query)
    return Activity(kind="QueryDefinition", customer_key=run.automation_key, object_id=object_id)
