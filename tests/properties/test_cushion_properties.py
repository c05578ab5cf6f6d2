"""Random accounts, reckoned twice: the core's cushions against the exchange's own standings.

The two share no code: the exchange books in decimals and knows no anchor, no
factor and no trial. It tells its figures once; from then on both sides hear
the same prices and fills, and must go on agreeing about what is left.
"""

import math
import random
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
import pytest

from rebalancer.core import adopting, anchors, curves, cushions, protect, rooms
from rebalancer.core import ledger as books
from rebalancer.core.anchors import Cushions
from rebalancer.core.commands import Purpose
from rebalancer.core.cushions import Around, Prices
from rebalancer.core.decision import HedgeIntent
from rebalancer.core.events import Fill, Index, Mark, PositionReport
from rebalancer.core.figures import LegFigures, MarginTold, PoolFigures
from rebalancer.core.guards import margin
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.margin.pool import Coins, Leg, Pool, Trial, distances, revalued
from rebalancer.core.margin.rungs import Rung, clear_of
from rebalancer.core.margin.schedule import flat, schedule
from rebalancer.core.params import AccountTerms, Params
from rebalancer.core.state import State
from rebalancer.exchange import black
from rebalancer.exchange import terms as venue
from rebalancer.exchange.exchange import Exchange, OpeningAccount, OpeningPosition
from rebalancer.exchange.grid import OptionModel
from rebalancer.exchange.orders import Order, TimeInForce
from rebalancer.exchange.records import Filled, Rejected, RejectReason
from tests.exchange.listing import NO_FEES, D
from tests.scenarios.desk import BTC, LADDER, PARAMS, SECOND, WATCHED

NOW = 1_769_757_300 * SECOND
DAY = 86_400 * SECOND
YEAR = 365 * DAY
NAME = "x"


def perpetual(coin: str, settle: str, size: str, lot: str) -> Instrument:
    name = f"x:{coin}-{settle}"
    return Instrument(name, Kind.PERPETUAL, coin, settle, D(size), D(lot), D(lot), D("0.01"))


LINEAR = {coin: perpetual(coin, "USDT", "1", "0.001") for coin in ("BTC", "ETH")}
INVERSE = {coin: perpetual(coin, coin, "10", "1") for coin in ("BTC", "ETH")}
PERPETUALS = (*LINEAR.values(), *INVERSE.values())
START = {"BTC": 100_000.0, "ETH": 4_000.0}
CROSS, ISOLATED, TOGETHER = "cross", "isolated", "together"
MODES = (CROSS, ISOLATED, TOGETHER)


def exact(number: float) -> Decimal:
    """Return what a float shows, to twelve digits."""
    return D(f"{number:.12g}")


@dataclass
class Case:
    """One account in the words of both sides; `tell` moves the market for both."""

    worth: float  # USD, about; what rounding is a share of
    exchange: Exchange
    ledger: books.Ledger
    params: Params
    instruments: dict[str, Instrument]
    marks: dict[str, float]
    indexes: dict[str, float]
    vols: dict[str, tuple[float, float]]
    cushions: Cushions
    ts: int = NOW

    def tell(self, factors: dict[str, float]) -> None:
        """Multiply all prices of each coin; options are marked by the exchange's own Black-76."""
        for coin, price in self.indexes.items():
            self.indexes[coin] = price * factors[coin]
            self.exchange.set_index(self.ts, coin, exact(self.indexes[coin]))
        for name, price in self.marks.items():
            self.marks[name] = price * factors[self.instruments[name].underlying]
            self.exchange.set_mark(self.ts, name, exact(self.marks[name]))
        for name in self.vols:
            vol, carry = self.vols[name]
            model = OptionModel(vol, carry * self.indexes["BTC"])
            worth = D(f"{self.premium(self.instruments[name]):.10f}")
            self.exchange.set_mark(self.ts, name, worth, model)

    def premium(self, option: Instrument) -> float:
        """Return an option's mark, coin per coin."""
        vol, carry = self.vols[option.id]
        forward = self.indexes[option.underlying] * carry
        deviation = vol * math.sqrt((option.expiry - self.ts) / YEAR)
        return black.price(forward, float(option.strike), deviation, option.sign) / forward

    def take_figures(self) -> None:
        """Let the venue tell how it sees the account now."""
        anchors.take(self.cushions, figures(self.exchange, self.ts))

    def pools(self) -> dict[str, Pool]:
        """Return the core's pools by name."""
        asked = Prices(self.marks.get, self.indexes.get, self.vols.get)
        around = Around(self.ledger, self.instruments, self.params, asked, self.ts)
        found = cushions.pools(self.cushions, NAME, around)
        assert found is not None
        return {each.instrument or each.currency: each for each in found}

    def standings(self) -> dict[str, tuple[float, float]]:
        """Return the exchange's (balance, maintenance) by the same names."""
        told = self.exchange.standings(NAME)
        return {
            pool.position or pool.currency: (float(each.balance), float(each.maintenance))
            for pool, each in told.items()
        }


