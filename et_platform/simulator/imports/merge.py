"""The merge: from staged texts to rows of a data extension, set by set in SQL.

What belongs here: validating, judging, de-duplicating and applying staged rows, and the figures.
What does not: reading files (`source.py`), the task around it (`worker.py`).

`judge` only reads the data extension and fills a temporary relation; `apply` changes rows and belongs into the
transaction that also ends the task. Both need the data extension's lock.
"""

from __future__ import annotations

from datetime import datetime

from et_platform.simulator import retention, rows, values
from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.imports.mapping import Columns
from et_platform.simulator.imports.plan import Plan, keeps_first
from et_platform.simulator.imports.source import STAGED
from et_platform.simulator.imports.tasks import Figures
from et_platform.simulator.schema import DataExtension, Field
from et_platform.simulator.store import Connection

JUDGED = "judged"
"""The staged rows with typed values, `$key`, `existing` (id of the row with that key) and a `verdict`:
insert, update, delete, skip; present, missing, absent (what the update type forbids or finds gone); error, copy."""


def judge(
    connection: Connection,
    data_extension: DataExtension,
    plan: Plan,
    columns: Columns,
    behaviour: Behaviour,
    now: datetime,
) -> tuple[Figures, bool]:
    """Decide about every staged row. The figures, and whether a bad row stopped the import (AllowErrors=false)."""
    typed = _typed(data_extension, plan, columns, behaviour, now)
    existing = 'held."$id"' if plan.update_type != "Overwrite" else "CAST(NULL AS BIGINT)"
    join = f"LEFT JOIN {rows.table(data_extension)} AS held ON held.{rows.KEY} = typed.{rows.KEY}"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {JUDGED} AS"
        f" SELECT typed.*, {existing} AS existing, {_verdict(data_extension, columns, existing)} AS verdict"
        f" FROM ({typed}) AS typed {join if plan.update_type != 'Overwrite' else ''}"
    )
    connection.execute(f"DROP TABLE {STAGED}")
    stopped = not plan.allow_errors and _stop(connection, behaviour)
    if data_extension.keys:
        _mark_copies(connection, plan, behaviour)
    if stopped and behaviour.stopped_import == "rollback":
        connection.execute(f"UPDATE {JUDGED} SET verdict = 'undone' WHERE verdict <> 'error'")
    return _figures(connection, behaviour), stopped


def _typed(data_extension: DataExtension, plan: Plan, columns: Columns, behaviour: Behaviour, now: datetime) -> str:
    """SQL: staged rows with an action, typed values in columns named as the fields', and problems."""
    cleaned, typed, key_problems, value_problems = [], [], [], []
    for number, (_, field) in enumerate(columns.fields):
        raw = f"r{number}"
        cleaned.append(f"{_nulls(field, f'c{number}', plan, behaviour)} AS {raw}")
        rule = values.rule(
            field,
            raw,
            order=plan.locale.order,
            decimal_comma=plan.locale.decimal_comma and behaviour.locale_decimals,
            check_email=behaviour.check_email_format,
        )
        value = rule.value
        problem = f"CASE WHEN {raw} IS NOT NULL THEN {rule.problem} END"
        if field.required and field.default:
            value = f"CASE WHEN {raw} IS NULL THEN {values.default(field, now)} ELSE {rule.value} END"
        elif field.required:
            problem = f"CASE WHEN {raw} IS NULL THEN 'is required' ELSE {rule.problem} END"
        typed.append(f"CAST({value} AS {field.sql_type}) AS {field.column}")
        (key_problems if field.key else value_problems).append(
            f"CASE WHEN {problem} IS NOT NULL THEN {values.quoted(field.name + ' ')} || {problem} END"
        )
    inner = f"SELECT line, malformed, {_action(plan, behaviour)} AS action, {', '.join(cleaned)} FROM {STAGED}"
    middle = (
        f"SELECT line, malformed, action, {', '.join(typed)}, {_first(key_problems)} AS key_problem,"
        f" {_first(value_problems)} AS value_problem FROM ({inner})"
    )
    key = values.key([field.column for field in data_extension.keys])
    return f"SELECT *, {key} AS {rows.KEY} FROM ({middle})"


