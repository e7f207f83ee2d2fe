"""One simulator for each module: pages of ten rows, and faults that are cleared after each test."""

import zlib

import pytest

from et_platform.exacttarget.client import ExactTarget
from et_platform_tests.exacttarget.scripted import AT_ONCE, QUICK, simulated_connection
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


@pytest.fixture
def exacttarget(simulator):
    """The real client, which gives up on an answer after a second or two and repeats at once."""
    timeouts = QUICK.model_copy(update={"ftp": 1.5, "connect": 1.5})
    with ExactTarget(simulated_connection(simulator.info), timeouts=timeouts, retries=AT_ONCE) as client:
        yield client
