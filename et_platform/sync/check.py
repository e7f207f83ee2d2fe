"""A catalogue, checked as far as it can be without anything that it names: expressions, queries, models' columns.

What belongs here: what needs an SQL parser, and what needs to know the dbt models. What does not: what the YAML files
alone tell (catalog/catalog.py). Neither CRM nor ExactTarget is asked, and no secret is needed.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from et_platform.catalog.catalog import Catalog, Declared
from et_platform.catalog.loader import CatalogError
from et_platform.catalog.models import DataExtension
from et_platform.sync import sources
from et_platform.sync.expressions import BadExpression

Models = Mapping[tuple[str, str], Mapping[str, str]]
"""The columns of the dbt models with their SQL types, by the parts of their asset keys."""


def models_of(manifest: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, str]]:
    """The models of a dbt manifest, as far as a data extension can be fed by them."""
    kinds = {schema: kind for kind, schema in sources.SCHEMAS.items()}
    return {
        (kinds[node["schema"]], node["name"]): {
            name: (column.get("data_type") or "varchar").upper() for name, column in node["columns"].items()
        }
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["schema"] in kinds
    }


def problems(catalog: Catalog, models: Models | None) -> Iterator[str]:
    """`file:line: key: what, remedy` of all that would stop a plan. Without `models`, theirs are not looked at."""
    for declared in catalog.data_extensions.values():
        try:
            yield from _problems(catalog, declared, models)
        except CatalogError as error:
            yield str(error)


def _problems(catalog: Catalog, declared: Declared[DataExtension], models: Models | None) -> Iterator[str]:
    sources.upstream(declared)
    sources.lineage(catalog, declared)
    source = declared.is_.source
    try:
        if source.crm is not None:
            sources.of_snapshot(declared.is_, catalog.crm[source.crm].is_, "snapshot")
        elif source.model is not None and models is not None:
            kind, name = source.model
            columns = models.get(source.model)
            if columns is None:
                known = ", ".join(sorted(model for of, model in models if of == kind)) or "none"
                yield (
                    f"{declared.at('source', kind)}: source.{kind}: there is no dbt model {name!r} in "
                    f"models/{sources.SCHEMAS[kind]}; there are: {known}."
                )
            else:
                sources.of_table(declared.is_, columns, "model")
    except BadExpression as error:
        field = str(error).split(":")[0].removeprefix("fields.")
        at = declared.at("fields", field) if field in declared.is_.fields else declared.at("source")
        yield f"{at}: {error}."
