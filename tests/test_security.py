"""Each thing that somebody might do to us has a test, and no marker names anything else."""

import pytest

from tests import security


def test_each_requirement_has_a_test():
    """What has no test is told by its name."""
    known = security.proofs()

    assert [] == [name for name in security.REQUIREMENTS if not known.get(name)]


def test_each_marker_is_listed():
    """A marker, or a line of the table, that names no requirement is told with its tests."""
    known = security.proofs()
    odd = {name: tests for name, tests in known.items() if name not in security.REQUIREMENTS}

    assert {} == odd


def test_each_name_is_a_test():
    """A test that is named in the table is there."""
    assert [] == security.lost()


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("test_one.py::test_it", []),
        ("test_one.py::test_other", ["test_one.py::test_other"]),
        ("test_two.py::test_it", ["test_two.py::test_it"]),
    ],
)
def test_lost_names_are_found(tmp_path, name, found):
    """A test that was renamed or taken away is missed."""
    (tmp_path / "test_one.py").write_text("def test_it():\n    pass\n")

    assert found == security.lost({"x": (name,)}, tmp_path)


def test_markers_are_read(tmp_path):
    """Every name of every marker is found."""
    (tmp_path / "tests").mkdir()
    told = 'import pytest\n\n\n@pytest.mark.secures("a", "b")\nasync def test_it():\n    pass\n'
    (tmp_path / "tests" / "test_one.py").write_text(told)

    one = ["tests/test_one.py::test_it"]
    assert {"a": one, "b": one} == security.proofs(tmp_path / "tests")


def test_sentences():
    """Each requirement is one line."""
    assert all(0 < len(words) <= 100 for words in security.REQUIREMENTS.values())
