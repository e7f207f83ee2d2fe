"""How a run looks in a terminal.

What belongs here: turning the result of a run into lines. What does not: running anything.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from et_platform.presentation import ERROR

_HIDDEN = ("dagster/", "sha256")


def describe(result: dg.ExecuteInProcessResult) -> Iterator[str]:
    """The lines of a run: each asset's figures as the asset page shows them, then what failed, in one paragraph."""
    for event in result.get_asset_materialization_events():
        materialization = event.step_materialization_data.materialization
        yield f"{materialization.asset_key.to_user_string()}"
        yield from _metadata(materialization.metadata)
    yield from problems(result)
    yield f"run {result.run_id}: {'succeeded' if result.success else 'FAILED'}"


def problems(result: dg.ExecuteInProcessResult) -> Iterator[str]:
    """The lines of what was not as it should be."""
    for evaluation in result.get_asset_check_evaluations():
        if not evaluation.passed:
            yield f"CHECK FAILED {evaluation.asset_key.to_user_string()}: {evaluation.check_name}"
            yield f"    {evaluation.description}"
    yield from _failures(result)


def undone(result: dg.ExecuteInProcessResult, keys: Sequence[Sequence[str]]) -> list[str]:
    """Of the assets that were to be made, those that were not, and those that a failed check speaks of."""
    made = {event.asset_key for event in result.get_asset_materialization_events()}
    wrong = {
        one.asset_key
        for one in result.get_asset_check_evaluations()
        if not one.passed and one.severity == dg.AssetCheckSeverity.ERROR
    }
    wanted = [dg.AssetKey(list(key)) for key in keys]
    return [key.to_user_string() for key in wanted if key not in made or key in wrong]


def failed_with(result: dg.ExecuteInProcessResult) -> set[str]:
    """The kinds of explained errors with which steps of a run failed; `unexpected` for any other."""
    kinds = set()
    for event in result.all_events:
        if event.is_step_failure:
            explained = event.step_failure_data.user_failure_data
            kind = explained.metadata.get(ERROR) if explained else None
            kinds.add(str(kind.value) if kind is not None else "unexpected")
    return kinds


def outcome(result: dg.ExecuteInProcessResult, key: str) -> Mapping[str, Any]:
    """The plain values of one asset's metadata in this run; empty if it was not materialized."""
    for event in result.get_asset_materialization_events():
        materialization = event.step_materialization_data.materialization
        if materialization.asset_key.to_user_string() == key:
            return {name: entry.value for name, entry in materialization.metadata.items()}
    return {}


def _metadata(metadata: Mapping[str, dg.MetadataValue]) -> Iterator[str]:
    for name, entry in metadata.items():
        if name.startswith(_HIDDEN):
            continue
        if isinstance(entry, dg.MarkdownMetadataValue):
            yield f"    {name}:"
            yield from (f"        {line}" for line in str(entry.value).splitlines())
        elif isinstance(entry, dg.TextMetadataValue | dg.IntMetadataValue | dg.FloatMetadataValue):
            yield f"    {name}: {entry.value}"


def _failures(result: dg.ExecuteInProcessResult) -> Iterator[str]:
    for event in result.all_events:
        if not event.is_step_failure:
            continue
        failure = event.step_failure_data
        explained = failure.user_failure_data
        text = explained.description if explained and explained.description else None
        if text is None and failure.error is not None:
            # A failing check is told above; anything else is unexpected, and its kind is all that is safe to show.
            text = f"{failure.error.cls_name} (the event log of the run has the details)"
        if failure.error is None or failure.error.cls_name != "DagsterAssetCheckFailedError":
            yield f"FAILED {event.step_key}"
            yield f"    {text}"
