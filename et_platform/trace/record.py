"""The ledger as people read it: change sets, attempts, files, import tasks, and what became of each in words.

What belongs here: plain values for a page or for JSON, and their lines. What does not: the single row's story
(timeline.py) and anything that decides. The ledger holds counts, hashes and ids, so nothing here needs a mask; rows
are named by `etp trace` and `etp quarantine`.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from et_platform.exacttarget.explained import status_in_words
from et_platform.ledger import decisions, history, rejected_rows
from et_platform.ledger.decisions import Decision
from et_platform.ledger.ledger import Ledger, LedgerError
from et_platform.ledger.records import Attempt, ChangeSet, ImportFile
from et_platform.ledger.rejected_rows import RejectedRows

_FIGURES = ("successful", "duplicated", "errors", "restricted", "total")


def change_sets(ledger: Ledger, *, data_extension: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
    """The newest change sets, newest first, each with its attempts' ids and outcome."""
    found = history.newest_change_sets(ledger, data_extension=data_extension, limit=limit)
    return [_summary(one, _attempts(ledger, one.id)) for one in found]


def record(ledger: Ledger, id_: str) -> dict[str, Any]:
    """Everything of one change set; `id_` is the beginning of its id or of an attempt's, or an import task's number.

    Raises LedgerError when nothing, or more than one, is meant.
    """
    found = history.find_change_sets(ledger, id_)
    if len(found) != 1:
        many = f"fits {len(found)} change sets; write more of it" if found else "names nothing in the ledger"
        raise LedgerError(f"{id_!r} {many}. `etp ledger list` shows the ids of change sets and attempts.")
    (change_set,) = found
    attempts = _attempts(ledger, change_set.id)
    return {
        **_summary(change_set, attempts),
        "gate": change_set.gate or ["open"],
        "figures": change_set.figures,
        "base version": change_set.base_version,
        "snapshot": change_set.snapshot_id,
        "run": change_set.run_id,
        "closed": _time(change_set.closed_at),
        "attempts": [_attempt(ledger, attempt, asked) for attempt, asked in attempts],
    }


def _attempts(ledger: Ledger, change_set_id: str) -> list[tuple[Attempt, list[Decision]]]:
    found = history.attempts_of(ledger, change_set_id)
    return [(attempt, decisions.decisions_of(ledger, attempt.id)) for attempt in found]


def outcome_of(file: ImportFile) -> str:
    """What became of a file, in words, with the remedy where one is needed."""
    asked = f"import task {file.task_id}" if file.task_id is not None else "no import task"
    match file.state:
        case "staged":
            return "Written, not uploaded yet; ExactTarget was not asked to import it."
        case "uploaded":
            return "On the Enhanced FTP; ExactTarget was not asked to import it."
        case "dropped":
            return "Never imported: the attempt ended before its turn, and its rows stayed changes."
        case "starting":
            return (
                "In doubt: ExactTarget was, or may have been, asked to import it. The next run asks what became of it."
            )
        case "started":
            return f"{asked} was started and has not been seen to end. The next run adopts it."
        case "missing":
            return "ExactTarget knows no import of it; what is in the data extension is to be read back."
        case "finished":
            return f"{asked}: {status_in_words(file.status)} What it proves is not recorded yet; the next run does it."
        case "proven":
            rejected = file.rejected or 0
            how = f"{asked}: {status_in_words(file.status)}" if file.status else "ExactTarget knew no import of it."
            return f"{how} {file.rows - rejected} of {file.rows} rows are acknowledged" + (
                f"; {rejected} are not, and stayed changes (see `etp quarantine`)." if rejected else "."
            )


def lines_of_list(found: list[dict[str, Any]]) -> Iterator[str]:
    """The list for a terminal."""
    if not found:
        yield "The ledger has no change set yet."
    for one in found:
        yield (
            f"{one['created']}  {one['id'][:12]}  {one['data extension']} ({one['kind']}), {one['state']}: "
            f"{one['changes']}; {one['outcome']}"
        )


