"""What the client imports, and that its errors are the tree that its docstring draws."""

import inspect
import re
import subprocess
import sys

import pytest

from et_platform.exacttarget import errors


@pytest.mark.parametrize("module", ["errors", "models", "connection"])
def test_values_and_errors_cost_no_import_of_zeep_or_asyncssh(module: str):
    code = f"import sys, et_platform.exacttarget.{module}; print([m for m in ('zeep', 'asyncssh', 'requests') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_client_alone_imports_nothing_else_of_the_platform():
    code = (
        "import sys, et_platform.exacttarget.client, et_platform.exacttarget.sftp, et_platform.exacttarget.ssh_transport; "
        "print(sorted({'.'.join(m.split('.')[:2]) for m in sys.modules if m.startswith('et_platform.')} | "
        "({'dagster'} & sys.modules.keys())))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['et_platform.exacttarget', 'et_platform.wsdl']"


def test_the_error_tree_is_the_one_that_is_drawn():
    assert errors.__doc__ is not None
    drawn: dict[str, str] = {}
    branch = ""
    for line in errors.__doc__.splitlines():
        found = re.match(r"    (│   |    )?[├└]── (\w+)", line)
        if found:
            is_leaf, name = found[1] is not None, found[2]
            drawn[name] = branch if is_leaf else "ExactTargetError"
            branch = branch if is_leaf else name
    real = {
        name: kind.__base__.__name__
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.ExactTargetError) and kind is not errors.ExactTargetError and kind.__base__
    }
    assert drawn == real
    assert {name for name, base in real.items() if base == "ExactTargetError"} == {
        "Retriable",
        "Fatal",
        "Rejected",
        "InDoubt",
    }
