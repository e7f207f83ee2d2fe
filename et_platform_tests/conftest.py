"""What every test shares: a quiet Dagster, no settings of the person who runs the tests, one simulator."""

import os

import pytest

from et_platform_tests.simulated import running_simulator

os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
for _name in [name for name in os.environ if name.startswith("ET_")] + ["DAGSTER_HOME"]:
    os.environ.pop(_name, None)


@pytest.fixture(scope="session")
def exacttarget_info(tmp_path_factory):
    """The ready line of a simulator that many tests share; each uses its own data extensions."""
    with running_simulator(tmp_path_factory.mktemp("exacttarget") / "data") as simulator:
        yield simulator.info | {"ftp_folder": simulator.ftp_folder}