def figures(exchange: Exchange, asked: int) -> MarginTold:
    """Return the exchange's figures as a venue tells them, without its liquidation prices."""
    told = [
        PoolFigures(
            pool.currency,
            each.equity,
            each.balance,
            each.maintenance,
            each.initial,
            pool.position or "",
            pool.together,
        )
        for pool, each in exchange.standings(NAME).items()
    ]
    legs = [
        LegFigures(each.instrument, exchange.requirement(NAME, each.instrument))
        for each in exchange.positions(NAME)
        if exchange.contract(each.instrument).margined
    ]
    return MarginTold(asked, asked, NAME, tuple(told), tuple(legs))


# --- random accounts ----------------------------------------------------------


def tiers(rng: random.Random, worth: float) -> list[tuple[float, float]]:
    """Return up to four tiers around a notional, USD, at rates that venues ask."""
    floors = sorted({round(worth * rng.uniform(0.2, 3), 2) for _ in range(rng.randint(0, 3))})
    rates = sorted(round(rng.uniform(0.003, 0.05), 4) for _ in range(len(floors) + 1))
    return list(zip([0.0, *floors], rates, strict=True))


def held(rng: random.Random, worth: float, listed: list[Instrument]) -> dict[str, tuple[str, str]]:
    """Return quantity and entry of a position in each of some contracts."""
    found = {}
    for each in listed:
        price = START[each.underlying]
        entry = round(price * rng.uniform(0.8, 1.25), 2)
        coins = worth * rng.uniform(0.2, 1.0) / price
        contracts = coins * price / float(each.size) if each.inverse else coins
        size = max(round(contracts / float(each.lot)), 1) * each.lot
        found[each.id] = str(rng.choice([-1, 1]) * size), str(entry)
    return found


