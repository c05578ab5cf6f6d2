"""Kills: a real process is killed at the steps of its journal, and nothing is lost or doubled."""

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from rebalancer.core import ids
from rebalancer.core.events import Fill
from rebalancer.errors import DataError
from rebalancer.exchange.orders import TimeInForce
from rebalancer.ports import Entry
from rebalancer.runtime.clock import WallClock
from rebalancer.settings import resolve
from rebalancer.simulation import kills
from rebalancer.simulation.accounts import Asked
from rebalancer.simulation.dress import UID
from rebalancer.simulation.inquest import Case, Inquest
from rebalancer.simulation.key import Key
from rebalancer.simulation.loopback import seeded_loopback
from rebalancer.simulation.menu import PERP, VENUE, settings_of
from rebalancer.simulation.toll import KINDS, LIFE, Checkpoint, Outcome, lives_of, summary, table
from rebalancer.storage import codec
from rebalancer.storage.sqlite import open_journal

CONFIG = Path(__file__).resolve().parents[2] / "config" / "demo-deribit.toml"
D = Decimal
OWN = [ids.encode(ids.ClientOrderId(account=0, epoch=9, sequence=each)) for each in range(3)]


@pytest.mark.waits(80)
@pytest.mark.timeout(300)
def test_fifty_deaths(tmp_path):
    """Fifty deaths at steps of every kind: no fill lost, no hedge doubled, all recovered from."""
    told = tmp_path / "kills.json"
    code = kills.main(["--points", "50", "--together", "5", "--json", str(told)])
    found = json.loads(told.read_text())

    assert (0, []) == (code, found["failing_points"])
    assert (50, 0, 0, 0) == tuple(found[each] for each in ("points", "lost", "doubled", "other"))
    assert found["missed"] <= 5
    assert found["recovery_max"] < 60


def test_every_kind_has_its_turn():
    """However short a campaign is, no kind of step is left out; numbers say the same each time."""
    lives = lives_of(50, 7)
    points = [point for life in lives for point in life]

    assert [LIFE] * 5 == [len(life) for life in lives]
    assert lives == lives_of(50, 7)
    assert set(KINDS) == {point.kind for point in points}
    assert {3, 4} == set(Counter(point.kind for point in points).values())
    assert all(1 <= point.nth <= KINDS[point.kind] for point in points)


# --- the file that keeps it ---------------------------------------------------


def test_goes_on(tmp_path):
    """What passed is not done again; what failed is, and so is what was cut off in writing."""
    path = tmp_path / "reports" / "kills.jsonl"
    first = Checkpoint(path, 7)
    good, bad = Outcome(0, "before start", 3, 2.5), Outcome(10, "after meta", 1, lost=("a fill",))
    first.keep([good])
    first.keep([bad])
    with path.open("a") as stream:
        stream.write('[{"number": 20, "ki')

    assert {0: good, 10: bad} == first.done
    assert {0: good} == Checkpoint(path, 7).done
    with pytest.raises(DataError, match="seed 8"):
        Checkpoint(path, 8)
    Checkpoint(path, 7).finish()
    assert {} == Checkpoint(path, 8).done  # a campaign that is over is no part of the next


def test_figures():
    """Times are nearest ranks; a start that was killed too measured none."""
    found = [Outcome(each, "after meta", 1, recovery=float(each + 1)) for each in range(20)]
    told = summary([*found, Outcome(20, "before start", 1, missed=True)])

    assert (21, 0, 0, 1) == tuple(told[each] for each in ("points", "lost", "doubled", "missed"))
    assert (10.0, 19.0, 20.0) == (told["recovery_p50"], told["recovery_p95"], told["recovery_max"])
    assert 3 == table([*found, Outcome(20, "before start", 1)]).row_count
    assert summary([])["recovery_max"] is None


# --- the inquest can find something -------------------------------------------


