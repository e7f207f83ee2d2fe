"""What tests of the outbound road share: a process whose children are killed."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session")
def victims(exacttarget_info) -> Iterator[Callable[..., Any]]:
    """Asks the server of victims (kill_server.py), and returns its answer."""
    info = {name: str(value) for name, value in exacttarget_info.items()}
    command = [sys.executable, "-m", "et_platform_tests.outbound.kill_server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None

        def ask(do: str, **request: Any) -> Any:
            server.stdin.write(json.dumps({"do": do, "info": info, **request}) + "\n")
            server.stdin.flush()
            line = server.stdout.readline()
            assert line, "the server of victims is gone; its standard error says why"
            said = json.loads(line)
            assert "answer" in said, said.get("failed")
            return said["answer"]

        yield ask
        server.stdin.close()
        server.wait(timeout=60)