def opened(
    rng: random.Random,
    mode: str,
    *,
    listed: tuple[Instrument, ...] = PERPETUALS,
    basis: float = 0.002,
    hidden: float = 0.3,
    implied: bool = False,
    leverage: int | None = None,
) -> Case:
    """Return a random account, its figures told.

    Args:
        rng: Seeded.
        mode: How it is margined.
        listed: What it may hold.
        basis: Most that a mark lies beside its index, fraction.
        hidden: Most of its cash that the ledger does not know of, share.
        implied: Whether the core must read rates from the figures.
        leverage: Of positions; None: any.
    """
    worth = 10 ** rng.uniform(4, 7)  # USD
    leverage = leverage or rng.randint(2, 20)
    asked = [(0.0, round(rng.uniform(0.003, 0.02), 4))] if implied else tiers(rng, worth)
    some = rng.sample(list(listed), rng.randint(1, len(listed)))
    positions = held(rng, worth, some)
    shares = {"USDT": 1.0, "BTC": round(rng.uniform(0.5, 1), 2), "ETH": round(rng.uniform(0, 1), 2)}
    prices = {"USDT": 1.0, **START}
    cash = {
        currency: round(worth * rng.uniform(0.1, 2) / price, 8)
        for currency, price in prices.items()
        if mode != TOGETHER or currency == "USDT" or rng.random() < 0.7
    }
    if mode == TOGETHER and rng.random() < 0.3:
        cash["USDT"] = -cash["USDT"] / 4  # borrowed against coins
    account = OpeningAccount(
        NAME,
        {currency: exact(amount) for currency, amount in cash.items()},
        tuple(OpeningPosition(name, D(q), D(e)) for name, (q, e) in positions.items()),
        venue.AccountTerms(
            venue.MarginMode.ISOLATED if mode == ISOLATED else venue.MarginMode.CROSS,
            D(leverage),
            {name: exact(each) for name, each in shares.items()} if mode == TOGETHER else None,
        ),
    )
    demands = venue.VenueTerms(
        maintenance={
            Kind.PERPETUAL: venue.Schedule(
                tuple((exact(floor), exact(rate)) for floor, rate in asked), in_usd=True
            )
        },
    )
    ledger = books.Ledger()
    instruments = {each.id: each for each in listed}
    for name, (quantity, entry) in positions.items():
        report = PositionReport(NOW, NOW, NAME, name, D(quantity))
        adopting.adopt(ledger, report, instruments[name], D(entry))
    for currency, amount in cash.items():
        known = currency == "USDT" or mode != TOGETHER
        unseen = amount * rng.uniform(0, hidden) if known else 0.0
        books.credit(ledger, NAME, currency, exact(amount) - exact(unseen))
    own = AccountTerms(
        isolated=mode == ISOLATED,
        leverage=float(leverage),
        schedule=None if implied else schedule(asked),
        collateral=shares if mode == TOGETHER else None,
    )
    params = replace(PARAMS, accounts=(NAME,), terms={NAME: own}, margin=WATCHED)
    case = Case(
        worth,
        Exchange(listed, NO_FEES, [account], demands),
        ledger,
        params,
        instruments,
        {each.id: START[each.underlying] * (1 + rng.uniform(-basis, basis)) for each in listed},
        dict(START),
        {},
        Cushions(),
    )
    case.tell(dict.fromkeys(START, 1.0))
    case.take_figures()
    return case


def moves(rng: random.Random, most: float = 3.0) -> dict[str, float]:
    """Return a factor of price for each coin, alike or apart."""
    first = most ** rng.uniform(-1, 1)
    return {"BTC": first, "ETH": first if rng.random() < 0.3 else most ** rng.uniform(-1, 1)}


def agree(case: Case, found: dict[str, tuple[float, float]], slack: float = 1e-9) -> None:
    """Hold the core's (balance, maintenance) of each pool against the exchange's.

    They may differ by a share of the account: decimals and floats round at other places.
    """
    told = case.standings()
    for name in found:
        balance, maintenance = told[name]
        coin = name if name in START else name.partition("-")[2]
        least = slack * case.worth / START.get(coin, 1.0)
        assert balance == pytest.approx(found[name][0], rel=1e-9, abs=least), name
        assert maintenance == pytest.approx(found[name][1], rel=1e-9, abs=least), name


def now(case: Case) -> dict[str, tuple[float, float]]:
    """Return the core's (balance, maintenance) by pool."""
    return {name: (pool.balance, pool.maintenance) for name, pool in case.pools().items()}


def at(
    pools: dict[str, Pool], factors: dict[str, float], trial: Trial | None = None
) -> dict[str, tuple[float, float]]:
    """Return (balance, maintenance) of pools where coins move alike, or BTC alone does."""
    among = None if factors["BTC"] == factors["ETH"] else ("BTC",)
    assert among is None or factors["ETH"] == 1.0
    found = {}
    for name, pool in pools.items():
        balance, asked = revalued(pool, np.array([factors["BTC"]]), among, trial)
        found[name] = float(balance[0]), float(asked[0])
    return found