@pytest.fixture
async def scene(tmp_path):
    """Yield a venue, a journal beside it and what watches both."""
    settings, clock = settings_of(CONFIG), WallClock()
    keys = [Key("loopback", "loopback", VENUE, UID)]
    loopback = seeded_loopback(settings, resolve(settings), keys, clock, 7)
    path = tmp_path / "state" / "journal.sqlite"
    inquest = Inquest(Case(loopback.place, VENUE, settings, path))
    journal = open_journal(path)
    yield loopback.place, journal, inquest
    journal.close()
    await loopback.stop()


def trade(place, label, quantity="10"):
    """Let an order of ours arrive at the venue; return what it filled."""
    asked = Asked(VENUE, PERP, D(quantity), None, TimeInForce.IOC, label=label)
    return place.submit(asked).executions


def write(journal, kind, label, payload):
    """Write an entry down for good."""
    journal.append(Entry(1, 1, kind, label, payload))
    journal.flush()


def note(journal, executions):
    """Write fills down for good."""
    for each in executions:
        fill = Fill(
            *(1, 1, VENUE, PERP, f"BTC-{each.number}", each.order.asked.label),
            *(each.quantity, each.price, each.fee, "BTC"),
        )
        write(journal, "event", each.order.asked.label, codec.encode(fill))


async def test_sent_before_it_was_written(scene):
    """An order whose intent is on no disk yet is found at the door, and in the books."""
    place, journal, inquest = scene
    journal.append(Entry(1, 1, "order", OWN[0], {"type": "Submit"}))  # and not flushed
    trade(place, OWN[0])

    assert [f"{OWN[0]} was sent before its intent was on disk"] == list(inquest.seen().lost)
    assert f"order {OWN[0]} has no intent in the journal" in inquest.compare().lost


async def test_sent_blindly(scene):
    """An order that left while the fills of the one before were not written hedges twice."""
    place, journal, inquest = scene
    for label in OWN:
        write(journal, "order", label, {"type": "Submit"})
    first = trade(place, OWN[0])
    note(journal, first)
    second = trade(place, OWN[1])
    before = inquest.seen()
    trade(place, OWN[2])
    after = inquest.seen()
    note(journal, second)

    assert not before.any
    assert {f"{OWN[2]} was sent without knowing a fill of {OWN[1]}"} == set(after.doubled)
    assert not after.lost


async def test_sent_twice(scene):
    """One label in two orders is found."""
    place, journal, inquest = scene
    write(journal, "order", OWN[0], {"type": "Submit"})
    note(journal, trade(place, OWN[0]))
    trade(place, OWN[0])

    assert (f"{OWN[0]} was sent twice",) == inquest.seen().doubled
    assert f"label {OWN[0]} stands 2 times in the venue's books" in inquest.compare().doubled


async def test_books_apart(scene):
    """A fill that is not in the journal, or twice, and a ledger that is not the account's."""
    place, journal, inquest = scene
    write(journal, "order", OWN[0], {"type": "Submit"})
    (fill,) = trade(place, OWN[0])
    missing = inquest.compare()
    note(journal, [fill, fill])
    doubled = inquest.compare()

    assert f"fill {PERP}/BTC-{fill.number} is not in the journal" in missing.lost
    assert any("ledger less venue" in each for each in missing.lost)
    assert any("is written 2 times" in each for each in doubled.doubled)


async def test_naked(scene):
    """A book whose hedge is too small is outside its band by the venue's own prices."""
    _, _, inquest = scene

    assert any("is outside its band" in each for each in inquest.compare().other)


async def test_a_victim_that_does_not_come_back(monkeypatch):
    """A daemon that cannot start again is a failure of its point, with its last words."""
    monkeypatch.setattr(kills, "STARTS", 1)
    (outcome, *_) = await kills.book(lives_of(1, 7)[0], CONFIG, 7)

    assert not outcome.passed
    assert "did not trade within 1 s" in outcome.other[0]