def lines_of_record(found: dict[str, Any]) -> Iterator[str]:
    """One change set for a terminal."""
    for name, value in found.items():
        if name == "figures":
            yield "figures: " + ", ".join(f"{key} {count}" for key, count in value.items() if isinstance(count, int))
        elif name == "gate":
            yield f"gate: {' '.join(value)}"
        elif name != "attempts":
            yield f"{name}: {value}"
    for attempt in found["attempts"]:
        yield f"attempt {attempt['id']}, {attempt['state']}, begun {attempt['created']} by run {attempt['run']}"
        for file in attempt["files"]:
            size = f"{file['rows']} rows, {file['bytes']} bytes"
            part = f" (part {file['part']} of {file['parts']})" if file["parts"] > 1 else ""
            yield f"    {file['file']}: {file['operation']}{part}, {size}, {file['state']}"
            yield f"        {file['outcome']}"
            if file["figures"]:
                yield "        " + ", ".join(f"{name} {count}" for name, count in file["figures"].items())
            for reason in file["rejected because"]:
                yield f"        {reason}"
        for decision in attempt["decisions"]:
            yield f"    decision needed since {decision['asked']}: {decision['needed because']}"
            yield (
                f"        {decision['who']} decided {decision['decided as']}: {decision['why']}"
                if decision["decided as"]
                else f"        open: `etp resolve {attempt['id']} --as imported|not-imported --why …`"
            )


def _summary(change_set: ChangeSet, attempts: list[tuple[Attempt, list[Decision]]]) -> dict[str, Any]:
    figures = change_set.figures
    counted = [f"{figures[name]} {name}" for name in ("inserts", "updates", "deletes", "opt_outs") if figures.get(name)]
    return {
        "id": change_set.id,
        "mid": change_set.mid,
        "data extension": change_set.data_extension,
        "customer key": change_set.customer_key,
        "kind": change_set.kind,
        "state": change_set.state,
        "created": _time(change_set.created_at),
        "changes": ", ".join(counted) or "no rows",
        "outcome": _outcome(change_set, attempts),
    }


def _outcome(change_set: ChangeSet, attempts: list[tuple[Attempt, list[Decision]]]) -> str:
    if not attempts:
        return "not begun" if change_set.state == "planned" else "never begun"
    last, asked = attempts[-1]
    if any(one.verdict is None for one in asked):
        return f"attempt {last.id} needs a decision: `etp ledger show {last.id}`"
    if last.state == "open":
        doubtful = [file.remote for file in last.files if file.state in ("starting", "missing")]
        return f"attempt {last.id} is open" + (f", in doubt about {', '.join(doubtful)}" if doubtful else "")
    if last.state == "abandoned":
        return f"attempt {last.id} ended before anything was sent"
    return f"attempt {last.id}: {last.acknowledged or 0} rows acknowledged"


def _attempt(ledger: Ledger, attempt: Attempt, asked: list[Decision]) -> dict[str, Any]:
    parts = Counter(file.operation for file in attempt.files)
    return {
        "id": attempt.id,
        "state": attempt.state,
        "run": attempt.run_id,
        "created": _time(attempt.created_at),
        "closed": _time(attempt.closed_at),
        "acknowledged": attempt.acknowledged,
        "files": [_file(ledger, file, parts[file.operation]) for file in attempt.files],
        "decisions": [_decision(one) for one in asked],
    }


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "import definition": decision.definition_key,
        "needed because": decision.reason,
        "asked": _time(decision.asked_at),
        "decided as": decision.verdict,
        "who": decision.who,
        "why": decision.why,
        "decided": _time(decision.decided_at),
    }


def _rejected(one: RejectedRows) -> str:
    """So many rows and what was said against them, as far as it is known."""
    of_field = f" for {one.field}" if one.field else ""
    said = f"ExactTarget's report says: {one.told}" if one.told else "no report says why"
    first = f", the first on line {one.first_line}" if one.first_line is not None else ""
    return f"{one.rows} rows rejected{of_field}{first}; {said}"


def _file(ledger: Ledger, file: ImportFile, parts: int) -> dict[str, Any]:
    figures = {name: value for name, value in asdict(file).items() if name in _FIGURES and value is not None}
    return {
        "file": file.remote,
        "operation": file.operation,
        "part": file.part,
        "parts": parts,
        "state": file.state,
        "rows": file.rows,
        "bytes": file.bytes,
        "sha256": file.sha256,
        "import definition": file.definition_key,
        "import task": file.task_id,
        "status": file.status,
        "figures": figures,
        "rejected": file.rejected,
        "rejected because": [_rejected(one) for one in rejected_rows.of_file(ledger, file)],
        "changed": _time(file.changed_at),
        "outcome": outcome_of(file),
    }


def _time(moment: Any) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}Z"
