"""10,000 random accounts: the core's formula against the exchange's scan, to the tick.

The two share nothing: `core.margin` solves equity = maintenance tier by tier in
floats; the exchange books the account in decimals and tries one price after
another, and is then moved to both sides of the tick to see whether it acts.
"""

import math
import random
from dataclasses import dataclass
from itertools import pairwise

import pytest

from rebalancer.core import margin
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange.exchange import Exchange, OpeningAccount, OpeningPosition
from rebalancer.exchange.records import LiquidationCalled
from rebalancer.exchange.terms import (
    AccountTerms,
    Liquidation,
    MarginMode,
    Schedule,
    VenueTerms,
)
from tests.exchange.listing import NO_FEES, D

LINEAR = Instrument(
    "x:BTCUSDT", Kind.PERPETUAL, "BTC", "USDT", D(1), D("0.001"), D("0.001"), D("0.1")
)
INVERSE = Instrument("x:BTC-PERPETUAL", Kind.PERPETUAL, "BTC", "BTC", D(1), D(1), D(1), D("0.5"))
OTHER = Instrument("x:ETHUSDT", Kind.PERPETUAL, "ETH", "USDT", D(1), D("0.01"), D("0.01"), D("0.1"))
OTHER_INVERSE = Instrument(
    "x:ETH-BTC", Kind.PERPETUAL, "ETH", "BTC", D(1), D("0.01"), D("0.01"), D("0.00001")
)
NONE, ONE = D(0), D(1)
ACCOUNTS, PARTS = 10_000, 10
FINE_TIERS = 4_000  # by which a rate that rises all the way is spelled for the core


@dataclass(frozen=True)
class Case:
    """One account, in the words of both sides."""

    exchange: Exchange
    instrument: Instrument
    price: float | None  # the core's liquidation price


def tiers(rng, worth):
    """Return up to five tiers around a notional, floors and rates with few digits."""
    floors = sorted({round(worth * rng.uniform(0.2, 3), 6) for _ in range(rng.randint(0, 4))})
    rates = sorted(round(rng.uniform(0.002, 0.2), 4) for _ in range(len(floors) + 1))
    return list(zip([0.0, *floors], rates, strict=True))


def schedule(found, **more):
    return Schedule(tuple((D(repr(floor)), D(repr(rate))) for floor, rate in found), **more)


def linear(rng):
    """Return a linear account: cross or isolated, with or without coins and other positions."""
    isolated = rng.random() < 0.3
    entry = rng.randint(200_000, 1_500_000) / 10
    size = rng.randint(1, 20_000) / 1000 * rng.choice([-1, 1])
    worth = abs(size) * entry
    found, leverage = tiers(rng, worth), rng.randint(1, 60)
    money = worth * rng.uniform(0.02, 1.5)
    haircut = round(rng.uniform(0.5, 1.0), 2)
    coins = 0.0 if isolated or rng.random() < 0.5 else round(abs(size) * rng.uniform(0, 1.3), 8)
    beside = Other() if isolated else other(rng, worth, 3000.0)
    if isolated:
        money = worth / leverage
    fee = rng.choice([0.0, 0.0, 0.0006])
    price = margin.liquidation_price(
        *(size, entry, round(money, 6), found),
        coins=coins * haircut,
        fee=fee,
        other_pnl=beside.pnl(),
        other_maintenance=beside.maintenance(fee),
    )
    terms = AccountTerms(
        mode=MarginMode.ISOLATED if isolated else MarginMode.CROSS,
        leverage=D(leverage),
        collateral={"USDT": D(1), "BTC": D(repr(haircut))} if coins else None,
    )
    cash = {"USDT": D(repr(round(money, 6))), "BTC": D(repr(coins))}
    held = [OpeningPosition(LINEAR.id, D(repr(size)), D(repr(entry))), *beside.opened(OTHER)]
    account = OpeningAccount("a", cash, tuple(held), terms)
    venue = VenueTerms(
        maintenance={LINEAR.id: schedule(found), OTHER.id: OTHER_TIERS},
        liquidation=Liquidation(fee=D(repr(fee)), reserve_fee=True),
    )
    return opened((LINEAR, OTHER), account, venue, (D(repr(entry)), beside.mark), price)


