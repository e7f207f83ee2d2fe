"""What an import of unknown outcome asks for: to be sent again, or a person's decision (design: promises 1 and 4).

What belongs here: whether sending rows again could have an effect, and what follows. What does not: finding the import
(settle.py) and reading back (evidence.py), which have both been tried by then.

Sending again has no effect where the same values go to the same keys and nothing newer came in between. Ours cannot
have: a data extension's attempts go one after the other, and the files of one have no key in common. Opt-outs go in
between all the same, but rows are sent again by a new plan only, which is made from who is out by then.
"""

from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow as pa

from et_platform.catalog.models import DataExtension
from et_platform.exacttarget.errors import InvalidDefinition, PermissionDenied
from et_platform.ledger import decisions
from et_platform.ledger.decisions import Decision
from et_platform.ledger.history import definition_keys
from et_platform.ledger.records import Attempt, ChangeSet, ImportFile
from et_platform.outbound.errors import NeedsDecision
from et_platform.outbound.evidence import Evidence, keys_of
from et_platform.outbound.road import Road

if TYPE_CHECKING:
    from et_platform.exacttarget.client import ExactTarget

CLOCKS_DIFFER = timedelta(minutes=10)
"""What ExactTarget, or a mail server, dates so much before us may have come after it all the same."""


def decided(
    road: Road,
    exacttarget: "ExactTarget",
    change_set: ChangeSet,
    attempt: Attempt,
    sent: list[ImportFile],
    evidence: Evidence,
) -> pa.Table:
    """The keys that count as imported: those that are proven, and those of files that somebody decided were imported.

    Raises NeedsDecision, after recording the question, where the outcome of a file is unknown, rows of it are not
    proven, and sending them again could have an effect.
    """
    keys = [evidence.keys]
    for file in sent:
        if file.state != "missing":
            continue
        unproven = file.rows - evidence.proven[file.definition_key]
        decision = decisions.decision_on(road.ledger, file)
        if not unproven:
            decisions.close(road.ledger, file, "imported", who="read-back", why="every row of it was found")
        elif decision is not None and decision.verdict is not None:
            road.tell(_heard(file, decision))
            if decision.verdict == "imported":
                keys.append(keys_of(road, change_set, file))
        elif reasons := _effects(road, exacttarget, change_set, attempt, file, evidence):
            decisions.ask(road.ledger, file, " ".join(reasons))
            raise NeedsDecision(_question(change_set, file, unproven, reasons))
    return pa.concat_tables(keys).group_by(["operation", "part", "_folded_key"]).aggregate([])


def _effects(
    road: Road,
    exacttarget: "ExactTarget",
    change_set: ChangeSet,
    attempt: Attempt,
    file: ImportFile,
    evidence: Evidence,
) -> list[str]:
    """What sending the file's unproven rows again could do; empty when it could do nothing."""
    if file.operation == "opt_out":
        return []  # it can only keep somebody out, and waits for nobody (promise 9)
    effects: list[str] = []
    if overwritten := evidence.overwritten[file.definition_key]:
        fields = DataExtension.model_validate(change_set.declaration).fields.items()
        theirs = ", ".join(name for name, field in fields if field.owner != "crm")
        effects.append(
            f"{overwritten} rows that were to be deleted are there with other values than the CRM's: they may have "
            "been deleted, and put there anew by somebody since, and would be deleted again."
            if file.operation == "delete"
            else f"{overwritten} rows are there with other values of {theirs}, which ExactTarget owns: an insert that "
            "is sent again would put the CRM's over them."
        )
    try:
        into = exacttarget.imports.results_into(customer_key=change_set.customer_key)
    except (InvalidDefinition, PermissionDenied) as error:
        effects.append(f"Whether a newer import went into the data extension cannot be known here: {error}")
        return effects
    ours = definition_keys(road.ledger, change_set.mid)
    since = attempt.created_at - CLOCKS_DIFFER
    newer = [one for one in into if one.definition_key not in ours and (one.started is None or one.started > since)]
    if newer:
        told = ", ".join(f"task {one.task_id} of definition {one.definition_key or 'unknown'}" for one in newer[:5])
        effects.append(
            f"{len(newer)} imports that are not ours went into the data extension since ({told}): "
            + (
                "what they brought would be deleted."
                if file.operation == "delete"
                else "older values would be put over newer ones."
            )
        )
    return effects


def _question(change_set: ChangeSet, file: ImportFile, unproven: int, reasons: list[str]) -> str:
    return (
        f"Needs a decision: whether {file.remote} (attempt {file.attempt_id}) was imported is not known. ExactTarget "
        f"tells of no such import, and {unproven} of its {file.rows} rows are not in the data extension "
        f"{change_set.customer_key} as they were sent. {' '.join(reasons)} Nothing more but opt-outs goes into this "
        "data extension until somebody decides; others go on. Look at it and at its imports in ExactTarget, then run "
        f"`etp resolve {file.attempt_id} --as imported --why …` (its rows are acknowledged) or `--as not-imported` "
        "(they stay changes and are sent again). Nothing was sent."
    )


def _heard(file: ImportFile, decision: Decision) -> str:
    return f"{file.remote} counts as {decision.verdict}, as {decision.who} decided: {decision.why}"