# --- without an order ---------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("implied", [False, True])
def test_prices(mode, implied):
    """Told the same prices and no new figures, a pool is what the exchange says, to rounding.

    So it is where the tiers are known, and where the figures imply a single rate.
    """
    rng = random.Random(f"prices {mode}")
    for _ in range(400):
        case = opened(rng, mode, implied=implied)
        agree(case, now(case))
        case.tell(moves(rng))
        agree(case, now(case))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("alone", [False, True])
def test_revalued(mode, alone):
    """What a pool would be at other prices is what the exchange says once they come."""
    rng = random.Random(f"revalued {mode} {alone}")
    for _ in range(300):
        case = opened(rng, mode)
        factor = 3 ** rng.uniform(-1, 1)
        factors = {"BTC": factor, "ETH": 1.0 if alone else factor}
        found = at(case.pools(), factors)
        case.tell(factors)
        agree(case, found)


@pytest.mark.parametrize("mode", MODES)
def test_liquidation(mode):
    """The nearest liquidation price is the exchange's own, to 0.1 %; far out, to 1 %."""
    rng = random.Random(f"liquidation {mode}")
    ends = 0
    for _ in range(200):
        listed = tuple(rng.choice([LINEAR, INVERSE])[coin] for coin in START)
        case = opened(rng, mode, listed=listed, basis=0.0)
        for pool in case.pools().values():
            for leg in pool.legs:
                theirs = case.exchange.liquidation_price(NAME, leg.instrument)
                ours = [each for each in distances(pool, (leg.underlying,)) if each is not None]
                if theirs is not None and 0.02 < float(theirs) / leg.mark < 1.9:
                    ends += 1
                    factor = float(theirs) / leg.mark
                    nearest = min(ours, key=lambda each: abs(each - 1))
                    slack = 1e-3 if 0.5 < factor < 1.5 else 1e-2  # where points lie 1 % apart
                    assert factor == pytest.approx(nearest, rel=slack)
                elif theirs is None:
                    assert [] == ours
    assert ends > 50


# --- with an order ------------------------------------------------------------


def lots(instrument: Instrument, contracts: float) -> Decimal:
    """Return at least one lot, about so many contracts."""
    return max(round(contracts / float(instrument.lot)), 1) * instrument.lot


def drawn(rng: random.Random, case: Case) -> tuple[Instrument, Decimal, Decimal]:
    """Return an order, (instrument, quantity, price): it opens, adds, cuts or turns over."""
    instrument = case.instruments[rng.choice(list(case.instruments))]
    usd = 1.0 if instrument.inverse else START[instrument.underlying]
    held = abs(float(case.exchange.position(NAME, instrument.id).quantity))
    base = held or case.worth / 4 / usd / float(instrument.size)
    quantity = lots(instrument, base * rng.uniform(0.02, 1.8)) * rng.choice([-1, 1])
    price = exact(round(case.marks[instrument.id] * rng.uniform(0.997, 1.003), 2))
    return instrument, quantity, price


def fill(case: Case, instrument: Instrument, quantity: Decimal, price: Decimal) -> bool:
    """Fill an order at exactly a price, for nothing; False where the exchange rejects it."""
    level = [(price, abs(quantity))]
    case.exchange.set_book(case.ts, instrument.id, *(([], level) if quantity > 0 else (level, [])))
    order = Order("c", NAME, instrument.id, quantity, price, TimeInForce.IOC)
    told = case.exchange.submit(case.ts, order)
    return any(isinstance(each, Filled) for each in told)


def owner(pools: dict[str, Pool], instrument: Instrument) -> str | None:
    """Return the name of the pool in which an instrument is held."""
    legs = ((name, leg.instrument) for name, pool in pools.items() for leg in pool.legs)
    return next((name for name, held in legs if held == instrument.id), None)


