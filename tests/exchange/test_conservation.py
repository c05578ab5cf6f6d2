"""100,000 random events: nothing is made or lost, and nothing that is told twice counts twice.

A small market of many kinds of accounts, most of them with far too much
leverage, so that ladders, the fund and deleveraging are at work all the time.
Whether money is conserved is worked out here, in fractions, at prices that the
exchange never heard of.
"""

import random
from fractions import Fraction

import pytest

from rebalancer.core.instruments import Kind
from rebalancer.errors import DataError
from rebalancer.exchange.exchange import Exchange, OpeningAccount, OpeningPosition
from rebalancer.exchange.fees import FeeSchedule, FeeTier
from rebalancer.exchange.grid import OptionModel
from rebalancer.exchange.orders import CashRequest, Order, TimeInForce
from rebalancer.exchange.records import (
    Amended,
    AutoDeleveraged,
    CashKind,
    CashMoved,
    CashRefused,
    Filled,
    FundingBooked,
    Liquidated,
    Rejected,
    Taker,
)
from rebalancer.exchange.terms import (
    AccountTerms,
    MarginMode,
    Schedule,
    SelfTrade,
    TradingRules,
    VenueTerms,
)
from tests.exchange.listing import CALL, FUTURE, INVERSE, LINEAR, LINEAR_CALL, PUT, SPOT, D

EVENTS, PARTS = 100_000, 10
SECOND = 1_000_000_000
EXPIRY = 24 * 3600 * SECOND
TRADED = (LINEAR, INVERSE, FUTURE, CALL, PUT, LINEAR_CALL, SPOT)
MARGINED = (LINEAR, INVERSE, FUTURE)
CURRENCIES = ("BTC", "USDT", "USDC")
FEES = {
    Kind.PERPETUAL: FeeSchedule(
        *(D("-0.00013"), D("0.00051")), tiers=(FeeTier(D(10**6), D("-0.0002"), D("0.0003")),)
    ),
    Kind.FUTURE: FeeSchedule(D(0), D("0.0005"), delivery=D("0.00025")),
    Kind.OPTION: FeeSchedule(D("0.0003"), D("0.0003"), D("0.125"), delivery=D("0.00015")),
    Kind.SPOT: FeeSchedule(D("0.001"), D("0.001")),
}
TIERS = Schedule(((D(0), D("0.01")), (D(100_000), D("0.03"))), in_usd=True)
ACCOUNTS = {
    "unasked": None,
    "cross": AccountTerms(leverage=D(40)),
    "isolated": AccountTerms(MarginMode.ISOLATED, leverage=D(40)),
    "together": AccountTerms(
        leverage=D(50), collateral={"USDT": D(1), "BTC": D("0.9"), "USDC": D("0.95")}
    ),
    "portfolio": AccountTerms(MarginMode.PORTFOLIO),
    "gambler": AccountTerms(leverage=D(100)),
}


def opened(part):
    """Return a market with accounts of every kind; `gambler` begins over its head."""
    held = (OpeningPosition(INVERSE.id, D(2_000 * (-1) ** part), D(100_000)),)
    accounts = [
        OpeningAccount(name, {"BTC": D(1), "USDT": D(60_000), "USDC": D(20_000)}, terms=terms)
        for name, terms in list(ACCOUNTS.items())[:-1]
    ]
    accounts.append(OpeningAccount("gambler", {"BTC": D("0.01")}, held, ACCOUNTS["gambler"]))
    terms = VenueTerms(
        rules={Kind.PERPETUAL: TradingRules(minimum_notional=D(50), price_band=D("0.2"))},
        maintenance=dict.fromkeys((Kind.PERPETUAL, Kind.FUTURE), TIERS),
        insurance={"USDT": D(500), "BTC": D("0.002")},
        funding_cap={Kind.PERPETUAL: D("0.003")},
        self_trade=list(SelfTrade)[part % 2],
        unique_client_ids=True,
    )
    return Exchange(TRADED, FEES, accounts, terms)


