"""Each trap of each venue has a test that bears its name, and no marker names anything else."""

import pytest

from tests import traps


def test_each_trap_has_a_test():
    """A trap without a marked test at a venue that it concerns is told by both names."""
    known = traps.proofs()
    missing = [f"{trap} at {venue}" for trap, venue in traps.wanted() if (trap, venue) not in known]

    assert not missing, "no test is marked with:\n" + "\n".join(missing)


def test_each_marker_is_listed():
    """A marker that names no trap of the table, or no venue of the trap, is told with its test."""
    listed = set(traps.wanted())
    odd = [
        f"{test}: {trap} at {venue or 'no venue'}"
        for (trap, venue), tests in traps.proofs().items()
        if (trap, venue) not in listed
        for test in tests
    ]

    assert not odd, "the table does not list:\n" + "\n".join(odd)


@pytest.mark.parametrize(
    ("marker", "found"),
    [
        ('"X02", "okx", "bybit"', {("X02", "okx"), ("X02", "bybit")}),
        ('"X02"', {("X02", "")}),
        ('"X99", "okx"', {("X99", "okx")}),
    ],
)
def test_markers_are_read(tmp_path, monkeypatch, marker, found):
    """Every marker of every file is found, with each of its venues, and whether it has any."""
    monkeypatch.setattr(traps, "ROOT", tmp_path)
    told = f"@pytest.mark.trap({marker})\nasync def test_it():\n    pass\n"
    (tmp_path / "test_one.py").write_text(f"import pytest\n\n\n{told}")

    assert {each: ["test_one.py::test_it"] for each in found} == traps.proofs(tmp_path)


def test_sentences():
    """Each trap is told in one line, and each line of the table fits a terminal."""
    assert all(0 < len(trap.wrong) <= 100 for trap in traps.TRAPS.values())
    assert max(len(line) for line in traps.table().splitlines()) <= 140
