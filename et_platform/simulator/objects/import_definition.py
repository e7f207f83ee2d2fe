"""ImportDefinition: create, update, delete, retrieve, and Perform start.

What belongs here: the operations, validation and error codes 43000-43060 [D]. What does not: its properties
(`import_properties.py`), running an import (`imports/`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from et_platform.simulator import envelope, markup, retrieval, schema, store
from et_platform.simulator.envelope import Element
from et_platform.simulator.imports import lists, rules, tasks
from et_platform.simulator.objects import import_properties, list_
from et_platform.simulator.objects.import_properties import INVALID, SHAPE, invalid
from et_platform.simulator.results import Refused, Result, SaveMode, refusal
from et_platform.simulator.schema import DataExtension
from et_platform.simulator.store import Connection
from et_platform.simulator.tracking.people import ALL_SUBSCRIBERS

if TYPE_CHECKING:
    from et_platform.simulator.service import Service

KIND = "import_definition"

_NO_KEY, _NOT_FOUND, _EXISTS, _NOT_INSERTED, _NOT_UPDATED = 43000, 43010, 43030, 43040, 43050
_BUSY = 2  # the general error: no fact says what a second start is refused with [K]
_KEY_LENGTH = 36  # [R]


def retrieve(service: Service, query: retrieval.Query) -> retrieval.Page:
    """A page of import definitions, oldest first."""
    source = f"SELECT seq, body->'$.properties' AS shown FROM documents WHERE kind = '{KIND}'"
    return retrieval.documents(service, query, SHAPE, source, "shown->>'$.\"{}\"'", "seq")


def save(service: Service, objects: list[Element], mode: SaveMode, operation: str) -> list[Result]:
    """Create, update or upsert import definitions, each on its own."""
    return [_saved(service, one, mode) for one in objects]


def delete(service: Service, objects: list[Element]) -> list[Result]:
    """Delete import definitions; running tasks and summaries stay."""
    return [_deleted(service, one) for one in objects]


def start(service: Service, element: Element) -> Result:
    """Queue one run. `details` of the result is the Task element, whose ID is the only handle [D].

    A definition that comes with a destination and is not there yet is run without being kept [D].
    """
    try:
        with service.store.definitions, service.store.transaction() as connection:
            definition = _to_start(service, connection, element)
            if service.behaviour.second_start == "refuse" and tasks.running(connection, definition):
                raise Refused(_BUSY, "The ImportDefinition is being performed already.")
            task = tasks.new(connection, definition, service.account.mid, service.behaviour)
            if task["too_frequent"] and service.behaviour.too_frequent == "refuse":
                raise Refused(_BUSY, "The last import is younger than MaxImportFrequency.")
    except Refused as refused:
        return refusal(refused, _named(element))
    # Only now, as the task is written down: a crash from here on does not lose it.
    service.importer.submit(task)
    details = markup.element(
        "Task",
        markup.text("StatusCode", "OK"),
        markup.text("StatusMessage", "OK"),
        markup.text("ID", task["id"]),
        markup.text("TblAsyncID", task["id"]),
        markup.text("InteractionObjectID", task["properties"]["ObjectID"]),
    )
    return Result(f"ImportDefinition performed AsyncID:{task['id']}", _named(element), details=details)


def _to_start(service: Service, connection: Connection, element: Element) -> dict[str, Any]:
    if envelope.child(element, "DestinationObject") is None:
        return _existing(connection, element)
    found = _find(connection, element) if _has_identity(element) else None
    if found is not None:
        return found
    definition = import_properties.new(service, element)
    import_properties.take_over(service, connection, definition, element)
    _validate(service, connection, definition)
    return definition


def _has_identity(element: Element) -> bool:
    return any((envelope.value(element, name) or "").strip() for name in ("ObjectID", "CustomerKey"))


def _find(connection: Connection, element: Element) -> dict[str, Any] | None:
    object_id = (envelope.value(element, "ObjectID") or "").strip()
    if object_id:
        return store.get(connection, KIND, object_id)
    key = (envelope.value(element, "CustomerKey") or "").strip()
    if not key:
        raise Refused(_NO_KEY, "ImportDefinition Customer Key Not Specified")
    return _by(connection, "CustomerKey", key)


def _by(connection: Connection, name: str, text: str) -> dict[str, Any] | None:
    found = store.find(
        connection, KIND, f"lower(rtrim(body->>'$.properties.{name}', ' ')) = lower(rtrim(?, ' '))", [text]
    )
    return found[0] if found else None


def _existing(connection: Connection, element: Element) -> dict[str, Any]:
    found = _find(connection, element)
    if found is None:
        raise Refused(_NOT_FOUND, "ImportDefinition Not Found")
    return found


def _named(element: Element) -> str:
    """An object as far as it named itself: so Perform shows it [D], and whatever was refused."""
    given = {name: (envelope.value(element, name) or "").strip() for name in ("ObjectID", "CustomerKey")}
    known = {name: text for name, text in given.items() if text}
    return SHAPE.render(known, set(known), tag="Object")


def _deleted(service: Service, element: Element) -> Result:
    try:
        with service.store.definitions, service.store.transaction() as connection:
            found = _existing(connection, element)
            if service.behaviour.delete_validates:
                try:
                    _validate(service, connection, found)
                except Refused as refused:
                    # Only an Update tells the reason [D].
                    raise Refused(INVALID, "ImportDefinition Validation Error") from refused
            store.remove(connection, KIND, found["object_id"])
    except Refused as refused:
        return refusal(refused, _named(element))
    shown = SHAPE.render(found["properties"], {"ObjectID", "CustomerKey"}, tag="Object")
    return Result("ImportDefinition deleted.", shown)


def _saved(service: Service, element: Element, mode: SaveMode) -> Result:
    try:
        with service.store.definitions, service.store.transaction() as connection:
            found = _find(connection, element)
            if found is None and not mode.add:
                raise Refused(_NOT_FOUND, "ImportDefinition Not Found")
            if found is not None and not mode.change:
                raise Refused(_EXISTS, "ImportDefinition Exists")
            definition = found or import_properties.new(service, element)
            import_properties.take_over(service, connection, definition, element)
            _validate(service, connection, definition)
            _check_name(service, connection, definition, is_new=found is None)
            store.put(connection, KIND, definition["object_id"], definition)
    except Refused as refused:
        return refusal(refused, _named(element))
    shown = import_properties.echo(definition, element)
    if found is None:
        return Result("ImportDefinition created.", shown, new_object_id=definition["object_id"])
    return Result("ImportDefinition updated.", shown)


def _check_name(service: Service, connection: Connection, definition: dict[str, Any], *, is_new: bool) -> None:
    name = definition["properties"].get("Name", "")
    other = _by(connection, "Name", name) if name and service.behaviour.import_names == "unique" else None
    if other is None or other["object_id"] == definition["object_id"]:
        return
    code, word = (_NOT_INSERTED, "Insert") if is_new else (_NOT_UPDATED, "Update")
    raise Refused(code, f"ImportDefinition {word} Error: The name '{name}' is in use.")


def _validate(service: Service, connection: Connection, definition: dict[str, Any]) -> None:
    """Raises Refused 43060 with the reason."""
    properties = definition["properties"]
    if len(properties["CustomerKey"]) > _KEY_LENGTH:
        raise Refused(INVALID, invalid(f"The CustomerKey is longer than {_KEY_LENGTH} characters."))
    if not definition["destination"]:
        raise Refused(INVALID, invalid("DestinationObject is required."))
    destination = _destination(service, connection, definition)
    location = properties.get("RetrieveFileTransferLocation.CustomerKey")
    if location and not service.importer.knows(location):
        raise Refused(INVALID, invalid("The RetrieveFileTransferLocation was not found."))
    problem = rules.problem(definition, destination, service.behaviour)
    if problem:
        raise Refused(INVALID, invalid(problem))


def _destination(service: Service, connection: Connection, definition: dict[str, Any]) -> DataExtension | None:
    """The data extension that a definition imports to, None where it is a list. Raises Refused."""
    wanted = definition["destination"]
    if wanted.startswith(lists.PREFIX):
        number = int(wanted.removeprefix(lists.PREFIX))
        if number in {ALL_SUBSCRIBERS, *list_.numbers(connection)}:
            return None
    elif definition.get("owner"):
        with service.units.service(definition["owner"]).store.connect() as shared:
            found = schema.by_object_id(shared, wanted)
        if found:
            return found
    elif found := schema.by_object_id(connection, wanted):
        return found
    raise Refused(INVALID, invalid("The DestinationObject does not exist any more."))
