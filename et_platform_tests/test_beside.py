"""What an absent sample means for a test: skipped with the reason, failed under CI."""

from __future__ import annotations

from pathlib import Path

import pytest

from et_platform_tests import beside

WHERE = "/ " + '"shared"'


@pytest.mark.parametrize(("ci", "ends_as"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_an_absent_sample_skips_and_fails_under_ci(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ci: str, ends_as: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    (tmp_path / "empty").mkdir()
    (tmp_path / "there").touch()
    for name in ("absent", "empty"):
        with pytest.raises(ends_as, match=f"the sample: not at ../shared/{name} beside the project"):
            beside.needed(tmp_path / name, "the sample")
    assert beside.needed(tmp_path / "there", "the sample") == tmp_path / "there"


def test_no_test_skips_by_itself_for_want_of_what_lies_beside_the_project() -> None:
    here = Path(__file__).parent
    named = [str(one.relative_to(here)) for one in here.rglob("*.py") if WHERE in one.read_text("utf-8")]
    assert sorted(named) == ["beside.py"]
