"""The demo's world: one folder with a seeded CRM, a local ExactTarget's data, and the settings that join them.

What belongs here: making and starting it. What does not: the story (story.py) and the CRM's content (crm.py).
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from et_platform.demo import crm
from et_platform.processes import running

FOLDER = Path(".etp/demo")


class DemoFailed(Exception):
    """The demo's world could not be made; the message says what to do."""


@dataclass(frozen=True)
class World:
    """The folder's parts. `env_file` holds the ET_* settings of the running demo, readable by its owner only."""

    folder: Path

    @property
    def crm(self) -> Path:
        """The CRM's database."""
        return self.folder / "crm.sqlite"

    @property
    def env_file(self) -> Path:
        """The settings that join the parts."""
        return self.folder / "demo.env"

    @property
    def exacttarget(self) -> Path:
        """The local ExactTarget's data."""
        return self.folder / "exacttarget"


def seed_once(world: World, *, customers: int) -> crm.SeedReport | None:
    """Seed the CRM unless it is there already; the report of what was seeded, or None."""
    world.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return None if world.crm.exists() else crm.seed(world.crm, customers=customers)


@contextlib.contextmanager
def exacttarget_running(world: World) -> Iterator[dict[str, str]]:
    """Run the local ExactTarget for the block and write the env file; yields the ET_* settings."""
    command = [sys.executable, "-m", "et_platform.simulator", "--data", str(world.exacttarget)]
    log = world.folder / "exacttarget.log"
    with running(command, output=subprocess.PIPE, log=log) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise DemoFailed(f"The local ExactTarget did not start; {log} says why.")
        settings = _settings(world, json.loads(line))
        world.env_file.touch(mode=0o600)
        world.env_file.write_text("".join(f"{key}='{value}'\n" for key, value in settings.items()), encoding="utf-8")
        yield settings


def _settings(world: World, told: dict[str, str | int]) -> dict[str, str]:
    names = ("auth_url", "client_id", "client_secret", "mid")
    names += ("sftp_host", "sftp_port", "sftp_user", "sftp_password", "sftp_host_key")
    return {
        "ET_CRM_URL": f"sqlite:///{world.crm.absolute()}",
        "ET_DATA_PATH": str((world.folder / "data").absolute()),
        **{f"ET_{name.upper()}": str(told[name]) for name in names},
        # The local ExactTarget may be asked more often than the real one.
        "ET_POLL_SECONDS": "0.2",
        "ET_DOUBT_DEADLINE_SECONDS": "20",
    }
