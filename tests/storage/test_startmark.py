"""The mark of a start: there until an end in order."""

import pytest

from rebalancer.errors import DataError
from rebalancer.storage.startmark import LONGEST, StartMark


def test_a_life(tmp_path):
    """Made, added to and taken away; each time what is there is what was said last."""
    mark, seen = StartMark(tmp_path), []
    for do in (
        lambda: None,
        lambda: mark.make("process 7"),
        lambda: mark.add("killed"),
        lambda: mark.make("process 8"),
        mark.clear,
        mark.clear,
    ):
        do()
        seen.append(mark.left())

    assert [None, "process 7", "process 7; killed", "process 8", None, None] == seen
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "it left no word"), (b"\xff", "\ufffd"), (b"x" * 9_000, "x" * LONGEST)],
)
def test_any_content(tmp_path, content, told):
    """Whatever it holds, a mark that is there was left."""
    (tmp_path / "running").write_bytes(content)

    assert told == StartMark(tmp_path).left()


def test_unreadable(tmp_path):
    """One that cannot be read was left too; one that cannot be written ends a start."""
    (tmp_path / "running").mkdir()

    assert (StartMark(tmp_path).left() or "").startswith("its mark cannot be read")
    with pytest.raises(DataError):
        StartMark(tmp_path).make("process 7")