def with_leg(case: Case, pools: dict[str, Pool], instrument: Instrument) -> dict[str, Pool]:
    """Return pools in which an instrument that is ordered has a leg, if only an empty one."""
    if owner(pools, instrument) is not None:
        return pools
    asked, mark = case.params.terms[NAME].schedule, case.marks[instrument.id]
    leg = Leg(instrument.id, instrument.underlying, 0.0, instrument.inverse, mark, asked)
    if case.params.terms[NAME].isolated:
        empty = Pool(NAME, instrument.settle, instrument.id, 0.0, 0.0, (leg,))
        return {**pools, instrument.id: empty}
    name = "USD" if "USD" in pools else instrument.settle
    coins, coin = pools[name].coins, instrument.underlying
    if name == "USD" and instrument.inverse and coin not in [each.underlying for each in coins]:
        share = case.params.terms[NAME].collateral[coin]
        coins = (*coins, Coins(coin, 0.0, share, case.indexes[coin]))
    return {**pools, name: replace(pools[name], legs=(*pools[name].legs, leg), coins=coins)}


def locked(case: Case, instrument: Instrument, quantity: Decimal, price: Decimal) -> float:
    """Return the margin that an isolated position gets as it grows, by hand."""
    size = abs(float(quantity * instrument.size))
    notional = size / float(price) if instrument.inverse else size * float(price)
    return notional / case.params.terms[NAME].leverage


def after_order(
    case: Case,
    order: tuple[Instrument, Decimal, Decimal],
    factors: dict[str, float],
    locks: float = 0.0,
) -> dict[str, tuple[float, float]]:
    """Return the core's (balance, maintenance) by pool, after an order and at other prices."""
    instrument, quantity, price = order
    pools = with_leg(case, case.pools(), instrument)
    trial = Trial(instrument.id, float(quantity * instrument.size), float(price), locks)
    own = owner(pools, instrument)
    return {own: at(pools, factors, trial)[own]}


def anywhere(rng: random.Random) -> dict[str, float]:
    """Return where all prices go together, or that they stand."""
    return dict.fromkeys(START, rng.choice([1.0, 3 ** rng.uniform(-1, 1)]))


@pytest.mark.parametrize("mode", [CROSS, TOGETHER])
def test_trial(mode):
    """A pool after an order is what the exchange says once it is filled, at any price."""
    rng = random.Random(f"trial {mode}")
    done = 0
    for _ in range(500):
        case = opened(rng, mode, leverage=50, basis=0.0)
        order, factors = drawn(rng, case), anywhere(rng)
        found = after_order(case, order, factors)
        if fill(case, *order):
            done += 1
            case.tell(factors)
            agree(case, found)
    assert done > 200


def test_trial_of_growth():
    """An isolated pool after it was added to is what the exchange says, at any price."""
    rng = random.Random("trial isolated")
    done = 0
    for _ in range(500):
        case = opened(rng, ISOLATED, basis=0.0)
        order, factors = drawn(rng, case), anywhere(rng)
        if case.exchange.position(NAME, order[0].id).quantity * order[1] < 0:
            continue
        at_risk = case.params.terms[NAME].leverage * max(case.params.terms[NAME].schedule.rates)
        if at_risk >= 1:
            continue  # then the exchange locks its maintenance
        found = after_order(case, order, factors, locked(case, *order))
        if fill(case, *order):
            done += 1
            case.tell(factors)
            agree(case, found)
    assert done > 100


@pytest.mark.parametrize("mode", MODES)
def test_closing(mode):
    """What a part that is closed at the mark leaves of a pool is what the exchange says."""
    rng = random.Random(f"closing {mode}")
    for _ in range(200):
        case = opened(rng, mode, basis=0.0)
        name, pool = rng.choice([(n, p) for n, p in case.pools().items() if p.legs])
        instrument = case.instruments[rng.choice(pool.legs).instrument]
        held = case.exchange.position(NAME, instrument.id).quantity
        part = min(lots(instrument, float(abs(held)) * rng.random()), abs(held))
        trial = protect.closing(pool, instrument, part.copy_sign(-held))
        factors = anywhere(rng)
        found = at({name: pool}, factors, trial)

        assert fill(case, instrument, part.copy_sign(-held), exact(case.marks[instrument.id]))
        if part < abs(held) or mode != ISOLATED:
            case.tell(factors)
            agree(case, found)


