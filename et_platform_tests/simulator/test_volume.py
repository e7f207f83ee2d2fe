"""The benchmark of volume at one hundredth of its size."""

from __future__ import annotations

from pathlib import Path

from et_platform_tests.simulator import volume


def test_many_rows_in_several_imports_and_bounded_memory(tmp_path: Path) -> None:
    said: list[str] = []
    found = volume.run(tmp_path, rows=200_000, chunk=100_000, say=said.append)
    assert (found.rows, found.updated, len(found.seconds)) == (200_000, 100_000, 3), said
    assert found.peak_mib < 1024, said
