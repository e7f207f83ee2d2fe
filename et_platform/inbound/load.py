"""Step 4: from a fetched archive to events in the lake.

What belongs here: verify, unpack, parse, load, settle, in this order. What does not: the rules of each (ingest,
warehouse). The lake's transaction records the content; the ledger follows. After a crash in between the lake is
asked, and nothing is loaded twice.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from et_platform.catalog.tracking import EVENT_TYPES, EventType
from et_platform.inbound.errors import CopyGone, FetchedFileDamaged, NotFetched, NothingRecognised
from et_platform.inbound.fetch import empty_folder, fetch, is_here
from et_platform.inbound.road import InboundRoad
from et_platform.ingest.errors import IngestError, UnsafeArchive, shown
from et_platform.ingest.tracking import parse, type_of
from et_platform.ingest.unpack import Member, unpack
from et_platform.ledger.inbound_records import ExtractFile
from et_platform.sync.folding import folded_key
from et_platform.warehouse import events
from et_platform.warehouse.events import Content, Figures, MemberRows


@dataclass(frozen=True)
class Loaded:
    """What became of one file. `figures` has no entry for a type that was not in the archive: of that nothing is
    known, which is not the same as none. With `duplicate_of`, its content was in the lake before, and nothing moved.
    """

    file: ExtractFile
    figures: Mapping[EventType, Figures]
    duplicate_of: str | None

    @property
    def absent(self) -> tuple[EventType, ...]:
        """The types of which the file says nothing."""
        return tuple(event_type for event_type in EVENT_TYPES if event_type not in self.figures)

    @property
    def rejected(self) -> int:
        """Lines that could not be read as events; they are in `extracts.event_rejects`."""
        return sum(one.rejected for one in self.figures.values())


def take(road: InboundRoad, identity: str) -> Loaded:
    """Fetch and load one file, for those who do not need the steps one by one."""
    fetch(road, identity)
    return load(road, identity)


def load(road: InboundRoad, identity: str, *, again: bool = False) -> Loaded:
    """Load the fetched file's events; a file that is loaded already changes nothing and gives its figures again.

    `again`: a loaded file is read anew from the copy that is kept, by today's rules. Events that are there stay as they
    are; lines that were rejected may be events now. Raises CopyGone where there is no copy any more.

    Raises NotFetched, FetchedFileDamaged, NothingRecognised and the errors of `ingest`: then nothing of the file was
    loaded, and the ledger says `failed` with the reason. Raises LeaseTaken and LakeBusy, after which a re-run does it.
    """
    with road.lease(identity):
        file = road.inbound.file(identity)
        if file.state == "loaded":
            return _load_again(road, file) if again else _from_record(file)
        if file.state != "fetched" or file.sha256 is None or file.path is None:
            raise NotFetched(
                f"{shown(file.name)} (identity {identity}) is {file.state}: materialize extract_file first, so that it "
                f"is fetched. {file.problem or ''}".strip()
            )
        try:
            loaded = _loaded_before(road, file.sha256) or _load(road, file, Path(file.path), file.sha256)
        except (IngestError, FetchedFileDamaged, NothingRecognised) as error:
            road.inbound.failed(file, problem=str(error))
            raise
        duplicate_of = loaded.identity if loaded.identity != identity else None
        figures = loaded.figures if duplicate_of is None else _nothing_new(loaded.figures)
        file = road.inbound.loaded(
            file, rows={name: asdict(one) for name, one in figures.items()}, duplicate_of=duplicate_of
        )
        road.tell(_sentence(file, figures))
        _forget_old_copies(road)
        return Loaded(file, figures, duplicate_of)


def _load_again(road: InboundRoad, file: ExtractFile) -> Loaded:
    if file.duplicate_of is not None:
        # The content belongs to the file that brought it first; its time also dates opt-outs that have no date.
        road.tell(f"{file.name} has the content of file {file.duplicate_of}: that one is read again.")
        return load(road, file.duplicate_of, again=True)
    if file.sha256 is None or file.path is None or not is_here(file):
        raise CopyGone(
            f"{shown(file.name)} (identity {file.identity}) was loaded, and the copy here is gone: copies are kept for "
            f"{road.retention.days} days. Nothing was changed. Ask for its window again (`etp request`); what comes "
            "twice changes nothing."
        )
    loaded = _load(road, file, Path(file.path), file.sha256, into=events.load_again)
    file = road.inbound.read_again(file, rows={name: asdict(one) for name, one in loaded.figures.items()})
    road.tell(f"Read again: {_sentence(file, loaded.figures)}")
    return Loaded(file, loaded.figures, None)


def _forget_old_copies(road: InboundRoad) -> None:
    """Delete the copies of files that were loaded longer ago than they are kept: they are about persons."""
    before = datetime.now(UTC) - road.retention
    for path in road.inbound.forgettable_paths(road.mid, loaded_before=before):
        shutil.rmtree(Path(path).parent, ignore_errors=True)


def _loaded_before(road: InboundRoad, sha256: str) -> events.LoadedFile | None:
    with road.lake.read() as connection:
        return events.loaded(connection, sha256)


def _load(
    road: InboundRoad,
    file: ExtractFile,
    archive: Path,
    sha256: str,
    *,
    into: Callable[..., events.LoadedFile] = events.load,
) -> events.LoadedFile:
    if not is_here(file):
        raise FetchedFileDamaged(
            f"{shown(file.name)} (identity {file.identity}) was fetched, and the copy here is gone or not what it was. "
            "Nothing was loaded. Materialize extract_file again: it is fetched anew."
        )
    with empty_folder(road.scratch(file.identity, "load")) as folder:
        members = unpack(archive, folder, name=file.name)
        chosen = _choose(members, file)
        latest = min(file.window_end or file.seen_at, file.seen_at)
        parsed = [
            parse(one.path, of, file=file.name, member=one.name, folder=folder, latest=latest)
            for of, one in chosen.items()
        ]
        rows = [
            MemberRows(
                one.type, one.member, one.events, one.rejects, one.rows, one.rejected, one.kept, one.other_columns
            )
            for one in parsed
        ]
        content = Content(sha256=sha256, identity=file.identity, name=file.name, run_id=road.run_id)
        with road.lake.write() as connection:
            return into(connection, content, rows, fold=folded_key)


def _choose(members: tuple[Member, ...], file: ExtractFile) -> dict[EventType, Member]:
    chosen: dict[EventType, Member] = {}
    for one in members:
        event_type = type_of(one.name)
        if event_type is None:
            continue
        if event_type in chosen:
            raise UnsafeArchive(
                f"{shown(file.name)}: {shown(chosen[event_type].name)} and {shown(one.name)} both claim to hold the "
                f"{event_type} events. Nothing was loaded. Ask for the extract again."
            )
        chosen[event_type] = one
    if not chosen:
        raise NothingRecognised(
            f"{shown(file.name)} holds {len(members)} members, none of which is a tracking file (Unsubs, Opens, "
            "Clicks, Bounces, Sent). Nothing was loaded. Check that it is a tracking extract, and its options "
            "in ExactTarget."
        )
    return chosen


def _nothing_new(figures: Mapping[EventType, Figures]) -> Mapping[EventType, Figures]:
    return {name: replace(one, new=0, duplicates=one.new + one.duplicates) for name, one in figures.items()}


def _from_record(file: ExtractFile) -> Loaded:
    rows = file.rows or {}
    figures: dict[EventType, Figures] = {
        event_type: Figures.from_record(rows[event_type]) for event_type in EVENT_TYPES if event_type in rows
    }
    return Loaded(file, figures, file.duplicate_of)


def _sentence(file: ExtractFile, figures: Mapping[EventType, Figures]) -> str:
    if file.duplicate_of is not None:
        return f"{file.name} has the content of file {file.duplicate_of}, which is loaded: nothing changed."
    parts = [f"{name}: {one.new} new, {one.duplicates} known, {one.rejected} rejected" for name, one in figures.items()]
    return f"Loaded {file.name}: {'; '.join(parts)}."
