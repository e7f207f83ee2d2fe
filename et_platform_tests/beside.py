"""Third-party material that lies beside the project and is never part of it: recorded replies, the vendor's WSDL, facts.

What belongs here: where it is, and what its absence means: a test that reads it is skipped with the reason, and fails
under CI, where nothing may be skipped for want of it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[1].parent / "shared"
RECORDED = SHARED / "recorded"
VENDOR_WSDL = SHARED / "etframework.wsdl"
FACTS = SHARED / "exacttarget.md"


def needed(path: Path, what: str) -> Path:
    """The path, if something is there (a folder must not be empty); else the test is skipped, and fails under CI."""
    there = any(path.iterdir()) if path.is_dir() else path.is_file()
    if not there:
        absent = pytest.fail if os.environ.get("CI") else pytest.skip
        absent(f"{what}: not at ../shared/{path.name} beside the project")
    return path
