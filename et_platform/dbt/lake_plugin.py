"""dbt's way into the lake: a plugin of dbt-duckdb, named in dbt_models/profiles.yml.

What belongs here: what must happen around the one DuckDB connection of a dbt run. What does not: models.

dbt opens its connection when it has read and compiled everything and is about to run the first statement. Only then
is the lake's write lock taken, so that nobody waits for dbt's start; the end of the process frees it, whatever ends it.
"""

import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.plugins import BasePlugin

from et_platform.warehouse.lake import CATALOGUE, CONFIGURATION, Lake, attach

ALIAS = "lake"
_PREFIX, _SUFFIX = "ducklake:sqlite:", f"/{CATALOGUE}"


class Plugin(BasePlugin):
    """Holds the write lock of the lake that the profile attaches, and attaches it as the platform does.

    `lock_seconds` in the profile's plugin config: how long to wait for another writer; 600 by default.
    """

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Called with the profile's `config`; opens nothing."""
        self._lock_seconds = float(plugin_config.get("lock_seconds", 600))
        self._held = ExitStack()

    def update_connection_config(self, creds: DuckDBCredentials, config: dict[str, Any]) -> None:
        """Before DuckDB is opened: no extension from the network, and a place for what does not fit into memory."""
        config.update(CONFIGURATION, temp_directory=str(self._folder / "spill"))

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """The first connection is opened: from here to the end of the process nobody else writes. Raises LakeBusy."""
        self._held.close()  # of an attempt that failed below: dbt tries again, and would wait for itself
        self._held.enter_context(Lake(self._folder, lock_seconds=self._lock_seconds).locked())
        shutil.rmtree(self._folder / "spill", ignore_errors=True)  # what a killed run left
        attach(conn, self._folder)  # dbt-duckdb's own ATTACH IF NOT EXISTS then finds it there

    @property
    def _folder(self) -> Path:
        paths = [one.path for one in (self.creds.attach if self.creds else None) or () if one.alias == ALIAS]
        if len(paths) != 1 or not (paths[0].startswith(_PREFIX) and paths[0].endswith(_SUFFIX)):
            raise ValueError(f"The profile must attach {_PREFIX}<folder>{_SUFFIX} as {ALIAS}; it attaches {paths}.")
        return Path(paths[0].removeprefix(_PREFIX).removesuffix(_SUFFIX)).absolute()