def _first(problems: list[str]) -> str:
    return f"coalesce({', '.join(problems)}, NULL)" if problems else "CAST(NULL AS VARCHAR)"


def _nulls(field: Field, raw: str, plan: Plan, behaviour: Behaviour) -> str:
    """SQL for the raw text with null where the file means null."""
    conditions = []
    if plan.null_representation is not None:
        conditions.append(f"{raw} = {values.quoted(plan.null_representation)}")
    if field.sql_type != "VARCHAR":
        conditions.append(f"trim({raw}) = ''")
    elif behaviour.blank_means_null or field.key:
        conditions.append(f"{raw} = ''")
    return f"CASE WHEN {' OR '.join(conditions)} THEN NULL ELSE {raw} END" if conditions else raw


def _action(plan: Plan, behaviour: Behaviour) -> str:
    """SQL for what a row asks for, in the words of ControlColumnActions; null when it asks for nothing known."""
    fixed = {
        "AddAndUpdate": "AddAndUpdate",
        "AddAndDoNotUpdate": "AddButDoNotUpdate",
        "UpdateButDoNotAdd": "UpdateButDoNotAdd",
        "Overwrite": "AddAndUpdate",
    }
    if plan.update_type in fixed:
        return values.quoted(fixed[plan.update_type])
    default = plan.control_default or ("Skip" if behaviour.control_without_action == "skip" else None)
    otherwise = values.quoted(default) if default else "NULL"
    cases = [
        f"WHEN {values.folded(values.quoted(value))} THEN {values.quoted(action)}"
        for value, action in plan.actions.items()
    ]
    return f"CASE {values.folded('control')} {' '.join(cases)} ELSE {otherwise} END" if cases else otherwise


def _verdict(data_extension: DataExtension, columns: Columns, existing: str) -> str:
    mapped = {field.object_id for _, field in columns.fields}
    incomplete = any(
        field.required and not field.default and field.object_id not in mapped for field in data_extension.fields
    )
    insert = "error" if incomplete else "insert"
    return f"""CASE
        WHEN malformed OR action IS NULL THEN 'error'
        WHEN action = 'Skip' THEN 'skip'
        WHEN key_problem IS NOT NULL THEN 'error'
        WHEN action = 'Delete' THEN CASE WHEN {existing} IS NULL THEN 'absent' ELSE 'delete' END
        WHEN value_problem IS NOT NULL THEN 'error'
        WHEN {existing} IS NULL THEN CASE action WHEN 'UpdateButDoNotAdd' THEN 'missing' ELSE '{insert}' END
        ELSE CASE action WHEN 'AddButDoNotUpdate' THEN 'present' ELSE 'update' END END"""


def _bucket(behaviour: Behaviour) -> str:
    """SQL for the figure under which a verdict counts."""
    return f"""CASE verdict WHEN 'error' THEN 'errors' WHEN 'copy' THEN 'duplicated'
        WHEN 'present' THEN '{behaviour.add_only_existing}' WHEN 'missing' THEN '{behaviour.update_only_missing}'
        WHEN 'absent' THEN '{behaviour.delete_missing}' WHEN 'skip' THEN '{behaviour.skipped_rows}'
        WHEN 'undone' THEN 'undone' ELSE 'successful' END"""


def _stop(connection: Connection, behaviour: Behaviour) -> bool:
    """AllowErrors=false: forget what follows the first bad row."""
    row = connection.execute(f"SELECT min(line) FROM {JUDGED} WHERE {_bucket(behaviour)} = 'errors'").fetchone()
    if row is None or row[0] is None:
        return False
    connection.execute(f"DELETE FROM {JUDGED} WHERE line > ?", [row[0]])
    return True


