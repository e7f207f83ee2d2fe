from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from et_platform_tests import beside
from et_platform_tests.simulated import Simulator, running_simulator
from et_platform_tests.simulator.soap import Soap


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """One simulator per test module; tests use keys of their own."""
    with running_simulator(tmp_path_factory.mktemp("sim") / "data", "--set", "summary_delay_seconds=0") as running:
        yield running


@pytest.fixture(scope="module")
def soap(simulator: Simulator) -> Soap:
    return Soap(simulator)


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    """A customer key of the test's own, at most 36 characters."""
    return f"key{zlib.crc32(request.node.nodeid.encode()):010d}"


@pytest.fixture(scope="session")
def recorded() -> Path:
    return beside.needed(beside.RECORDED, "the recorded replies")


@pytest.fixture(scope="session")
def vendor_wsdl() -> Path:
    return beside.needed(beside.VENDOR_WSDL, "the vendor's WSDL")
