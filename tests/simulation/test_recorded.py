"""The record of long campaigns: whole blocks only, and never another verdict in place of one."""

import json

import pytest

from rebalancer.errors import DataError
from tests.simulation import recorded


def outcomes(path, seeds, **more):
    """Write outcomes of seeds."""
    line = {"violations": [], "goals": {"kill": 1}, "orders": 2, "seconds": 60, "program": "abc"}
    rows = ({**line, "seed": seed, "trace": f"{seed:064x}", **more} for seed in seeds)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(autouse=True)
def small(tmp_path, monkeypatch):
    """Let a block be ten seeds, and the record begin empty."""
    monkeypatch.setattr(recorded, "RECORD", tmp_path / "record.jsonl")
    monkeypatch.setattr(recorded, "BLOCK", 10)


def test_whole_blocks(tmp_path, capsys):
    """What is missing a seed is not written down yet; the sum tells the rest."""
    told = outcomes(tmp_path / "told.jsonl", [*range(20), 21, 22])
    recorded.write(told)
    recorded.write(told)
    recorded.tell()

    assert [0, 10] == list(recorded.known())
    assert capsys.readouterr().out.startswith("20 seeds, 1,200 virtual seconds, 40 orders\n")


@pytest.mark.parametrize(
    ("part", "other"),
    [("trace", "f" * 64), ("violations", [["I1", 5, "twice"]]), ("goals", {"kill": 2})],
)
def test_another_verdict(tmp_path, part, other):
    """Seeds that show something else now are no part of the same record."""
    recorded.write(outcomes(tmp_path / "told.jsonl", range(10)))
    before = recorded.RECORD.read_text()
    with pytest.raises(DataError, match=f"0: must have the {part} of before"):
        recorded.write(outcomes(tmp_path / "told.jsonl", range(10), **{part: other}))

    assert before == recorded.RECORD.read_text()