@pytest.mark.parametrize("mode", [CROSS, TOGETHER])
@pytest.mark.parametrize("implied", [False, True])
def test_booking(mode, implied):
    """What was booked since the figures were told is in the pools, be tiers known or implied."""
    rng = random.Random(f"booking {mode} {implied}")
    done = 0
    for _ in range(300):
        case = opened(rng, mode, leverage=50, basis=0.0, implied=implied)
        agree(case, now(case))
        instrument, quantity, price = drawn(rng, case)
        before = case.exchange.position(NAME, instrument.id).quantity
        if not before + quantity or not before or not fill(case, instrument, quantity, price):
            continue
        done += 1
        book(case, instrument, quantity, price)
        agree(case, now(case))
        case.tell(moves(rng))
        agree(case, now(case))
    assert done > 80


def book(case: Case, instrument: Instrument, quantity: Decimal, price: Decimal) -> None:
    """Let the ledger hear of a fill that cost nothing."""
    at, free = (case.ts, case.ts), (D(0), instrument.settle)
    told = Fill(*at, NAME, instrument.id, "t1", None, quantity, price, *free)
    books.book_fill(case.ledger, told, instrument, ours=True)


# --- what the guard lets pass -------------------------------------------------

VOL = WATCHED.least_vol * WATCHED.tail


def state_of(case: Case) -> State:
    """Return a book that knows the account, its figures and the prices of now."""
    hedges = {coin: (LINEAR[coin].id, INVERSE[coin].id) for coin in START}
    own = {
        coin: replace(BTC, name=coin, hedge_buy=names, hedge_sell=names)
        for coin, names in hedges.items()
    }
    params = replace(case.params, underlyings=own)
    state = State(case.instruments, params, case.ts)
    state.ledger.positions.update(case.ledger.positions)
    state.ledger.cash.update(case.ledger.cash)
    for coin, price in case.indexes.items():
        state.apply(Index(case.ts, case.ts, NAME, coin, exact(price)))
    for name, price in case.marks.items():
        state.apply(Mark(case.ts, case.ts, name, exact(price)))
    state.apply(figures(case.exchange, case.ts))
    return state


def wanted(case: Case, order: tuple[Instrument, Decimal, Decimal]) -> HedgeIntent:
    """Return an order as a hedge that net delta does not require."""
    instrument, quantity, price = order
    position = case.exchange.position(NAME, instrument.id).quantity
    turned = position * quantity < 0
    return HedgeIntent(
        purpose=Purpose.HEDGE,
        underlying=instrument.underlying,
        account=NAME,
        instrument=instrument.id,
        quantity=quantity,
        position=position,
        closing=min(abs(position), abs(quantity)) if turned else D(0),
        hedging=D(0),
        required=D(0),
        delta_per_contract=1.0,
        price=price,
    )