class Market:
    """Draws what happens next; the coin's price wanders, with a jump now and then."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.price = 100_000.0
        self.now = 0
        self.count = 0
        self.rested = [("cross", "c0", LINEAR, 1)]  # account, client order id, instrument, side

    def price_of(self, instrument):
        """Return a price near fair value, on the instrument's tick, and never 0."""
        rng = self.rng
        fair = self.price * rng.uniform(0.995, 1.005)
        if instrument.kind is Kind.OPTION:
            inside = max(instrument.sign * (self.price - 100_000), 0) + rng.uniform(500, 1500)
            fair = inside / self.price if instrument.inverse else inside
        return max(round(fair / float(instrument.tick)), 1) * instrument.tick

    def event(self):
        """Return a call and its arguments behind the time."""
        rng = self.rng
        self.count += 1
        if rng.random() < 0.7:
            self.now = min(self.now + rng.randint(1, 8) * SECOND, EXPIRY - 1)
        draw = rng.choices(
            [self.move, self.book, self.order, self.trade, self.change, self.cash, self.time],
            [18, 22, 34, 8, 8, 6, 4],
        )[0]
        return draw()

    def move(self):
        rng = self.rng
        size = 0.06 if rng.random() < 0.02 else 0.002
        self.price = min(max(self.price * (1 + rng.gauss(0, size)), 30_000), 300_000)
        if rng.random() < 0.3:
            return "set_index", ("BTC", D(f"{self.price:.2f}"))
        instrument = rng.choice(TRADED)
        model = None
        if instrument.kind is Kind.OPTION:
            model = OptionModel(rng.uniform(0.3, 0.9), self.price)
        return "set_mark", (instrument.id, self.price_of(instrument), model)

    def book(self):
        rng, instrument = self.rng, self.rng.choice(TRADED)
        middle, tick = self.price_of(instrument), instrument.tick
        bids = [(middle - n * tick, self.size(instrument)) for n in range(1, rng.randint(1, 5))]
        asks = [(middle + n * tick, self.size(instrument)) for n in range(1, rng.randint(1, 5))]
        return "set_book", (instrument.id, [b for b in bids if b[0] > 0], asks)

    def size(self, instrument):
        most = {INVERSE: 3000, FUTURE: 2000, LINEAR: 400}.get(instrument, 20)
        return self.rng.randint(2, most) * instrument.lot

    def order(self):
        rng, instrument = self.rng, self.rng.choice((*TRADED, INVERSE, LINEAR, LINEAR))
        order = Order(
            client_order_id=f"c{self.count}",
            account=rng.choice(list(ACCOUNTS)),
            instrument=instrument.id,
            quantity=self.size(instrument) * rng.choice([1, -1]),
            price=None if rng.random() < 0.3 else self.price_of(instrument),
            time_in_force=rng.choice(list(TimeInForce)),
            reduce_only=rng.random() < 0.15,
        )
        if order.rests:
            side = 1 if order.quantity > 0 else -1
            self.rested.append((order.account, order.client_order_id, instrument, side))
        return "submit", (order,)

    def trade(self):
        instrument = self.rng.choice(TRADED)
        size = self.size(instrument) * self.rng.choice([1, -1])
        return "trade", (instrument.id, self.price_of(instrument), size, f"t{self.count}")

    def change(self):
        rng = self.rng
        account, name, instrument, side = rng.choice(self.rested[-12:])
        if rng.random() < 0.3:
            return "cancel", (account, name)
        quantity = rng.choice([None, self.size(instrument) * side])
        price = rng.choice([None, self.price_of(instrument)])
        return "amend", (account, name, quantity, price)

    def cash(self):
        rng = self.rng
        account, currency = rng.choice(list(ACCOUNTS)), rng.choice(CURRENCIES)
        if rng.random() < 0.2:
            amount = D(rng.randint(-2000, 2000))
            return "add_margin", ("isolated", LINEAR.id, amount, f"m{self.count}")
        kind = rng.choice(
            [k for k in CashKind if k not in (CashKind.CONVERSION, CashKind.INSURANCE)]
        )
        other = rng.choice(list(ACCOUNTS)) if kind is CashKind.TRANSFER else None
        unit = D("0.01") if currency == "BTC" else D(500)
        amount = unit * rng.randint(1, 20) * (-1 if kind is CashKind.WITHDRAWAL else 1)
        if kind in (CashKind.INTEREST, CashKind.TRANSFER):
            amount *= rng.choice([1, -1])
        return "move_cash", (CashRequest(account, kind, currency, amount, other, f"k{self.count}"),)

    def time(self):
        rng = self.rng
        perpetual = rng.choice([LINEAR, INVERSE])
        rate = D(rng.randint(-500, 500)) / 100_000
        stamp = self.now + rng.randint(0, 60) * SECOND
        return rng.choice(
            [
                ("set_funding_rate", (INVERSE.id, rate, 8 * 3600 * SECOND)),
                ("set_funding_rate", (LINEAR.id, rate, 3600 * SECOND, stamp)),
                ("apply_funding", (LINEAR.id,)),
                ("accrue_funding", ()),
                ("settle_session", (perpetual.id, self.price_of(perpetual))),
                ("judge", ()),
            ]
        )


