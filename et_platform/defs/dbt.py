"""staging/<model>, mart/<model>, …: the dbt models on the lake, with their tests as checks.

A model in dbt_models/models/marts/x.sql is the asset mart/x: no Python names any model.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from et_platform.absent import absent
from et_platform.dbt.project import Manifest, Project, manifest
from et_platform.dbt.run import NodeResult, row_count
from et_platform.dbt.run import build as run_models
from et_platform.presentation import explained_failures, markdown_table
from et_platform.resources import Platform

# dbt runs in a process of its own. dagster-dbt does without it, as it does beside dbt's other engine, if it finds none;
# importing it would add a second to the start of every run.
with absent("dbt.version"):
    from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets
    from dagster_dbt.asset_utils import get_updated_cli_invocation_params_for_context
    from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

Told = dg.Output | dg.AssetMaterialization | dg.AssetCheckResult | dg.AssetCheckEvaluation | dg.AssetObservation


def build(project: Project) -> dg.AssetsDefinition:
    """The assets of all models of a project; one step runs those that are selected, in one dbt run."""
    models = manifest(project)
    translator = Translator(project)

    @dbt_assets(name="dbt_models", manifest=models, dagster_dbt_translator=translator)
    def assets(context: dg.AssetExecutionContext, platform: Platform) -> Iterator[Told]:
        with explained_failures():
            road = platform.dbt_road(project, tell=context.log.info)
            selected = get_updated_cli_invocation_params_for_context(context, models, translator)
            # Of some models, dbt would also run the tests of others that refer to them, which may not be built yet.
            tests = {"DBT_INDIRECT_SELECTION": selected.indirect_selection or "buildable"}
            for result in run_models(road, arguments=selected.selection_args, environment=tests):
                node = models["nodes"].get(result.id)
                if node is None:
                    context.log.warning(f"{result.name} is newer than these definitions: reload them to see it.")
                    continue
                for told in _told(result, models, translator, context):
                    if isinstance(told, dg.Output):
                        told = _with(told, {"dagster/row_count": row_count(road, node["relation_name"])})
                    elif isinstance(told, dg.AssetCheckResult) and not told.passed:
                        told = _with(told, {"the rows, by": dg.MetadataValue.md(f"```sql\n{_query(node)}\n```")})
                    yield told

    return assets


def _told(
    result: NodeResult, models: Manifest, translator: "Translator", context: dg.AssetExecutionContext
) -> Iterator[Told]:
    event = DbtCoreCliEventMessage(raw_event=dict(result.event), event_history_metadata={})
    yield from event.to_default_asset_events(models, translator, context)


def _with(told: dg.Output | dg.AssetCheckResult, metadata: Mapping[str, Any]) -> Told:
    return told.with_metadata({**(told.metadata or {}), **metadata})


def _query(node: Mapping[str, Any]) -> str:
    return "\n".join(line for line in node["compiled_code"].splitlines() if line.strip())


class Translator(DagsterDbtTranslator):
    """How a model is named and shown."""

    def __init__(self, project: Project):
        super().__init__(
            DagsterDbtTranslatorSettings(enable_source_metadata=False, enable_duplicate_source_asset_keys=True)
        )
        self._folder = project.folder

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """The model's folder and name; a source's key is declared (meta.dagster.asset_key)."""
        if dbt_resource_props["resource_type"] == "source":
            return super().get_asset_key(dbt_resource_props)
        return dg.AssetKey([_prefix(dbt_resource_props), dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The group of a model is its prefix."""
        return None if dbt_resource_props["resource_type"] == "source" else _prefix(dbt_resource_props)

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """What the model's YAML says; the SQL is a click away."""
        return dbt_resource_props["description"]

    def get_metadata(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, Any]:
        """dagster-dbt's, with columns that say what is about persons, and the files of the model."""
        columns = [
            dg.TableColumn(
                column["name"],
                column.get("data_type") or "?",
                description=column["description"] or None,
                tags={"pii": column["meta"]["pii"]} if "pii" in column["meta"] else {},
            )
            for column in dbt_resource_props["columns"].values()
        ]
        return {
            **super().get_metadata(dbt_resource_props),
            "dagster/column_schema": dg.TableSchema(columns=columns),
            "dagster/code_references": dg.CodeReferencesMetadataValue(code_references=self._files(dbt_resource_props)),
        }

    def get_asset_spec(self, manifest: Manifest, unique_id: str, project: Any) -> dg.AssetSpec:
        """dagster-dbt's, with the lineage of columns, for the graph and as a table."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        lineage = manifest["column_lineage"].get(unique_id)
        if lineage is None:
            return spec
        relations = {**manifest["nodes"], **manifest["sources"]}
        deps = {
            column: [dg.TableColumnDep(self.get_asset_key(relations[id_]), source) for id_, source in sources]
            for column, sources in lineage.items()
        }
        rows = [
            (column, ", ".join(f"{dep.asset_key.to_user_string()}: {dep.column_name}" for dep in of))
            for column, of in deps.items()
        ]
        return spec.merge_attributes(
            metadata={
                "dagster/column_lineage": dg.TableColumnLineage(deps),
                "mapping": dg.MetadataValue.md(markdown_table(("column", "made of"), rows)),
            }
        )

    def _files(self, props: Mapping[str, Any]) -> list[dg.LocalFileCodeReference | dg.UrlCodeReference]:
        files = [("model", props["original_file_path"])]
        if props.get("patch_path"):
            files.append(("declaration", props["patch_path"].split("://", 1)[1]))
        return [
            dg.LocalFileCodeReference(file_path=str(Path(self._folder, file)), line_number=1, label=label)
            for label, file in files
        ]


def _prefix(props: Mapping[str, Any]) -> str:
    """The folder below `models` that the model is in, in the singular: marts → mart; without one, what it is."""
    _package, *folders, _name = props["fqn"]
    return folders[0].removesuffix("s") if folders else props["resource_type"]
