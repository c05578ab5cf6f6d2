"""A recorded flight makes the decisions of its journal again, and whatever was changed is named."""

import json
import shutil

import pytest

from rebalancer.errors import DataError, UsageError
from rebalancer.research.verification import verify
from tests.research.flights import Kept
from tests.runtime.test_room import Premises


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A book that ran once, in order."""
    kept = Kept(tmp_path_factory.mktemp("ran") / "state")
    return kept, kept.run()


@pytest.fixture
def kept(ran, tmp_path):
    """Return a copy of it that may be spoilt."""
    return Kept(shutil.copytree(ran[0].folder, tmp_path / "state"))


def test_agrees(ran):
    """What was decided is decided again: every decision, order, booking and latch."""
    kept, outcome = ran
    (start,) = (told := verify(kept.journal)).starts
    tally = outcome.running.engine.tally

    assert told.agrees
    assert outcome.digest == told.digest == told.stored
    assert (tally.events, tally.orders + tally.refusals) == (start.events, start.decisions)
    assert tally.orders == start.orders >= 10
    assert (True, 0, 0) == (start.whole, start.unrecorded, start.unwritten)


def test_two_starts(tmp_path):
    """A restart that finds a latch and counters of before verifies as well, each from its own."""
    kept = Kept(tmp_path / "state")
    first, second = kept.run(), kept.run()
    told = verify(kept.journal)

    assert told.agrees
    assert first.digest != second.digest  # the first left behind what the second remembers
    assert [1, 2] == [each.epoch for each in told.starts]
    assert [o.running.engine.tally.events for o in (first, second)] == [
        each.events for each in told.starts
    ]
    assert told.digest == told.stored


def test_whoever_asks_changes_nothing(ran, tmp_path):
    """Status, guards and stress of a running book have no say in what it decides."""
    kept = Kept(tmp_path / "state")

    def ask(running):
        status = running.status
        status.guards()  # at each step: what is kept for a second is worked out by whoever is first
        if running.engine.tally.events % 5 == 0:
            status.status(), status.stress(), status.bands(), status.accounts()

    outcome = kept.run(asked=ask)

    assert ran[1].digest == outcome.digest
    assert verify(kept.journal).agrees


def test_a_disk_that_was_nearly_full(ran, tmp_path):
    """What the book heard of its disk is an input like any other."""
    kept, premises = Kept(tmp_path / "state"), Premises(200)

    def ease(running):
        premises.free = 400 if running.engine.tally.events > 600 else 200

    outcome = kept.run(ease, premises)
    told = [record for _, record, _ in kept.lines() if record["type"] == "RoomTold"]

    assert [True, False] == [each["short"] for each in told]
    assert "disk_short" in outcome.running.engine.tally.reasons
    assert ran[1].digest != outcome.digest
    assert verify(kept.journal).agrees


def price_of(kept, kind="Index", before=0):
    """Return the place of the last price of a kind before a step, which is not the last at all."""
    lines = kept.lines()
    found = [n for n, (step, record, _) in enumerate(lines) if record["type"] == kind]
    return lines, max(n for n in found if not before or lines[n][0] <= before)


def test_one_price_altered(kept):
    """A digit of a stored price: the line is named, and the first decision that is another."""
    _, step, _ = kept.entry("decision", 3)
    lines, place = price_of(kept, before=step)
    number = lines[place][0]
    lines[place][1]["price"] = "7" + lines[place][1]["price"][1:]
    kept.write(lines)
    (start,) = verify(kept.journal).starts

    assert number == start.altered.place.step
    assert place + 1 == start.altered.place.line
    assert lines[place][1] == start.altered.record
    assert number <= start.difference.place.step <= step


def test_one_price_that_nothing_rests_on(kept):
    """A price that no decision rests on is named too."""
    lines, place = price_of(kept)  # the last of the run
    lines[place][1]["price"] = lines[place][1]["price"][:-1] + "1"
    kept.write(lines)
    told = verify(kept.journal)
    (start,) = told.starts

    assert not told.agrees
    assert lines[place][0] == start.altered.place.step
    assert start.difference is None
    assert told.digest == told.stored


def test_one_price_forged(kept):
    """Whoever works the sums out again is found by the decision, with what it rested on."""
    _, step, payload = kept.entry("decision", 3)
    lines, place = price_of(kept, before=step)
    lines[place][1]["price"] = str(float(lines[place][1]["price"]) * 1.01)
    kept.write(lines, forged=True)
    (start,) = verify(kept.journal).starts
    found = start.difference

    assert start.altered is None
    assert lines[place][0] <= found.place.step <= step
    assert {"Index", "Mark", "Quote"} <= {word["type"] for word in found.inputs}
    assert lines[place][1]["price"] in {word.get("price") for word in found.inputs}
    assert found.stored != found.computed
    assert payload["underlying"] == "BTC"


FIELDS = [
    ("decision", "net_delta", -9.0),
    ("decision", "limit_price", "1"),
    ("decision", "reason", "max_interval"),
    ("order", "quantity", "10"),
    ("event", "ts_local", 1),
]


@pytest.mark.parametrize(("kind", "name", "value"), FIELDS)
def test_one_entry_altered(kept, kind, name, value):
    """One field of one entry of the journal: its step is named, and the field on both sides."""
    number, step, payload = kept.entry(kind, 2)
    before = payload[name]
    text = json.dumps({**payload, name: value})
    kept.query("UPDATE entries SET payload = ? WHERE id = ?", text, number)
    (start,) = verify(kept.journal).starts
    found = start.difference

    assert step == found.place.step
    assert [(name, str(value), str(before))] == list(found.fields)
    assert found.came["type"]


def test_a_guard_s_reading_altered(kept):
    """What a guard measured is part of a decision, though not of the digest."""
    number, step, payload = kept.entry("decision", 4)
    verdict = next(each for each in payload["verdicts"] if isinstance(each["measured"], float))
    verdict["measured"] += 1e-6
    kept.query("UPDATE entries SET payload = ? WHERE id = ?", json.dumps(payload), number)
    found = verify(kept.journal).starts[0].difference

    assert step == found.place.step
    assert [f"verdicts.{verdict['guard']}.measured"] == [name for name, _, _ in found.fields]


def test_the_last_bit_is_the_machine_s(kept):
    """Floats count to nine decimals, as in the digest: another machine may round otherwise."""
    number, _, payload = kept.entry("decision", 4)
    payload["net_delta"] += 1e-12
    kept.query("UPDATE entries SET payload = ? WHERE id = ?", json.dumps(payload), number)

    assert verify(kept.journal).agrees


@pytest.mark.parametrize("place", [0, 5, -1])
def test_one_decision_missing(kept, place):
    """A decision that was taken out is missed, the last one of an orderly end as well."""
    number, step, _ = kept.entry("decision", place)
    kept.query("DELETE FROM entries WHERE id = ?", number)
    found = verify(kept.journal).starts[0].difference

    assert found is not None
    assert step == found.place.step


def test_one_decision_more(kept):
    """A decision that no step made is found, behind the last one too."""
    number, _, _ = kept.entry("decision", -1)
    copied = "SELECT sequence, ts, kind, key, payload FROM entries WHERE id = ?"
    columns = "entries (sequence, ts, kind, key, payload)"
    kept.query(f"INSERT INTO {columns} {copied}", number)
    found = verify(kept.journal).starts[0].difference

    assert found.stored is not None
    assert found.computed is None


def test_killed(kept):
    """A flight without its end verifies up to there; what the journal holds beyond is counted."""
    path = kept.files[0]
    told = path.read_bytes()
    path.write_bytes(told[: len(told) * 3 // 4])
    (start,) = (found := verify(kept.journal)).starts

    assert found.agrees
    assert not start.whole
    assert start.unrecorded > 0
    assert 0 < start.last < 1100


def test_a_journal_that_lost_its_end(kept):
    """After a power cut the journal may end before the flight: nothing is wrong with that."""
    number, _, _ = kept.entry("decision", -2)
    kept.query("DELETE FROM entries WHERE id >= ?", number)
    lines = kept.lines()
    kept.write(lines[:-1])  # nor is there an end of the flight
    (start,) = (found := verify(kept.journal)).starts

    assert found.agrees
    assert start.unwritten >= 2


def test_rotated(tmp_path):
    """Many files are one flight; older ones may be gone, and it begins with those that are left."""
    kept = Kept(tmp_path / "state")
    kept.run(rotate="20s")
    whole = verify(kept.journal)
    (start,) = whole.starts
    assert whole.agrees
    assert len(kept.files) >= 8
    counts = []
    for path in kept.files[:-1]:
        path.unlink()
        told = verify(kept.journal)
        assert told.agrees
        assert told.starts[0].first > 0
        assert told.starts[0].last == start.last
        assert told.starts[0].first + told.starts[0].events == start.events
        counts.append(told.starts[0].decisions)

    assert counts == sorted(counts, reverse=True)
    assert start.decisions > counts[0] > counts[-1]


def test_a_file_missing_in_between(tmp_path):
    """A gap is no flight: it is named."""
    kept = Kept(tmp_path / "state")
    kept.run(rotate="20s")
    kept.files[3].unlink()

    with pytest.raises(DataError, match="a file before it is missing"):
        verify(kept.journal)


def test_a_start_without_flight(tmp_path):
    """A start whose files are gone is told, the others verify."""
    kept = Kept(tmp_path / "state")
    kept.run()
    kept.run(enabled=False)
    kept.run()
    told = verify(kept.journal)

    assert told.agrees
    assert (2,) == told.missing
    assert [1, 3] == [each.epoch for each in told.starts]


def test_no_flight(kept):
    """Without a flight nothing is verified, and it is said where one would be."""
    shutil.rmtree(kept.folder / "flight")
    with pytest.raises(DataError, match=r"flight: must hold the flight"):
        verify(kept.journal)
    with pytest.raises(UsageError, match="JOURNAL"):
        verify(kept.folder)


def test_another_journal_s_flight(kept):
    """A flight of starts that the journal never made is no flight of it."""
    kept.query("UPDATE entries SET payload = ? WHERE kind = 'start'", json.dumps({"epoch": 9}))

    with pytest.raises(DataError, match="start 1"):
        verify(kept.journal)
