"""The dbt project: where it is, and its manifest, which is made anew when the project's files change.

What belongs here: finding the project and reading its manifest. What does not: running models (run.py).

Making the manifest takes dbt some seconds; reading it, none. It carries the fingerprint of the files that it was made
of, so a stale one is never taken for fresh, whatever the clock or git did to the files. Making it compiles the models
without any connection, and finds which columns each column comes from (lineage.py).
"""

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filelock import FileLock

from et_platform.dbt.errors import DbtError, ProjectBroken, ProjectMissing
from et_platform.dbt.process import finished
from et_platform.settings import Settings

Manifest = Mapping[str, Any]

PACKAGED = Path(__file__).parents[2] / "dbt_models"
"""Beside the package, in a checkout and in a wheel alike."""

_MISTAKES = ["NoNodeForYamlKey", "NodeNotFoundOrDisabled"]
"""What dbt only warns of: YAML that describes or tests a model that is not there, so that nothing is tested."""

_FORMAT = 1  # raise it when what is added to dbt's manifest changes
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Project:
    """A dbt project's folder, and the folder that our manifest is kept in (dbt's own, made by hand, lies beside)."""

    folder: Path
    target: Path


def find_project(settings: Settings) -> Project | None:
    """The project that the settings name. Without ET_DBT_PATH the packaged one, which goes with the packaged
    declarations: None where ET_CATALOG_PATH names others. Raises ProjectMissing.
    """
    if settings.dbt_path is None and settings.catalog_path is not None:
        return None
    folder = (settings.dbt_path or PACKAGED).absolute()
    if not (folder / "dbt_project.yml").exists():
        raise ProjectMissing(
            f"There is no dbt project in {folder}: dbt_project.yml is missing. Let ET_DBT_PATH name the folder of the "
            "models; unset, it is dbt_models beside the installed et_platform."
        )
    is_writable = os.access(folder, os.W_OK)
    return Project(folder, folder / "target/platform" if is_writable else settings.data_path.absolute() / "dbt/target")


def manifest(project: Project) -> Manifest:
    """The manifest of the project's files as they are now; dbt is started only if none is kept.

    Its nodes have `compiled_code`; `column_lineage` maps a model's id to {column: [(id, column), …]}; macros and dbt's
    own documentation are left out. When dbt cannot read the files, the last manifest is returned and the reason is
    logged, so that a mistake in a model takes nothing else down; without a last one, raises ProjectBroken.
    """
    path, wanted = project.target / "manifest.json", _fingerprint(project)
    last = _read(path)
    if last is not None and last["metadata"]["fingerprint"] == wanted:
        return last
    project.target.mkdir(parents=True, exist_ok=True)
    with FileLock(project.target / "manifest.lock"):
        last = _read(path)  # another process may have made it while we waited
        if last is not None and last["metadata"]["fingerprint"] == wanted:
            return last
        try:
            made = _make(project, wanted)
        except DbtError as error:
            if last is None:
                raise
            _LOG.error("The models are shown as they were before their last change. %s", error)
            return last
        scratch = path.with_suffix(".unfinished")
        scratch.write_text(json.dumps(made), encoding="utf-8")
        scratch.replace(path)
        return made


def _read(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _make(project: Project, fingerprint: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=project.target, prefix="compile-") as scratch:
        flags = ["--warn-error-options", json.dumps({"error": _MISTAKES})]
        code, complaint = finished(
            project.folder, [*flags, "compile", "--no-populate-cache", "--no-introspect"], target=Path(scratch)
        )
        if code:
            raise ProjectBroken(
                f"dbt cannot read the models in {project.folder}. {complaint} Correct the file, then reload the "
                "definitions; nothing else is affected."
            )
        made = json.loads(Path(scratch, "manifest.json").read_text(encoding="utf-8"))
    from et_platform.dbt.lineage import column_lineage  # the SQL parser is needed here alone

    made["metadata"]["fingerprint"] = fingerprint
    made["column_lineage"] = column_lineage(made)
    return made | {"macros": {}, "docs": {}}


def _fingerprint(project: Project) -> str:
    found = hashlib.sha256()
    for part in (str(_FORMAT), *(f"{name} {version(name)}" for name in ("dbt-core", "dbt-duckdb", "sqlglot"))):
        found.update(part.encode() + b"\0")
    for path in sorted(_files(project.folder)):
        found.update(str(path.relative_to(project.folder)).encode() + b"\0")
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name.startswith(".") or path.name in ("target", "logs"):
            continue
        if path.is_dir():
            yield from _files(path)
        else:
            yield path