def inverse(rng):
    """Return an inverse account: cross or isolated, tiers in coins or USD, or a rising rate."""
    isolated = rng.random() < 0.3
    entry = rng.randint(40_000, 300_000) / 2
    size = rng.randint(1000, 5_000_000) * rng.choice([-1, 1])
    worth = abs(size) / entry
    leverage, shape = rng.randint(1, 60), rng.choice(["coins", "usd", "rising"])
    found = tiers(rng, abs(size) if shape == "usd" else worth)
    asked = schedule(found, in_usd=shape == "usd")
    if shape == "usd":
        own = [(0.0, sliced(found, abs(size)) / abs(size))]
    elif shape == "rising":
        base, slope = round(rng.uniform(0.005, 0.02), 4), round(rng.uniform(2e-5, 1e-4), 7)
        asked, own = schedule([(0.0, base)], slope=D(repr(slope))), rising(base, slope)
        leverage = max(leverage, 3)
    else:
        own = found
    most = 0.45 if shape == "rising" else 1.2
    money = worth / leverage if isolated else worth * rng.uniform(0.02, most)
    beside = Other() if isolated or shape == "rising" else other(rng, worth, 0.03)
    money = quantum(money)
    price = margin.liquidation_price(
        *(size, entry, money, own),
        inverse=True,
        other_pnl=beside.pnl(),
        other_maintenance=beside.maintenance(),
    )
    terms = AccountTerms(
        MarginMode.ISOLATED if isolated else MarginMode.CROSS, leverage=D(leverage)
    )
    held = [OpeningPosition(INVERSE.id, D(size), D(repr(entry))), *beside.opened(OTHER_INVERSE)]
    account = OpeningAccount("a", {"BTC": D(repr(money))}, tuple(held), terms)
    venue = VenueTerms(maintenance={INVERSE.id: asked, OTHER_INVERSE.id: OTHER_TIERS})
    prices = D(repr(entry)), beside.mark
    return opened((INVERSE, OTHER_INVERSE), account, venue, prices, price)


def quantum(number):
    return round(number, 12)


def sliced(found, notional):
    """Return the margin of a notional, slice by slice."""
    ends = [floor for floor, _ in found[1:]] + [float("inf")]
    parts = zip(found, ends, strict=True)
    return sum(rate * max(min(notional, end) - floor, 0) for (floor, rate), end in parts)


def rising(base, slope):
    """Return (base + slope x s) x s as fine tiers: over each small slice the rate of its chord.

    They end where the rate of one coin more would be 1: far beyond, a falling
    price that multiplies a short's coins would take it down too.
    """
    top = (1 - base) / slope / 2
    floors = [0.0, *(top * 1e-6 ** (1 - k / FINE_TIERS) for k in range(FINE_TIERS)), top]
    return [(a, base + slope * (a + b)) for a, b in pairwise(floors)]


@dataclass(frozen=True)
class Other:
    """A position in something else, whose price stands still; of no size: none."""

    size: D = NONE  # a power of ten, so that every gain has an exact mark
    entry: D = ONE
    mark: D = ONE

    def pnl(self):
        return float(self.size * (self.mark - self.entry))

    def maintenance(self, fee=0.0):
        return float(self.size * self.mark) * (0.01 + fee)

    def opened(self, instrument):
        return [OpeningPosition(instrument.id, self.size, self.entry)] if self.size else []


def other(rng, worth, entry):
    """Return nothing, or a position of up to a third of the account that gained or lost."""
    if rng.random() < 0.6:
        return Other()
    size = D(10) ** math.floor(math.log10(0.3 * worth / entry))
    mark = D(repr(entry)) * (1 + D(rng.randint(-100, 200)) / 1000)
    return Other(size, D(repr(entry)), mark)


OTHER_TIERS = schedule([(0.0, 0.01)])


def opened(listed, account, venue, marks, core):
    """Return the case on an exchange where the first contract stands at its entry."""
    exchange = Exchange(listed, NO_FEES, [account], venue)
    exchange.set_index(1, "BTC", marks[0])
    for instrument, mark in zip(listed, marks, strict=True):
        exchange.set_mark(1, instrument.id, mark)
    return Case(exchange, listed[0], core)


def healthy(case):
    """Tell whether nobody has to be taken down at the entry."""
    return all(each.sound for each in case.exchange.standings("a").values())


def drawn(part):
    """Yield one part of the accounts, sound at their entries."""
    rng, count = random.Random(20_240_808 + part), 0
    while count < ACCOUNTS // PARTS:
        case = rng.choice([linear, inverse])(rng)
        if healthy(case):
            count += 1
            yield case


@pytest.mark.campaign
@pytest.mark.parametrize("part", range(PARTS))
def test_to_the_tick(part):
    """Where the core says, the scan finds the tick; and there, not before, the exchange acts."""
    ends = 0
    for case in drawn(part):
        held = case.exchange.position("a", case.instrument.id)
        found, tick = case.exchange.liquidation_price("a", case.instrument.id), case.instrument.tick

        assert somewhere(case.price, held) == somewhere(found, held), (case.price, found)
        if somewhere(found, held):
            ends += 1
            assert abs(case.price - float(found)) <= float(tick) + slack(case, held)
            assert not called(case, 2, found - tick if found > held.mark else found + tick)
            assert called(case, 3, found)
    assert ends > ACCOUNTS // PARTS // 2  # most accounts end somewhere


def somewhere(price, held):
    """Tell whether there is a price: 100 times the mark is a rounding away from never."""
    return price is not None and price < 100 * held.mark


def slack(case, held):
    """Return what the two may differ by beyond the tick: rounding, USD.

    The exchange books coins to 1e-12, and fine tiers are chords of a rising rate.
    """
    if case.instrument is LINEAR:
        return 1e-9 * case.price
    size = abs(float(held.quantity))
    return 2e-12 * case.price**2 / size + 0.01 * float(INVERSE.tick)


def called(case, ts, price):
    """Tell whether the account is taken down with everything at a price."""
    case.exchange.set_mark(ts, case.instrument.id, price)
    case.exchange.set_index(ts, "BTC", price)
    return any(isinstance(each, LiquidationCalled) for each in case.exchange.judge(ts))
