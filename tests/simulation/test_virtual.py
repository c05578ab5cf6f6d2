"""Virtual runs: the same seed is the same run, a calm one is clean, and the oracle has teeth."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

from rebalancer.core.commands import Alert, Purpose, Severity, Submit, TimeInForce
from rebalancer.core.events import (
    Ending,
    Fill,
    Operator,
    OrderEnded,
    OrderNotFound,
    VenueHeld,
    Verb,
)
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.errors import DataError, Defect
from rebalancer.exchange import records
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock
from rebalancer.runtime.virtual import run_virtual
from rebalancer.settings import to_params
from rebalancer.simulation.virtual import book, weather
from rebalancer.simulation.virtual.campaign import one, play, program, read
from rebalancer.simulation.virtual.dice import Dice
from rebalancer.simulation.virtual.journal import Disk
from rebalancer.simulation.virtual.oracle import Oracle
from rebalancer.simulation.virtual.own_clock import Machine, OwnClock
from rebalancer.simulation.virtual.person import Person
from rebalancer.simulation.virtual.run import run
from rebalancer.simulation.virtual.silence import Silence
from tests.cluster import scheduler

D = Decimal
SAME = """
from rebalancer.simulation.virtual.run import run
from rebalancer.simulation.virtual.silence import Silence
print([run(seed, safety=60).trace for seed in range(20)])
"""


def test_calm():
    """Without a fault everything holds, and the book was hedged."""
    found = run(1, weather.CALM, 30)

    assert ((), True) == (found.violations, found.orders > 3)


@pytest.mark.parametrize("first", range(0, 1000, 25))
def test_seeds(first):
    """Whatever goes wrong in these runs, everything holds."""
    found = [run(seed, safety=60) for seed in range(first, first + 25)]
    accused = [(each.seed, told) for each in found for told in each.violations]

    assert [] == [f"seed {seed}: {told.invariant}: {told.text}" for seed, told in accused]


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
    assert 20 == len(set(next(iter(told)).split(",")))


def test_resumed(tmp_path):
    """A campaign goes on where its file ends, a line that was cut off left out."""
    kept, heard = tmp_path / "outcomes.jsonl", []
    first = play([1, 2], heard.append, kept)
    kept.write_text(kept.read_text() + '{"seed": 3, "viol')
    again = play([1, 2, 4], heard.append, kept)

    assert [1, 2, 4] == sorted(each["seed"] for each in heard)
    assert first.lines[1] == again.lines[1]
    assert [1, 2, 4] == sorted(read(kept).lines)
    assert [kept] == list(tmp_path.iterdir())


def test_a_resume_that_is_killed_at_once_loses_nothing(tmp_path, monkeypatch):
    """Until all that is known stands in the new file, the old one stands."""
    kept = tmp_path / "outcomes.jsonl"
    play([1], lambda _: None, kept)
    before = kept.read_text()

    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        play([1, 2], lambda _: None, kept)

    assert before == kept.read_text()


def test_resumed_by_another_program(tmp_path):
    """Outcomes of another program count as long as this one shows the same, and only so long."""
    kept, line = tmp_path / "outcomes.jsonl", {**one(1), "program": "0123456789ab"}
    kept.write_text(json.dumps(line) + "\n")
    both = play([1, 2], lambda _: None, kept)
    kept.write_text(json.dumps({**line, "trace": "f" * 64}) + "\n")

    assert sorted(["0123456789ab", program()]) == sorted(both.programs)
    with pytest.raises(DataError, match=r"seed 1: must have the trace .* begin a new file"):
        play([1, 2], lambda _: None, kept)


def test_cluster(tmp_path):
    """Seeds that run on a cluster show what they show here."""
    with scheduler(tmp_path) as address:
        there = play([1, 2], lambda _: None, None, address)

    assert play([1, 2], lambda _: None).lines == there.lines


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
STORM = weather.Weather({"crash": 0.1})
ON_DISK = ("rb0000010000001hg", "rb0000010000002hh", "rb0000010000004hj")


class Books:
    """Exchanges that hold one coin too much, and ten thousand USD short; one fill is too much."""

    def delta(self, price):
        return 1.0

    def held(self, account, instrument):
        return D(-10_000)

    def broken(self, fill, price, turned, net):
        return ["it is beyond its limit"] if fill.quantity == 7 else []


@pytest.fixture
def oracle():
    """Return an oracle to which nothing has happened; intents of all ids are on its disk."""
    disk = Disk(intents=dict.fromkeys(ON_DISK))
    found = Oracle(to_params(book.settings(), 1, book.instruments(), SECOND), disk, Books(), STORM)
    found.conduct.read("deribit")
    found.conduct.read("binanceusdm")
    for venue, name in (("deribit", book.INVERSE), ("binanceusdm", book.LINEAR)):
        from rebalancer.core.events import Index, Quote

        price, one = D(100_000), D(1)
        found.heard(Index(NOW, NOW, venue, "BTC", price), NOW)
        found.heard(Quote(NOW, NOW, name, price, one, price, one), NOW)
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


PROTECTS = {"purpose": Purpose.PROTECT, "reduce_only": True}


def cut(quantity="5000", *, reduce_only=True):
    """Return an order that is to protect."""
    return order(quantity=quantity, purpose=Purpose.PROTECT, reduce_only=reduce_only)


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
        (order("rb0000010000002hh"), "looked up", []),  # by a person, who says so
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
        oracle.heard(OrderEnded(NOW, NOW, first.client_order_id, Ending.EXPIRED, D(0)), NOW)
    if then == "looked up":
        oracle.heard(Operator(NOW, Verb.ARM, "", "", ended=(first.client_order_id,)), NOW)
    if then == "denied":
        for seconds in (4, 8, 12):
            at = NOW + seconds * SECOND
            oracle.heard(OrderNotFound(at, None, first.client_order_id, D(0)), at)

    assert accused == judged(oracle, second)


@pytest.mark.parametrize(
    ("told", "ts", "accused"),
    [
        (order(quantity="-600000"), NOW, ["I2", "I10"]),  # six coins, five allowed; it overshoots
        (order(quantity="50000"), NOW, ["I10"]),  # grows what it should lessen
        (
            order(decided_at=NOW + 20 * SECOND),
            NOW + 20 * SECOND,
            ["I5", "I5"],
        ),  # neither quote nor index is young
    ],
)
def test_wrong(oracle, told, ts, accused):
    """Orders that are too large, go the wrong way or rest on old words are found."""
    assert accused == judged(oracle, told, ts=ts)


@pytest.mark.parametrize(
    ("quantity", "price", "purpose", "accused"),
    [
        ("-500000", "99100", Purpose.HEDGE, []),
        ("-500000", "98000", Purpose.HEDGE, ["I2"]),  # as if a hundredth more
        ("-500000", "95000", Purpose.PROTECT, []),  # priced so that it trades
        ("-500000", "93000", Purpose.PROTECT, ["I2"]),
    ],
)
def test_size_at_its_price(oracle, quantity, price, purpose, accused):
    """An inverse order is as many coins as its price makes it, and a cut may be priced far off."""
    told = order(quantity=quantity, price=D(price), purpose=purpose)

    assert accused == [each for each in judged(oracle, told) if each == "I2"]


def test_after_a_kill(oracle):
    """After a kill nothing leaves, and while a person paused no hedge does."""
    oracle.conduct.stopped = "a kill"
    assert ["I6"] == judged(oracle, cut())
    oracle.conduct.stopped, oracle.conduct.paused = None, True
    oracle.violations.clear()
    oracle.orders.clear()
    assert ["I6"] == judged(oracle, order("rb0000010000002hh"))


def test_overshoots(oracle):
    """A hedge of nearly twice the gap goes as far beyond as it was away, and is found."""
    assert ["I10"] == judged(oracle, order(quantity="-190000"))


def test_beside_protection(oracle):
    """Two orders that protect only close, together; no hedge leaves beside either."""
    oracle.sent(cut("6000"), NOW)
    second = order(ON_DISK[1], quantity="6000", purpose=Purpose.PROTECT, reduce_only=True)

    assert ["I1"] == judged(oracle, second)
    assert ["I1", "I1", "I1"] == judged(oracle, order(ON_DISK[2]))


def test_protection_beside_a_cut_of_the_venue(oracle):
    """What the venue cut of a position, and nobody has heard of, is not ours to answer for."""
    taken = (D(9_000), D(100_000), D(0), "BTC", records.Taker.MARKET)
    oracle.booked(records.Liquidated(NOW, "deribit", book.INVERSE, "7", *taken))

    assert [] == judged(oracle, cut("10001"))


def test_protection_beside_a_fill_of_ours(oracle):
    """A fill of our own that nobody has heard of excuses no second cut of as much."""
    name, there = "rb0000010000001hg", ("deribit", book.INVERSE, "rb0000010000001hg", "1")
    oracle.sent(cut("10000"), NOW)
    oracle.booked(records.Filled(NOW, *there, "7", D(10_000), D(100_000), D(0), "BTC", maker=False))
    oracle.booked(records.Ended(NOW, *there, records.Ending.FILLED, D(10_000)))
    assert not oracle.known(oracle.orders[name])

    assert ["I1"] == judged(oracle, order(ON_DISK[1], "10001", **PROTECTS))


def test_a_person_looks_up_what_nobody_proved(oracle):
    """Nobody arms while a venue still has an order that nobody proved, or a fill of it untold."""
    first = order()
    name, told = first.client_order_id, []
    oracle.sent(first, NOW)
    state = SimpleNamespace(unproven=(name,))
    listener = SimpleNamespace(state=state, hear=told.append)
    clock = SimpleNamespace(now=lambda: NOW, call_at=lambda at, what: None)
    person = Person(clock, oracle, lambda since: listener, None, "")

    def mend():
        person.mend(TradingState.HALTED, 30, doubtful=False)
        return [each.ended for each in told]

    assert [] == mend()  # it is on its way
    where, price = (NOW, "deribit", book.INVERSE, name, "1"), D(100_000)
    oracle.booked(records.Accepted(*where))
    assert [] == mend()  # it is open
    oracle.booked(records.Filled(*where, "7", D(-5_000), price, D(0), "BTC", maker=False))
    oracle.booked(records.Ended(*where, records.Ending.EXPIRED, D(-5_000)))
    assert [] == mend()  # nobody told of its fill
    fill = ("deribit", book.INVERSE, "7", name, D(-5_000), price, D(0), "BTC")
    oracle.heard(Fill(NOW, NOW, *fill), NOW)
    assert [(name,)] == mend()


def test_a_person_looks_up_what_never_left(oracle):
    """Of an intent that a process died with the venue has nothing, and the book is armed."""
    told = []
    listener = SimpleNamespace(state=SimpleNamespace(unproven=(ON_DISK[1],)), hear=told.append)
    clock = SimpleNamespace(now=lambda: NOW, call_at=lambda at, what: None)
    Person(clock, oracle, lambda since: listener, None, "").mend(
        TradingState.HALTED, 30, doubtful=False
    )

    assert [(ON_DISK[1],)] == [each.ended for each in told]


def test_clock_off(oracle):
    """An order that was decided by a clock which is seconds off is found."""
    assert ["I5"] == judged(oracle, order(decided_at=NOW + 3 * SECOND))


def test_calm_halt():
    """Where nothing goes wrong, nothing is a reason to halt."""
    params = to_params(book.settings(), 1, book.instruments(), SECOND)
    oracle = Oracle(params, Disk(), Books(), weather.CALM)
    oracle.told(NOW, Alert(Severity.ERROR, "hedge.missed", "BTC", "it did not help"))

    assert ["I3"] == [each.invariant for each in oracle.violations]


@pytest.mark.parametrize(
    ("told", "accused"),
    [
        (cut(), []),
        (cut("-5000"), ["I10"]),  # it opens
        (cut("10001"), ["I1", "I10"]),  # it turns the position over
        (cut(reduce_only=False), ["I10"]),
    ],
)
def test_protect(oracle, told, accused):
    """What is to protect can do nothing but close."""
    assert accused == judged(oracle, told)


def test_account_not_read(oracle):
    """A start that has not read every account sends no hedge."""
    oracle.began()
    oracle.conduct.read("deribit")

    assert ["I5"] == judged(oracle, order())


def test_to_and_fro(oracle):
    """One hedge may correct the last; two in a row that go back on it at the same price may not."""
    for name, quantity in zip(ON_DISK, ("-5000", "5000", "-5000"), strict=True):
        oracle.sent(order(name, quantity), NOW)
        oracle.heard(OrderEnded(NOW, NOW, name, Ending.EXPIRED, D(0)), NOW)
        oracle.booked(
            records.Ended(NOW, *("deribit", book.INVERSE, name, "1"), records.Ending.EXPIRED, D(0))
        )

    assert ["I10"] == [each.invariant for each in oracle.violations]


def test_after_a_halt(oracle):
    """After a person heard of a halt no hedge leaves."""
    oracle.told(NOW, Alert(Severity.ERROR, "order.unproven", "BTC", "it is lost"))

    assert ["I6"] == judged(oracle, order())


@pytest.mark.parametrize("contract", ["", book.INVERSE])
def test_while_it_is_held(oracle, contract):
    """To whoever said that nothing is taken nothing leaves, but what had left the desk by then."""
    late = NOW + SECOND
    oracle.conduct.reached(VenueHeld(NOW, "deribit", "a maintenance", instrument=contract), NOW)
    assert [] == judged(oracle, order())

    oracle.orders.clear()
    oracle.conduct.judge(order(decided_at=late), late, blind=True)
    assert ["I6"] == [each.invariant for each in oracle.violations]
    oracle.conduct.reached(VenueHeld(late, "deribit", None, instrument=contract), late)
    oracle.conduct.judge(order(decided_at=late), late, blind=True)
    assert 1 == len(oracle.violations)


def test_a_clock_that_waits():
    """What a process does after it waited is later; all else of it comes when that has gone by."""
    clock, heard = MarketClock(0), []
    own = OwnClock(clock, Machine())

    async def main():
        own.call_at(SECOND, lambda: heard.append(("call", clock.now())))
        own.wait(3 * SECOND)
        heard.append(("now", own.now(), clock.now()))
        await own.waited()
        heard.append(("waited", own.now(), clock.now()))
        await own.waited()
        await clock.sleep(SECOND)

    run_virtual(clock, lambda _: None, main())
    late = 3 * SECOND
    assert [("call", late), ("now", late, 0), ("waited", late, late)] == sorted(heard)


def test_too_often(oracle):
    """Many requests within ten seconds are too many; the same over a minute are not."""
    for second in range(151):
        oracle.conduct.pace.asked("deribit", NOW + second * SECOND)
    assert [] == oracle.violations
    for _ in range(151):
        oracle.conduct.pace.asked("deribit", NOW + 200 * SECOND)
    assert {"I12"} == {each.invariant for each in oracle.violations}


def test_beyond_limits(oracle):
    """What an own hedge grew beyond a limit is found, where the process knew what it did."""
    first = order()
    oracle.sent(first, NOW)
    told = (NOW, "deribit", book.INVERSE, first.client_order_id, "1", "2")
    oracle.booked(records.Filled(*told, D(7), D(100_000), D(0), "BTC", maker=False))

    assert ["I2"] == [each.invariant for each in oracle.violations]


# --- silence ------------------------------------------------------------------


def silent(*alerts, until=61, lives=range(10_000), hidden=None):
    """Return when nobody was told of a gap, s; alerts are (s, event)."""
    silence, found = Silence(), []
    for second in range(until + 1):
        if second == hidden:
            silence.hidden(second * SECOND)
        for at, event in alerts:
            if at == second:
                silence.hear(second * SECOND, Alert(Severity.ERROR, event, "BTC", ""))
        if silence.look(second * SECOND, outside=True, lives=second in lives) is not None:
            found.append(second)
    return found


@pytest.mark.parametrize(
    ("alerts", "lives", "found"),
    [
        ((), range(1000), [61, 122]),
        (((20, "delta.unhedged"),), range(1000), []),  # the last word of it stands
        (((20, "delta.unhedged"), (30, "delta.restored")), range(1000), [91]),
        (((20, "margin.warned"),), range(1000), [61, 122]),  # that is no reason
        (((20, "limit.reached"),), range(1000), []),
        (((20, "margin.recovered"),), range(1000), [61, 122]),  # that is no reason
        ((), range(50), []),  # nobody lives who could tell
        ((), range(50, 1000), [111]),
    ],
)
def test_silence(alerts, lives, found):
    """A gap of which nobody heard for a minute is found, as long as a process lives."""
    assert found == silent(*alerts, until=130, lives=lives)


def test_silence_after_a_hidden_trade():
    """What somebody traded past every list is found by a look: a gap begins anew with it."""
    assert [87] == silent(until=130, hidden=26)
    assert [61, 122] == silent(until=130)
