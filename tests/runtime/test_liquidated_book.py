"""A whole daemon whose hedge is taken down by its venue: it stops, says so, and its books agree."""

from decimal import Decimal

from rebalancer.core.events import Fill, Forced, Index, Mark, Quote
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock, run_market
from rebalancer.settings import resolve
from rebalancer.storage.memory import MemoryJournal
from rebalancer.venues.feeds import StepFeed
from rebalancer.venues.paper import Depth
from rebalancer.wiring import Surrounding, paper
from tests.end_to_end import scripted_book as book
from tests.runtime.stage import Lines

D = Decimal
SPOT, PERP, CASH = "binance:BTCUSDT", "binanceusdm:BTCUSDT", "binanceusdm:USDT"
START = book.START


def table(margin):
    """Return a holder of ten coins who is short as many, at three times the margin."""
    raw = book.table()
    venue = {"fees": {"maker": D(0), "taker": D(0)}, "latency_ms": 40}
    raw["venues"] = {
        "binance": venue,
        "binanceusdm": {**venue, "leverage": 3, "margin": margin, "tiers": [[0, D("0.005")]]},
    }
    raw["underlyings"]["BTC"]["hedge"] = [PERP]
    raw["holdings"] = [
        {"instrument": SPOT, "quantity": 10, "entry": D(100_000)},
        {"instrument": PERP, "quantity": -10, "entry": D(100_000), "role": "hedge"},
        {"instrument": CASH, "quantity": 333_400},
    ]
    return raw


def advance(ts):
    """Yield a rally of half a percent a second that never comes back."""
    step = (ts - START) // SECOND
    price = (D(100_000) * D("1.005") ** step).quantize(D("0.1"))
    tick = D("0.1")
    for name, size in ((SPOT, D(50)), (PERP, D(2))):
        yield Depth(name, ((price - tick, size),), ((price + tick, size),))
    yield Index(ts, ts, "binanceusdm", "BTC", price)
    for name in (SPOT, PERP):
        yield Mark(ts, ts, name, price)
        yield Quote(ts, ts, name, price - tick, D(2), price + tick, D(2))


def run(margin, seconds=90):
    """Run the book through the rally; return it with its log and its events."""
    raw = table(margin)
    settings, clock, log, events = book.settings_of(raw), MarketClock(START), Lines(), []

    async def main():
        around = Surrounding(
            clock=clock,
            journal=MemoryJournal(),
            log=log,
            feed=lambda model, clock, _tasks: StepFeed(advance, SECOND, model, clock),
            dress="paper",
        )
        running = paper(settings, resolve(settings), {}, around)
        running.engine.observe(lambda event, decisions: events.append(event))
        await running.daemon.run(seconds * SECOND)
        return running

    return run_market(clock, main()), log, events


def test_a_short_is_lost_and_nothing_hides_it():
    """Short at three times, a rally of a third takes the hedge: halt, alert, books agree."""
    for margin in ("cross", "isolated"):
        running, log, events = run(margin)
        forced = [each for each in events if isinstance(each, Fill) and each.forced]
        state, exchange = running.engine.state, running.exchanges["binanceusdm"]

        assert {Forced.LIQUIDATION} == {each.forced for each in forced}
        assert forced[0].price > 130_000
        assert {"BTC": "binanceusdm was liquidated"} == dict(state.halted)
        assert "position.liquidated" in log.events()
        last = max(forced, key=lambda each: each.ts_local).ts_local
        assert [] == [each for each in state.orders.values() if each.submit.decided_at > last]
        assert [] == book.disagreements(book.Outcome(running, MemoryJournal()))
        assert exchange.balance("binanceusdm", "USDT") >= 0
        assert 0 == exchange.imbalance("USDT")
