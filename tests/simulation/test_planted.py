"""Planted bugs: each has its place in the tree as it is today."""

from pathlib import Path

import pytest

from tests.simulation.planted import BUGS, FOREIGN, Bug

ROOT = Path(__file__).resolve().parents[2]


def places(bug: Bug) -> list[tuple[str, str, str]]:
    """Return file, text and what it becomes of a bug and of what stands beside it."""
    here = (bug.file, bug.before, bug.after)
    return [here] if bug.beside is None else [here, *places(bug.beside)]


@pytest.mark.parametrize("name", [*BUGS, *FOREIGN])
def test_place(name):
    """A bug whose text is gone would be planted nowhere, and never be looked for again."""
    bug = {**BUGS, **FOREIGN}[name]

    assert [1] * len(places(bug)) == [
        (ROOT / file).read_text().count(before) for file, before, _ in places(bug)
    ]


@pytest.mark.parametrize("name", [*BUGS, *FOREIGN])
def test_changes(name):
    """And it does change something, that is still Python."""
    for file, before, after in places({**BUGS, **FOREIGN}[name]):
        text = (ROOT / file).read_text().replace(before, after)
        assert before != after
        compile(text, file, "exec")