def _mark_copies(connection: Connection, plan: Plan, behaviour: Behaviour) -> None:
    """Of several valid rows with one key at most one is applied; the others are copies."""
    order = "asc" if keeps_first(plan.update_type, behaviour) else "desc"
    copy = "true" if behaviour.duplicates == "reject" else "place > 1"
    connection.execute(
        f"UPDATE {JUDGED} SET verdict = 'copy' FROM ("
        f" SELECT line AS number, row_number() OVER (PARTITION BY {rows.KEY} ORDER BY line {order}) AS place"
        f" FROM {JUDGED} WHERE verdict NOT IN ('error', 'skip') AND {rows.KEY} IN ("
        f"  SELECT {rows.KEY} FROM {JUDGED} WHERE verdict NOT IN ('error', 'skip') GROUP BY 1 HAVING count(*) > 1)"
        f") WHERE number = line AND {copy}"
    )


def _figures(connection: Connection, behaviour: Behaviour) -> Figures:
    counted = dict(connection.execute(f"SELECT {_bucket(behaviour)}, count(*) FROM {JUDGED} GROUP BY 1").fetchall())
    return Figures(
        successful=counted.get("successful", 0),
        duplicated=counted.get("duplicated", 0),
        errors=counted.get("errors", 0),
        total=sum(counted.values()),
    )


def rejected(connection: Connection, behaviour: Behaviour, most: int) -> list[tuple[int, str]]:
    """The first rows that were not applied, by number, each with its reason."""
    reason = """concat_ws('; ', CASE WHEN malformed THEN 'the row has too few or too many fields' END,
        CASE WHEN action IS NULL THEN 'the control column asks for nothing known' END, key_problem, value_problem,
        CASE verdict WHEN 'copy' THEN 'the key is there more than once' WHEN 'present' THEN 'the row exists already'
            WHEN 'missing' THEN 'the row to update is not there' WHEN 'absent' THEN 'the row to delete is not there'
            WHEN 'undone' THEN 'a later row stopped the import' END)"""
    return connection.execute(
        f"SELECT line, CASE {reason} WHEN '' THEN 'the row could not be written' ELSE {reason} END FROM {JUDGED}"
        f" WHERE {_bucket(behaviour)} <> 'successful' ORDER BY line LIMIT {most}"
    ).fetchall()


def apply(connection: Connection, data_extension: DataExtension, plan: Plan, columns: Columns, now: datetime) -> None:
    """Carry the verdicts out. Key fields of existing rows keep their spelling; unmapped fields keep their value."""
    resets = retention.after_import(connection, data_extension, now)
    table = rows.table(data_extension)
    if plan.update_type == "Overwrite":
        connection.execute(f"DELETE FROM {table}")
    else:
        connection.execute(
            f"DELETE FROM {table} WHERE {rows.ID} IN (SELECT existing FROM {JUDGED} WHERE verdict = 'delete')"
        )
        changed = [f"{field.column} = judged.{field.column}" for _, field in columns.fields if not field.key]
        if resets:
            changed.append(f"{rows.CREATED} = TIMESTAMP '{now.isoformat()}'")
        if changed:
            assignments = ", ".join(changed)
            connection.execute(
                f"UPDATE {table} AS held SET {assignments} FROM {JUDGED} AS judged"
                f" WHERE held.{rows.ID} = judged.existing AND judged.verdict = 'update'"
            )
    mapped = {field.object_id for _, field in columns.fields}
    names = ", ".join([rows.ID, rows.KEY, rows.CREATED, *(field.column for field in data_extension.fields)])
    taken = [
        field.column if field.object_id in mapped else values.default(field, now) for field in data_extension.fields
    ]
    connection.execute(
        f"INSERT INTO {table} ({names}) SELECT nextval('row_id'), {rows.KEY}, TIMESTAMP '{now.isoformat()}',"
        f" {', '.join(taken)}"
        f" FROM {JUDGED} WHERE verdict = 'insert' ORDER BY line"
    )


def forget(connection: Connection) -> None:
    """Drop the temporary relations."""
    connection.execute(f"DROP TABLE IF EXISTS {STAGED}")
    connection.execute(f"DROP TABLE IF EXISTS {JUDGED}")