def tell(exchange, ts, call, arguments):
    """Tell an exchange an event; what makes no sense to it is refused and moves nothing."""
    try:
        return getattr(exchange, call)(ts, *arguments)
    except DataError:
        return ()


def owned(exchange, currency):
    """Return what all own in a currency at prices of their own, less what was brought in."""
    house = exchange.house
    pots = (house.fees, house.funding, house.interest, house.account.cash, house.insurance.cash)
    total = sum((Fraction(pot.get(currency, 0)) for pot in pots), Fraction(0))
    total += sum(Fraction(exchange.balance(name, currency)) for name in ACCOUNTS)
    for each in (each for each in TRADED if each.settle == currency):
        held = [exchange.position(name, each.id) for name in ACCOUNTS]
        others = (house.account.holding(each.id), house.insurance.holding(each.id))
        for holding in (*held, *others):
            total += value(each, Fraction(holding.quantity), Fraction(holding.basis))
    return total - Fraction(house.brought.get(currency, 0))


def value(instrument, quantity, basis):
    """Return the value of a holding at 31,337."""
    amount, price = quantity * Fraction(instrument.size), Fraction(31_337)
    if not instrument.margined:
        return amount * price
    return basis - amount / price if instrument.inverse else amount * price - basis


def seen(exchange):
    """Return all that can be read of an exchange, but for the numbers of its records."""
    house = exchange.house
    return {
        "cash": [exchange.balances(name) for name in ACCOUNTS],
        "held": [exchange.positions(name) for name in ACCOUNTS],
        "pools": [exchange.standings(name) for name in ACCOUNTS],
        "orders": [
            [(w.order, w.filled, w.ahead) for w in exchange.open_orders(name)] for name in ACCOUNTS
        ],
        "books": [exchange.book(each.id) for each in TRADED],
        "house": (house.fees, house.funding, house.interest, house.brought),
        "sides": [(side.cash, dict(side.holdings)) for side in (house.account, house.insurance)],
    }


def sunk(exchange):
    """Return the pools that own less than nothing though everybody was just judged."""
    found = [(name, *pool) for name in ACCOUNTS for pool in exchange.standings(name).items()]
    return [each for each in found if each[2] is not None and each[2].equity < -D("1e-12")]


def closed(exchange, perpetuals_at):
    """End what expires; return nothing."""
    exchange.set_index(EXPIRY, "BTC", perpetuals_at)
    for each in (FUTURE, CALL, PUT, LINEAR_CALL):
        exchange.deliver(EXPIRY, each.id)


def played(part, count):
    """Play events, look at what is owned all along, and return how often each kind happened.

    A twin is told every event twice, and differs in nothing.
    """
    market, exchange, twin = Market(part), opened(part), opened(part)
    kinds: dict[object, int] = {}
    for number in range(count):
        call, arguments = market.event()
        records = tell(exchange, market.now, call, arguments)
        for _ in range(2):
            tell(twin, market.now, call, arguments)
        for each in records:
            key = each.taker if isinstance(each, Liquidated) else type(each)
            kinds[key] = kinds.get(key, 0) + 1
        if call == "judge":
            assert [] == sunk(exchange)
        if number % 50 == 0:
            assert [0, 0, 0] == [owned(exchange, currency) for currency in CURRENCIES]
        if number % 500 == 0:
            assert seen(exchange) == seen(twin)
    closed(exchange, D(f"{market.price:.2f}"))
    closed(twin, D(f"{market.price:.2f}"))

    assert [0, 0, 0] == [owned(exchange, currency) for currency in CURRENCIES]
    assert [0, 0, 0] == [exchange.imbalance(currency) for currency in CURRENCIES]
    assert seen(exchange) == seen(twin)
    return kinds


@pytest.mark.campaign
@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_made_or_lost(part):
    """Whatever happens, all parties together own what was brought in, to the last unit."""
    kinds = played(part, EVENTS // PARTS)

    busy = (Filled, Rejected, Amended, FundingBooked, CashMoved, CashRefused, Taker.MARKET)
    assert [] == [kind for kind in busy if not kinds.get(kind)]
    assert kinds.get(Taker.INSURANCE, 0) + kinds.get(AutoDeleveraged, 0) > 0


def test_nothing_is_made_or_lost_at_first():
    """So it is in the first events of another market, which are few enough to be measured."""
    assert Filled in played(PARTS, 1_500)