def clear(case: Case, name: str, coins: tuple[str, ...]) -> bool:
    """Whether a pool is clear of WIDEN by the exchange's own figures; prices come back."""
    limit, start = clear_of(Rung.WIDEN, LADDER, VOL), (dict(case.marks), dict(case.indexes))
    sound = True
    for among in (*((coin,) for coin in coins), coins):
        for factor, ratio in zip(limit.factors, limit.ratios, strict=True):
            case.tell({coin: factor if coin in among else 1.0 for coin in START})
            balance, asked = case.standings()[name]
            sound = sound and float(ratio) * balance - asked >= -1e-7 * (abs(balance) + asked)
            case.marks, case.indexes = (dict(each) for each in start)
    case.tell(dict.fromkeys(START, 1.0))
    return sound


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("turns", [False, True])
def test_what_passes_leaves_the_account_clear(mode, turns):
    """A clear account is still clear, by the exchange's figures, after all that the guard passes.

    Orders open and add, or turn a position over.
    """
    rng = random.Random(f"room {mode} {turns}")
    cut = 0
    for _ in range(300):
        case = opened(rng, mode, basis=0.0, hidden=0.0)
        instrument, quantity, price = drawn(rng, case)
        held = case.exchange.position(NAME, instrument.id).quantity
        quantity = 5 * quantity.copy_sign(-held if turns else held)
        if turns and not abs(quantity) > abs(held) > 0:
            continue
        name = {ISOLATED: instrument.id, CROSS: instrument.settle, TOGETHER: "USD"}[mode]
        coins = tuple(START) if mode == TOGETHER else (instrument.underlying,)
        if held and not clear(case, name, coins):
            continue
        state, intent = state_of(case), wanted(case, (instrument, quantity, price))
        verdict = margin.judge(intent, rooms.measure(state, state.params, intent))
        passed = verdict.allows // instrument.lot * instrument.lot
        cut += passed < abs(quantity)
        opens = passed > intent.closing
        if opens and fill(case, instrument, passed.copy_sign(quantity), price):
            assert clear(case, name, coins), (intent, verdict)
    assert cut > 10


@pytest.mark.parametrize("mode", [CROSS, ISOLATED])
def test_what_passes_is_paid_for(mode):
    """What the guard lets an account open, the exchange does not reject for want of margin."""
    rng = random.Random(f"payable {mode}")
    cut = 0
    for _ in range(300):
        case = opened(rng, mode, basis=0.0, hidden=0.0)
        instrument, quantity, price = drawn(rng, case)
        held = case.exchange.position(NAME, instrument.id).quantity
        intent = wanted(case, (instrument, 5 * quantity.copy_sign(held), price))
        state = state_of(case)
        room = rooms.measure(state, state.params, intent)._replace(wide=1.0, far=1.0)
        passed = margin.judge(intent, room).allows // instrument.lot * instrument.lot
        if not passed:
            continue
        cut += room.payable < 1
        level = [(price, passed)]
        depth = ([], level) if intent.quantity > 0 else (level, [])
        case.exchange.set_book(case.ts, instrument.id, *depth)
        order = Order("c", NAME, instrument.id, passed.copy_sign(quantity), price, TimeInForce.IOC)
        told = case.exchange.submit(case.ts, order)[0]
        assert not isinstance(told, Rejected) or told.reason is not RejectReason.INSUFFICIENT_MARGIN
    assert cut > 10


# --- options ------------------------------------------------------------------

STEP = math.log(curves.GRID[1] / curves.GRID[0])  # between two prices of a curve


def option(rng: random.Random, number: int, *, short: bool) -> tuple[Instrument, Decimal]:
    """Return an inverse option and the quantity held of it."""
    strike, sign = rng.randint(50, 200) * 1000, rng.choice([-1, 1])
    expiry = NOW + rng.randint(1, 200) * DAY
    unit = (D(1), D("0.1"), D("0.1"), D("0.0001"))
    made = Instrument(f"x:O{number}", Kind.OPTION, "BTC", "BTC", *unit, expiry, D(strike), sign)
    return made, D(rng.randint(1, 100)) / 10 * (-1 if short else rng.choice([-1, 1]))


