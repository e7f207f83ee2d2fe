"""The script file, and the board that it fills."""

import pytest

from et_platform.simulator.faults import script
from et_platform.simulator.faults.board import Board, UnknownFault
from et_platform.simulator.faults.plan import Occasion

GOOD = """
seed: 7
faults:
  - {effect: throttle, operation: Update, times: 3}
  - effect: maintenance
    name: night
    lasts: 60
"""


def test_a_script_is_read(tmp_path):
    (tmp_path / "f.yaml").write_text(GOOD)
    read = script.read(tmp_path / "f.yaml")
    assert read.seed == 7
    assert [(one.effect, one.name, one.times) for one in read.faults] == [
        ("throttle", "", 3),
        ("maintenance", "night", "always"),
    ]
    assert script.parse("") == script.Script()


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("faults: [", "is no YAML"),
        ("- a", "a script has `faults`"),
        ("fault: []", "a script has `faults`"),
        ("seed: x", "seed must be a whole number, not 'x'"),
        ("faults: {a: 1}", "faults must be a list"),
        ("faults:\n- cut", "line 2: a fault is a mapping"),
        ("faults:\n- {effect: cut}\n- {effect: cut, at: moon}", "line 3: at: cut is possible"),
        ("faults:\n- {effect: cut, name: a}\n\n- {effect: cut, name: a}", "line 4: the name a is taken"),
    ],
)
def test_mistakes_name_the_file_the_line_and_the_field(tmp_path, text, part):
    path = tmp_path / "f.yaml"
    path.write_text(text)
    with pytest.raises(script.ScriptError) as raised:
        script.read(path)
    assert part in str(raised.value)
    assert str(path) in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(script.ScriptError, match=r"none\.yaml cannot be read"):
        script.read(tmp_path / "none.yaml")


def test_the_board_names_replaces_and_records():
    board = Board(script.parse(GOOD).faults)
    assert [one["name"] for one in board.shown()["faults"]] == ["throttle-1", "night"]
    assert not board.is_up("sftp")
    occasion = Occasion("soap", operation="Update", keys=("C",))
    assert [fault.name for _ in range(5) if (fault := board.meet(occasion))] == ["throttle-1"] * 3 + ["night"] * 2
    first = board.shown()["strikes"][0]
    assert (first["number"], first["name"], first["effect"], first["keys"]) == (1, "throttle-1", "throttle", ["C"])
    assert [one["over"] for one in board.shown()["faults"]] == [True, False]
    board.clear(["night"])
    assert not board.is_up("soap"), "what is over costs nothing any more"
    with pytest.raises(UnknownFault, match="no fault night; there are: throttle-1"):
        board.release(["night"])
    assert len(board.shown()["strikes"]) == 5
    board.clear()
    assert board.shown() == {"faults": [], "strikes": []}
