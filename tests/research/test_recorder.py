"""The recorder: when it samples, what it writes, what it sums up."""

import csv
import io
from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.decision import Action, Decision, Reason
from rebalancer.core.events import Index, Mark, OptionMark, Quote
from rebalancer.exchange.records import ContractDelivered, Filled, FundingBooked
from rebalancer.research import worth as books
from rebalancer.research.recorder import SECOND, Recorder
from rebalancer.research.rows import Rows
from rebalancer.research.steps import Steps
from rebalancer.research.sweep.measures import part
from rebalancer.settings import known

BTC, USDT = known("deribit:BTC"), known("binanceusdm:USDT")
INVERSE, CALL = known("deribit:BTC-PERPETUAL"), known("deribit:BTC-27FEB26-98000-C")
SPOT, LINEAR = known("binance:BTCUSDT"), known("binanceusdm:BTCUSDT")
LISTED = {each.id: each for each in (BTC, USDT, INVERSE, CALL, SPOT, LINEAR)}


def recorder(sampled, *held, rows=None):
    """Return a recorder of a book of (instrument, quantity)."""
    entries = {each.id: 10.0 for each, _ in held}
    worth = books.begin([(*each, False) for each in held], entries)
    return Recorder(LISTED, worth, sampled, rows)


def index(price):
    return Index(0, 0, "deribit", "BTC", Decimal(price))


def mark(instrument, price):
    return Mark(0, 0, instrument.id, Decimal(price))


def option(price, vol=0.6, forward=100_000.0):
    return OptionMark(0, 0, CALL.id, Decimal(price), vol, forward)


def filled(ts, instrument, quantity, price, fee="0"):
    amounts = (Decimal(quantity), Decimal(price), Decimal(fee))
    where = ("x", instrument.id, "c", "o", "t")
    return Filled(ts, *where, *amounts, instrument.settle, maker=False)


def play(watched, *items):
    """Let a recorder see (ts, item) each."""
    for _ in watched.watch(iter(items)):
        pass


def test_every_bar():
    """Bars are sampled once for all that is known at one close."""
    watched = recorder("bars", (SPOT, 2.0), (USDT, 5.0))
    play(watched, *((ts, mark(SPOT, price)) for ts, price in ((1, "10"), (2, "11"), (2, "12"))))

    assert ([1, 2], [25.0, 29.0], [20.0, 24.0]) == (
        watched.samples.ts,
        watched.samples.hedged,
        watched.samples.unhedged,
    )


def test_holes():
    """A close that lacks the price of something held is no sample."""
    watched = recorder("bars", (SPOT, 1.0), (LINEAR, -1.0), (BTC, 1.0))
    whole = (index("10"), mark(SPOT, "10"), mark(LINEAR, "10"))
    bars = [*whole], [whole[0], whole[1]], [whole[0], whole[2]], [*whole[1:]], [*whole]
    play(watched, *((ts, item) for ts, items in enumerate(bars) for item in items))

    assert [0, 4] == watched.samples.ts


def test_only_chains():
    """With options, samples are taken where chains were recorded and not between."""
    watched = recorder("chains", (BTC, 1.0), (CALL, -1.0))
    play(
        watched,
        (1, index("100000")),
        (2, mark(INVERSE, "100000")),
        (3, option("0.02")),
        (4, index("90000")),
        (5, option("0.01", forward=90_000.0)),
    )

    assert [3, 5] == watched.samples.ts
    assert [-2_000.0, -900.0] == watched.samples.unhedged


def test_every_second():
    """Streams are sampled at the first mark of each second."""
    watched = recorder("seconds", (SPOT, 1.0))
    times = (0.9, 1.0, 1.5, 1.999, 2.0, 4.2, 4.3)
    play(watched, *((int(ts * SECOND), mark(SPOT, "10")) for ts in times))

    assert [1 * SECOND, 2 * SECOND, int(4.2 * SECOND)] == watched.samples.ts