def with_options(
    rng: random.Random, mode: venue.MarginMode, collateral: dict[str, float] | None
) -> Case:
    """Return an account in coin that holds inverse options beside an inverse perpetual."""
    portfolio = mode is venue.MarginMode.PORTFOLIO
    held = [option(rng, number, short=not portfolio) for number in range(rng.randint(1, 4))]
    perpetual, quantity = INVERSE["BTC"], D(rng.randint(-50_000, 50_000) or 1)
    ledger, cash = books.Ledger(), D(rng.randint(10, 100))
    listed = (perpetual, *(each for each, _ in held))
    opening = [
        OpeningPosition(perpetual.id, quantity, D(100_000)),
        *(OpeningPosition(each.id, size, D("0.05")) for each, size in held),
    ]
    shares = None if collateral is None else {each: exact(x) for each, x in collateral.items()}
    demands = venue.VenueTerms(
        maintenance={Kind.PERPETUAL: venue.Schedule(((D(0), D("0.005")),), in_usd=True)}
    )
    account = OpeningAccount(
        NAME, {"BTC": cash}, tuple(opening), venue.AccountTerms(mode, None, shares)
    )
    for each in opening:
        report = PositionReport(NOW, NOW, NAME, each.instrument, each.quantity)
        contract = next(x for x in listed if x.id == each.instrument)
        adopting.adopt(ledger, report, contract, each.entry)
    books.credit(ledger, NAME, "BTC", cash - (1 if collateral is None else 0))
    own = AccountTerms(portfolio=portfolio, schedule=flat(0.005), collateral=collateral)
    carry = 1.0 if collateral else rng.uniform(0.98, 1.03)
    case = Case(
        START["BTC"],
        Exchange(listed, NO_FEES, [account], demands),
        ledger,
        replace(PARAMS, accounts=(NAME,), terms={NAME: own}),
        {each.id: each for each in listed},
        {perpetual.id: START["BTC"]},
        {"BTC": START["BTC"]},
        {each.id: (rng.uniform(0.3, 1.2), carry) for each, _ in held},
        Cushions(),
    )
    case.tell({"BTC": 1.0})
    case.take_figures()
    return case


def bent(case: Case) -> float:
    """Return how far a curve of options may lie from its chords, coins.

    A chord over a step h of log price is off by at most h² ÷ 8 times the second
    derivative, which for a value in coin is K/F·(n(d2) ÷ deviation + 2); a put's
    floor of maintenance bends once more. The anchor is off by as much.
    """
    total = 0.0
    for name, (vol, carry) in case.vols.items():
        told = case.instruments[name]
        deviation = vol * math.sqrt((told.expiry - case.ts) / YEAR)
        ratios = [
            float(told.strike) / (START["BTC"] * carry),
            float(told.strike) / (case.indexes["BTC"] * carry),
        ]
        curve = STEP**2 / 8 * max(*ratios, 1.0) * (0.4 / deviation + 2) * math.exp(STEP)
        total += abs(float(case.exchange.position(NAME, name).quantity)) * (2 * curve + 0.002)
    return total


@pytest.mark.parametrize("collateral", [None, {"BTC": 0.9}])
def test_short_options(collateral):
    """Under standard margin short options are asked for what the exchange asks at any price."""
    rng = random.Random(f"options {collateral}")
    for _ in range(300):
        case = with_options(rng, venue.MarginMode.CROSS, collateral)
        found = now(case)
        (name, told), ((balance, asked),) = *case.standings().items(), found.values()
        assert told == pytest.approx((balance, asked), rel=1e-9)
        start = case.pools()
        factors = {"BTC": 2 ** rng.uniform(-1, 1), "ETH": 1.0}
        for revalues in (True, False):
            if revalues:
                found = at(start, factors)
                case.tell(factors)
            else:
                found = now(case)
            slack = bent(case) * (1.0 if collateral is None else case.indexes["BTC"])
            (balance, asked), told = found[name], case.standings()[name]
            assert told[0] == pytest.approx(balance, rel=1e-6)
            assert told[1] == pytest.approx(asked, rel=1e-6, abs=slack)


def test_portfolio():
    """Under a portfolio margin options add to the balance what they are worth at any price."""
    rng = random.Random("portfolio")
    for _ in range(200):
        case = with_options(rng, venue.MarginMode.PORTFOLIO, None)
        case.pools()
        case.tell({"BTC": 2 ** rng.uniform(-1, 1)})
        (pool,) = case.pools().values()
        ((balance, _),) = case.standings().values()

        assert balance == pytest.approx(pool.balance, rel=1e-9, abs=bent(case))
