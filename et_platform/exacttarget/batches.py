"""Many objects in as few calls as the service takes.

Belongs here: cutting writes and look-ups into calls, and matching results to objects by their ordinals. Does not:
what the objects are (`rows.py`, `subscribers.py`). A batch is not atomic: each object succeeds or fails alone [D].
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from et_platform.exacttarget.errors import ExactTargetError, MalformedReply
from et_platform.exacttarget.soap import Repeat, Soap

MOST_OBJECTS = 50
"""Objects in one synchronous call [D]."""

KEYS_IN_A_FILTER = 1000
"""Values in one IN filter: no limit is documented [K]; a database behind it allows about 2,000."""

NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot carry."""


def write_all(
    soap: Soap,
    operation: str,
    objects: Iterable[Any],
    *,
    what: str,
    options: Mapping[str, Any] | None = None,
    repeat: Repeat = Repeat.SAFE,
) -> list[Any]:
    """The results of Create, Update or Delete, in the order of `objects`.

    A call whose answer was lost is repeated, unless `repeat` says otherwise. Raises what `Soap.call` raises, and
    MalformedReply when results cannot be told apart; what earlier calls did then stays done, and a note says how many
    objects those were.
    """
    results: list[Any] = []
    to_send = iter(objects)
    while part := list(islice(to_send, MOST_OBJECTS)):
        try:
            message = soap.call(operation, what=what, repeat=repeat, Options=dict(options or {}), Objects=part)
            found = soap.parse(operation, message).Results
        except ExactTargetError as error:
            error.add_note(f"{len(results)} objects had their results before; the next {len(part)} are concerned.")
            raise
        if len(found) != len(part):
            raise MalformedReply(
                f"{what}: {len(part)} objects were sent and {len(found)} results came back, so which one failed is "
                "unknown. Read them back, or send them again: the same objects change nothing."
            )
        ordered: dict[int, Any] = {
            index if result.OrdinalID is None else result.OrdinalID: result for index, result in enumerate(found)
        }
        if ordered.keys() != set(range(len(part))):
            raise MalformedReply(f"{what}: the results' ordinals do not name each object once. Read them back.")
        results += [ordered[index] for index in range(len(part))]
    return results


def filters_of(soap: Soap, name: str, values: Iterable[str]) -> Iterator[Any]:
    """Filters that together find every object whose property `name` is one of `values`, each object once.

    A value that XML cannot carry finds nothing, and is left out.
    """
    # Each value once, compared without case as the service does: two parts must not find one object twice.
    wanted = iter({value.casefold(): value for value in values if not NOT_XML.search(value)}.values())
    while part := list(islice(wanted, KEYS_IN_A_FILTER)):
        operator = "IN" if len(part) > 1 else "equals"
        yield soap.types.SimpleFilterPart(Property=name, SimpleOperator=operator, Value=part)