def test_slippage():
    """A leg slips against the mid of its decision, not its mark; an option against its value."""
    watched = recorder("chains", (BTC, 1.0), (CALL, -1.0))
    one, day = Decimal(1), 86_400 * SECOND
    order = {"action": Action.ORDER, "client_order_id": "c", "instrument": LINEAR.id}

    def items():
        for item in (index("100000"), mark(LINEAR, "100000"), option("0.02")):
            yield 0, item
        yield 1, Quote(1, 1, LINEAR.id, Decimal(99_999), one, Decimal(100_001), one)
        watched.observe(item, [replace(decision(1, 0.5), **order)])
        yield 2, mark(LINEAR, "99000")
        watched.witness(filled(2, LINEAR, "0.5", "100003"))
        watched.witness(filled(2, CALL, "1", "0.02"))
        yield day, option("0.02")

    for _ in watched.watch(items()):
        pass

    assert [0.0, 1.5] == watched.samples.slippage
    assert 1.5 == part(watched.samples, 0, 1).slippage  # a day


def test_expiry():
    """The end of the last option is a sample, and so is what happened after it."""
    watched = recorder("chains", (BTC, 1.0), (CALL, -1.0))

    def items():
        yield 1, index("100000")
        yield 1, option("0.02")
        yield 2, index("100000")
        watched.witness(
            ContractDelivered(2, "x", CALL.id, "d", Decimal(100_000), Decimal(0), "BTC")
        )
        yield 3, mark(INVERSE, "100000")

    for _ in watched.watch(items()):
        pass
    watched.witness(filled(4, INVERSE, "-10", "100000"))
    watched.close(5)

    assert [1, 2, 5] == watched.samples.ts
    assert pytest.approx([98_000.0] * 3) == watched.samples.hedged


@pytest.mark.parametrize("moved", [True, False])
def test_close(moved):
    """The end is a sample only if money moved since the last one."""
    watched = recorder("bars", (SPOT, 1.0), (USDT, 10.0))
    play(watched, (1, mark(SPOT, "10")), (1, mark(LINEAR, "10")))
    if moved:
        watched.witness(FundingBooked(2, "x", LINEAR.id, "p", Decimal(-1), "USDT"))
    watched.close(3)

    assert ([20.0, 19.0] if moved else [20.0]) == watched.samples.hedged


def test_close_with_options():
    """Options without a fresh price leave the end open: a stale one would lie."""
    watched = recorder("chains", (BTC, 1.0), (CALL, -1.0))
    play(watched, (1, index("100000")), (1, option("0.02")))
    watched.witness(filled(2, INVERSE, "-10", "100000"))
    watched.close(3)

    assert [1] == watched.samples.ts


def test_residual():
    """The residual is the furthest that the model's books ever were from these, with its sign."""
    watched = recorder("bars", (SPOT, 1.0))
    model = iter([10.0, 10.5, 8.0, 10.0])
    watched.compare_with(lambda: next(model))
    play(watched, *((ts, mark(SPOT, "10")) for ts in range(4)))

    assert -2.0 == watched.residual


def test_rows():
    """Rows tell what was held, filled, paid and known, in the order of time."""
    file = io.StringIO(newline="")
    watched = recorder("bars", (SPOT, 1.0), (USDT, 10.0), rows=Rows(Steps(file), LISTED))
    watched.rows.open(0, [(SPOT.id, 1.0, 9.5, False), (LINEAR.id, -1.0, 9.0, True)])
    play(watched, (1, mark(SPOT, "10")))
    watched.witness(filled(2, LINEAR, "-1.0", "10.1", fee="0.05"))
    watched.witness(FundingBooked(3, "x", LINEAR.id, "p", Decimal("0.01"), "USDT"))
    play(watched, (4, mark(SPOT, "11")), (4, mark(LINEAR, "11")))

    file.seek(0)
    told = [
        tuple(row[name] for name in ("ts", "reason", "instrument", "quantity", "price", "fee"))
        for row in csv.DictReader(file)
    ]
    assert [
        ("0", "open", SPOT.id, "1.0", "9.5", ""),
        ("0", "open_hedge", LINEAR.id, "-1.0", "9.0", ""),
        ("1", "mark", SPOT.id, "", "10.0", ""),
        ("1", "sample", "", "", "", ""),
        ("2", "fill", LINEAR.id, "-1.0", "10.1", "0.05"),
        ("3", "funding", LINEAR.id, "", "", ""),
        ("4", "mark", SPOT.id, "", "11.0", ""),
        ("4", "mark", LINEAR.id, "", "11.0", ""),
        ("4", "sample", "", "", "", ""),
    ] == told


