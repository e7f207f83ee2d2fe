"""Who may import whom (design: the house). Read from the source, so nothing is imported to find out."""

import ast
from pathlib import Path

import pytest

import et_platform

ROOT = Path(et_platform.__file__).parent

LEAF = {"duckdb_support"}
RULES: dict[str, set[str]] = {
    # package or module: the parts of et_platform that it may import, besides itself
    "absent": set(),
    "duckdb_support": set(),
    "settings": set(),
    "processes": set(),
    "liveness": set(),
    "catalog": set(),
    "wsdl": set(),
    "sync": LEAF | {"catalog"},
    "exacttarget": {"wsdl"},
    "crm": LEAF,
    "warehouse": LEAF | {"catalog"},
    "ledger": {"liveness"},
    "ingest": LEAF | {"catalog"},
    "outbound": LEAF | {"catalog", "crm", "exacttarget", "ledger", "sync", "warehouse"},
    "segments": LEAF | {"catalog", "exacttarget", "ledger", "outbound", "sync"},
    "inbound": LEAF | {"catalog", "crm", "exacttarget", "ingest", "ledger", "sync", "warehouse"},
    "trace": LEAF | {"catalog", "exacttarget", "ledger", "sync", "warehouse"},
    "dbt": LEAF | {"catalog", "liveness", "processes", "settings", "sync", "warehouse"},
    "shared_limits": {"exacttarget", "ledger"},
    "resources": {
        *("settings", "catalog", "crm", "dbt", "exacttarget", "inbound", "ledger", "outbound", "shared_limits"),
        "warehouse",
    },
    "presentation": LEAF
    | {
        *("settings", "catalog", "crm", "dbt", "exacttarget", "inbound", "ingest", "ledger", "outbound"),
        *("segments", "warehouse"),
    },
    "partitions": {"catalog"},
    "defs": {
        *("absent", "catalog", "dbt", "exacttarget", "inbound", "ingest", "ledger", "outbound", "partitions"),
        *("presentation", "resources", "segments", "sync", "warehouse"),
    },
    "definitions": {"settings", "catalog", "dbt", "defs", "resources"},
    "instance": {"settings", "catalog", "definitions", "liveness", "resources", "sync"},
    "many": {"settings", "catalog", "instance", "presentation", "terminal"},
    "terminal": {"presentation"},
    "ui": {"processes"},
    "login_page": {"exacttarget"},
    "simulator": set(),
    "demo": {*("settings", "catalog", "inbound", "instance", "processes", "pull", "terminal", "ui")},
    "pull": {"settings", "catalog", "defs", "inbound", "ingest", "instance", "ledger", "resources"},
    "cli": {
        *(
            "settings",
            "catalog",
            "exacttarget",
            "instance",
            "login_page",
            "many",
            "terminal",
            "ui",
            "demo",
            "dbt",
            "sync",
        ),
        *("inbound", "ledger", "outbound", "presentation", "pull", "resources", "trace"),
    },
}
FORBIDDEN_LIBRARIES: dict[str, set[str]] = {
    "catalog": {"dagster", "duckdb", "sqlalchemy", "requests", "zeep", "asyncssh"},
    "sync": {"dagster", "requests", "zeep", "asyncssh", "sqlalchemy", "os", "pathlib", "time", "datetime", "socket"},
    "exacttarget": {"dagster", "duckdb", "sqlalchemy"},
    "crm": {"dagster", "zeep", "asyncssh", "requests"},
    "warehouse": {"dagster", "zeep", "asyncssh", "requests", "sqlalchemy"},
    "ledger": {"dagster", "zeep", "asyncssh", "requests", "duckdb"},
    "dbt": {"dagster", "dagster_dbt", "zeep", "asyncssh", "requests", "sqlalchemy"},
    "ingest": {"dagster", "zeep", "asyncssh", "requests", "sqlalchemy"},
    "outbound": {"dagster", "zeep", "asyncssh", "requests", "sqlalchemy"},
    "segments": {"dagster", "zeep", "asyncssh", "requests", "sqlalchemy"},
    "inbound": {"dagster", "zeep", "asyncssh", "requests", "sqlalchemy"},
    "trace": {"dagster", "zeep", "asyncssh", "requests", "sqlalchemy"},
    "simulator": {"dagster", "zeep", "paramiko"},
}


def part_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import on line {node.lineno}; imports are absolute here"
            assert node.module is not None
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


MODULES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_what_its_part_may(path: Path):
    part = part_of(path)
    assert part in RULES, f"et_platform/{part} is not in the rules: say what it may import"
    ours = {name.split(".")[1] for name in imports(path) if name.startswith("et_platform.")}
    assert ours - {part} <= RULES[part]
    libraries = {name.split(".")[0] for name in imports(path)}
    assert not libraries & FORBIDDEN_LIBRARIES.get(part, set())


@pytest.mark.parametrize("path", sorted((ROOT / "defs").glob("*.py")), ids=lambda path: path.stem)
def test_a_module_of_defs_imports_no_sibling(path: Path):
    siblings = {f"et_platform.defs.{other.stem}" for other in (ROOT / "defs").glob("*.py")}
    assert not imports(path) & siblings


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_belongs_there_and_stays_small(path: Path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "a module opens with what belongs in it and what does not"
    assert path.stat().st_size <= 15 * 1024, "over 15 KB: split by reason to change"


def test_the_simulator_is_named_by_its_command_alone():
    naming = {
        str(path.relative_to(ROOT))
        for path in MODULES
        if part_of(path) != "simulator" and "et_platform.simulator" in path.read_text(encoding="utf-8")
    }
    # The command's table imports it by name when it is asked for; the demo starts it as a process of its own.
    assert naming == {"cli/main.py", "demo/loop.py", "demo/world.py"}
    assert not any(
        "et_platform.simulator" in name for path in MODULES if part_of(path) != "simulator" for name in imports(path)
    )
