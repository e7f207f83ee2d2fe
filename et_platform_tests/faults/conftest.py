"""One simulator for each module: pages of ten rows, and faults that are cleared after each test."""

import zlib

import pytest

from et_platform_tests.faults.ordering import Faults
from et_platform_tests.simulated import running_simulator
from et_platform_tests.simulator.soap import Soap


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    settings = ("--set", "summary_delay_seconds=0", "--set", "page_rows=10")
    with running_simulator(tmp_path_factory.mktemp("sim") / "data", *settings) as running:
        yield running


@pytest.fixture
def faults(simulator):
    faults = Faults(simulator.info)
    yield faults
    faults.clear()


@pytest.fixture(scope="module")
def soap(simulator):
    return Soap(simulator)


@pytest.fixture
def key(request):
    """A customer key of the test's own."""
    return f"key{zlib.crc32(request.node.nodeid.encode()):010d}"
