"""Of which fields a segment's fields are made, read from its SQL or its filter.

What belongs here: lineage of columns, with a parser of T-SQL. What does not: which data extensions are read, for that
a scanner is enough (catalog/queried.py).
"""

from collections.abc import Iterator

from et_platform.catalog.catalog import Catalog, Declared
from et_platform.catalog.conflicts import reads_asset
from et_platform.catalog.segment import Segment

Place = tuple[str, str, str]
"""Prefix and name of an asset, and its column."""


def lineage(catalog: Catalog, declared: Declared[Segment]) -> dict[str, list[Place]]:
    """Of each field of the result, the fields of declared data extensions that it is made of.

    What a query makes of data views, and all of a query that the parser cannot follow, has none.
    """
    if declared.is_.filter is not None:
        of = declared.is_.filter.of
        source = ("segment", of.segment) if of.segment is not None else ("data_extension", of.data_extension)
        prefix, name = source
        known = _fields(catalog).get((prefix, name), []) if name is not None else []
        same = {field.lower(): field for field in known}
        return {
            field: [(prefix, name, same[field.lower()])] if name is not None and field.lower() in same else []
            for field in declared.is_.into.fields
        }
    return {field: sorted(set(_made_of(catalog, declared, field))) for field in declared.is_.into.fields}


def _fields(catalog: Catalog) -> dict[tuple[str, str | None], list[str]]:
    """The fields of everything that is declared, by asset."""
    extensions = {("data_extension", name): list(one.is_.made_fields) for name, one in catalog.data_extensions.items()}
    return {**extensions, **{("segment", name): list(one.is_.into.fields) for name, one in catalog.segments.items()}}


def _made_of(catalog: Catalog, declared: Declared[Segment], field: str) -> Iterator[Place]:
    from sqlglot import exp  # slow to import, and needed for queries alone
    from sqlglot.errors import SqlglotError
    from sqlglot.lineage import lineage as follow

    fields = _fields(catalog)
    named = {one.is_.name: ("data_extension", name) for name, one in catalog.data_extensions.items()}
    named |= {one.is_.into.name: ("segment", name) for name, one in catalog.segments.items()}
    known = {name: dict.fromkeys(fields[asset], "varchar") for name, asset in named.items()}
    try:
        nodes = list(follow(field, declared.is_.query or "", known, dialect="tsql").walk())
    except (SqlglotError, ValueError):
        return
    for node in nodes:
        table = node.source
        if node.downstream or not isinstance(table, exp.Table):
            continue
        asset = reads_asset(catalog, table.name)
        column = exp.to_column(node.name).name
        if asset is not None:
            yield from ((*asset, one) for one in fields[asset] if one.lower() == column.lower())
