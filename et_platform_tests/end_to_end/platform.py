"""The platform as its users meet it: `etp` in a process of its own, on a demo world below one folder."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from et_platform.demo import crm

ETP = [sys.executable, "-m", "et_platform.cli"]


@dataclass
class Platform:
    """A seeded CRM, a simulator's settings, and an `etp` that uses them."""

    folder: Path
    environment: dict[str, str]

    def etp(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run `etp` with these arguments and wait for it."""
        return subprocess.run(
            [*ETP, *arguments],
            cwd=self.folder,
            env=self.environment | changes,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )

    def without(self, *names: str) -> "Platform":
        """The same platform with settings missing."""
        return Platform(self.folder, {k: v for k, v in self.environment.items() if k not in names})


def platform_in(folder: Path, info: Mapping[str, object], *, customers: int, customer_key: str) -> Platform:
    """Seed a CRM in `folder` and join it with a simulator; the catalogue is the packaged one under another key."""
    import et_platform.catalog as packaged

    folder.mkdir(parents=True, exist_ok=True)
    crm.seed(folder / "crm.sqlite", customers=customers)
    declarations = ("crm/customers", "data_extensions/customers", "writeback/customers", "extracts/tracking")
    for path in (Path(packaged.__file__).parent / f"{name}.yaml" for name in declarations):
        copy = folder / "catalog" / path.parent.name / path.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text("utf-8")
        text = text.replace("NTO_Customers", customer_key).replace("Northern Trail Customers", customer_key)
        # A small CRM is dirtier: every kind of dirt occurs at least once.
        text = text.replace("maximum_quarantine_share: 0.1", "maximum_quarantine_share: 0.9")
        copy.write_text(text, "utf-8")
    names = ("auth_url", "client_id", "client_secret", "mid")
    names += ("sftp_host", "sftp_port", "sftp_user", "sftp_password", "sftp_host_key")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "ET_CRM_URL": f"sqlite:///{folder / 'crm.sqlite'}",
        "ET_DATA_PATH": str(folder / "data"),
        "ET_CATALOG_PATH": str(folder / "catalog"),
        "ET_POLL_SECONDS": "0.05",
        "ET_DOUBT_DEADLINE_SECONDS": "3",
        **{f"ET_{name.upper()}": str(info[name]) for name in names},
    }
    return Platform(folder, environment)


def figures(output: str, asset: str) -> dict[str, str]:
    """The `name: value` lines that `etp` printed for an asset."""
    found: dict[str, str] = {}
    inside = False
    for line in output.splitlines():
        if not line.startswith(" "):
            inside = line.strip() == asset
        elif inside and ": " in line and not line.startswith("     "):
            name, value = line.strip().split(": ", 1)
            found[name] = value
    return found
