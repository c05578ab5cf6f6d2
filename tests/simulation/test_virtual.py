"""Virtual runs: the same seed is the same run, a calm one is clean, and the oracle has teeth."""

import subprocess
import sys
from decimal import Decimal

import pytest

from rebalancer.core.commands import Purpose, Submit, TimeInForce
from rebalancer.core.events import Ending, OrderEnded, OrderNotFound
from rebalancer.errors import Defect
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock
from rebalancer.runtime.virtual import run_virtual
from rebalancer.settings import to_params
from rebalancer.simulation.virtual import book, weather
from rebalancer.simulation.virtual.campaign import play, read
from rebalancer.simulation.virtual.dice import Dice
from rebalancer.simulation.virtual.journal import Disk
from rebalancer.simulation.virtual.oracle import Oracle
from rebalancer.simulation.virtual.run import run

D = Decimal
SAME = """
from rebalancer.simulation.virtual.run import run
print([run(seed, safety=20).trace for seed in (1, 2, 3)])
"""


def test_calm():
    """Without a fault everything holds, and the book was hedged."""
    found = run(1, weather.CALM, 30)

    assert ((), True) == (found.violations, found.orders > 3)


@pytest.mark.parametrize("first", range(0, 40, 5))
def test_seeds(first):
    """Whatever goes wrong in these runs, everything holds."""
    found = [run(seed, safety=60) for seed in range(first, first + 5)]

    assert [] == [each for outcome in found for each in outcome.violations]


def test_same_run():
    """A seed's trace is the same under any hash seed, and another seed's is another."""
    told = {
        subprocess.run(
            [sys.executable, "-c", SAME],
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("0", "1", "424242")
    }

    assert 1 == len(told)
    assert 3 == len(set(next(iter(told)).split(",")))


def test_resumed(tmp_path):
    """A campaign goes on where its file ends, a line that was cut off left out."""
    kept, heard = tmp_path / "outcomes.jsonl", []
    first = play([1, 2], heard.append, kept)
    kept.write_text(kept.read_text() + '{"seed": 3, "viol')
    again = play([1, 2, 4], heard.append, kept)

    assert [1, 2, 4] == sorted(each["seed"] for each in heard)
    assert first.lines[1] == again.lines[1]
    assert [1, 2, 4] == sorted(read(kept).lines)


# --- the loop -----------------------------------------------------------------


def test_virtual_time():
    """Waits take no time, and end when they must; what is ready at once comes in a drawn order."""
    clock, order = MarketClock(0), []

    async def main():
        async def wait(seconds):
            await clock.sleep(seconds * SECOND)
            order.append((clock.now() // SECOND, seconds))

        import asyncio

        await asyncio.gather(*(wait(each) for each in (3, 1, 2)))

    run_virtual(clock, Dice(1, "x").shuffle, main())

    assert [(1, 1), (2, 2), (3, 3)] == order


def test_nothing_left():
    """Who waits for what never comes is told."""

    async def main():
        import asyncio

        await asyncio.get_running_loop().create_future()

    with pytest.raises(Defect, match="something must be due"):
        run_virtual(MarketClock(0), Dice(1, "x").shuffle, main())


def test_no_other_timers():
    """Only the clock port may wait."""

    async def main():
        import asyncio

        await asyncio.sleep(1)

    with pytest.raises(Defect, match="clock port"):
        run_virtual(MarketClock(0), Dice(1, "x").shuffle, main())


# --- the oracle ---------------------------------------------------------------

NOW = book.START


@pytest.fixture
def oracle():
    """Return an oracle to which nothing has happened; intents of all ids are on its disk."""
    disk = Disk(intents=dict.fromkeys(("rb0000010000001hg", "rb0000010000002hh")))
    found = Oracle(to_params(book.settings(), 1, book.instruments(), SECOND), disk)
    found.delta = lambda _: 1.0
    for venue, name in (("deribit", book.INVERSE), ("binanceusdm", book.LINEAR)):
        from rebalancer.core.events import Index, Quote

        price, one = D(100_000), D(1)
        found.heard(Index(NOW, NOW, venue, "BTC", price))
        found.heard(Quote(NOW, NOW, name, price, one, price, one))
    return found


def order(name="rb0000010000001hg", quantity="-10000", **more):
    told = {
        "client_order_id": name,
        "account": "deribit",
        "instrument": book.INVERSE,
        "quantity": D(quantity),
        "price": D(100_000),
        "time_in_force": TimeInForce.IOC,
        "reduce_only": False,
        "purpose": Purpose.HEDGE,
        "underlying": "BTC",
        "decided_at": NOW,
    }
    return Submit(**(told | more))


def judged(oracle, *orders, ts=NOW):
    """Return the invariants that orders violate."""
    for each in orders:
        oracle.sent(each, ts)
    return [each.invariant for each in oracle.violations]


def test_innocent(oracle):
    """A hedge that is alone, young and helps is accused of nothing."""
    assert [] == judged(oracle, order())


@pytest.mark.parametrize(
    ("second", "then", "accused"),
    [
        (order("rb0000010000002hh"), None, ["I1"]),  # the first is on its way
        (order("rb0000010000002hh"), "lost", ["I1"]),  # it never arrives, and nobody proved it
        (order("rb0000010000002hh"), "proved", []),
        (order("rb0000010000002hh"), "denied", []),
        (order(), "proved", ["I4"]),  # the same id
        (order("rb0000010000003hi"), "proved", ["I4"]),  # no intent
        (order("rb0000000000002hg"), "proved", ["I4", "I11"]),  # of an earlier start
    ],
)
def test_second(oracle, second, then, accused):
    """A second hedge waits for the proof of the first one's end, and has an id of its own."""
    first = order()
    oracle.sent(first, NOW)
    if then is not None:
        oracle.lost(first.client_order_id)
    if then == "proved":
        oracle.heard(OrderEnded(NOW, NOW, first.client_order_id, Ending.EXPIRED, D(0)))
    if then == "denied":
        for seconds in (4, 8, 12):
            at = NOW + seconds * SECOND
            oracle.heard(OrderNotFound(at, None, first.client_order_id, D(0)))

    assert accused == judged(oracle, second)


@pytest.mark.parametrize(
    ("told", "ts", "accused"),
    [
        (order(quantity="-600000"), NOW, ["I2", "I10"]),  # six coins, five allowed; it overshoots
        (order(quantity="50000"), NOW, ["I10"]),  # grows what it should lessen
        (order(), NOW + 20 * SECOND, ["I5", "I5"]),  # neither quote nor index is young
    ],
)
def test_wrong(oracle, told, ts, accused):
    """Orders that are too large, go the wrong way or rest on old words are found."""
    assert accused == judged(oracle, told, ts=ts)


def test_after_a_kill(oracle):
    """After a kill nothing leaves, and while a person paused no hedge does."""
    oracle.stopped = "a kill"
    assert ["I6"] == judged(oracle, order(purpose=Purpose.PROTECT))
    oracle.stopped, oracle.paused = None, True
    oracle.violations.clear()
    assert ["I6"] == judged(oracle, order("rb0000010000002hh"))