def decision(ts, net_delta, price=100.0):
    facts = (Action.HOLD, Reason.INSIDE_BAND, net_delta, 0.0, 0.0, -1.0, 1.0)
    return Decision(1, ts, "BTC", *facts, price=price)


def test_extremes():
    """Time outside the band is counted from decision to decision; the largest delta is kept."""
    watched = recorder("bars")
    for second, net_delta in ((0, 0.5), (1, -3.0), (4, 2.0), (6, 1.0), (9, 0.0)):
        watched.observe(index("1"), (decision(second * SECOND, net_delta),))
    watched.observe(index("1"), (decision(10 * SECOND, 99.0, price=None),))

    assert 3.0 == watched.extremes.max_abs_net_delta
    assert 5.0 == watched.extremes.seconds_outside_band


def test_attribution():
    """The parts of a story of coins, options and hedges add up to the change of worth."""
    watched = recorder("chains", (BTC, 2.0), (CALL, -1.0))
    play(
        watched,
        *((1, each) for each in (index("100000"), mark(INVERSE, "100000"), option("0.02"))),
    )
    watched.witness(filled(2, INVERSE, "-100000", "99990", fee="0.0005"))
    watched.witness(FundingBooked(2, "x", INVERSE.id, "p", Decimal("0.0001"), "BTC"))
    later = 3_600 * SECOND
    play(
        watched,
        *((later, each) for each in (index("95000"), mark(INVERSE, "95010"))),
        (later, option("0.012", vol=0.7, forward=95_100.0)),
    )

    parts = watched.attribution()
    assert pytest.approx(watched.change()) == sum(parts.values())
    assert pytest.approx(watched.samples.hedged[-1] - watched.samples.hedged[0]) == watched.change()
    assert parts["vega"] < 0 < parts["hedge"]
    assert pytest.approx((-10_000.0, -50.0)) == (parts["collateral"] + 2 - 4, parts["fees"])


@pytest.mark.parametrize("coin", ["90000", "100000", "110000"])
@pytest.mark.parametrize("quantity", ["1", "0.4", "-2"])
@pytest.mark.parametrize("aged", [False, True])
def test_attribution_of_traded_options(coin, quantity, aged):
    """What an option was bought or sold beside its value is slippage; then its premium is coin."""
    watched = recorder("chains", (BTC, 2.0), (CALL, -1.0))
    play(watched, *((1, each) for each in (index("100000"), option("0.02"))))
    if aged:
        play(watched, (2, index("99000")))  # the option is worth something else, nobody told it
    watched.witness(filled(3, CALL, quantity, "0.05", fee="0.0003"))
    forward = float(coin)
    told = (index(coin), option("0.018", vol=0.7, forward=forward))
    play(watched, *((3_600 * SECOND, each) for each in told))
    ended = ContractDelivered(2, "x", CALL.id, "d", Decimal(coin), Decimal(0), "BTC")
    watched.witness(ended)
    watched.close(3_601 * SECOND)

    coins = 2 - 0.0003 - 0.05 * float(quantity)
    value = 0.018 * forward * (float(quantity) - 1)
    assert pytest.approx(coins * forward + value) == watched.samples.hedged[1]
    parts, (row,) = watched.attribution(), watched.hedges.rows()
    assert pytest.approx(watched.change()) == sum(parts.values())
    assert pytest.approx(-parts["slippage"]) == row.slippage
    if not aged:
        assert pytest.approx((0.05 - 0.02) * 100_000 * float(quantity)) == row.slippage
        assert pytest.approx((0.05, 0.02)) == (row.price, row.reference)


def test_nothing_sampled():
    """Without a sample there is no change and nothing to attribute."""
    watched = recorder("bars", (SPOT, 1.0))

    assert watched.change() is None
    assert {} == watched.attribution()
