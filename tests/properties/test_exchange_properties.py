"""Properties of the exchange model: nothing is lost, nothing is random, nobody turns unasked."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange.exchange import Exchange, OpeningAccount, OpeningPosition
from rebalancer.exchange.fees import FeeSchedule
from rebalancer.exchange.orders import Order, TimeInForce
from rebalancer.exchange.records import Filled, Record
from tests.exchange.listing import (
    CALL,
    EXPIRY,
    FUTURE,
    HOUR,
    INVERSE,
    LINEAR,
    LINEAR_CALL,
    LISTED,
    SPOT,
    D,
)

TRADED = (LINEAR, INVERSE, FUTURE, CALL, LINEAR_CALL, SPOT)
CURRENCIES = ("BTC", "USDT", "USDC")
FEES = {
    Kind.PERPETUAL: FeeSchedule(D("-0.00013"), D("0.00051")),
    Kind.FUTURE: FeeSchedule(D(0), D("0.0005")),
    Kind.OPTION: FeeSchedule(D("0.0003"), D("0.0003"), D("0.125")),
    Kind.SPOT: FeeSchedule(D("0.001"), D("0.001")),
}
contracts = st.sampled_from((*TRADED, INVERSE, INVERSE, INVERSE))  # where rounding happens
Step = tuple[str, tuple[object, ...]]


def around(instrument: Instrument) -> int:
    """Return the middle of an instrument's prices, ticks."""
    middle = {Kind.OPTION: 50 if instrument.inverse else 40}.get(instrument.kind)
    return middle or int(D(30_000) / instrument.tick)


def ticks(instrument: Instrument) -> st.SearchStrategy[D]:
    """Return prices around the place where an instrument trades, on its ticks."""
    count = around(instrument)
    return st.integers(count - 30, count + 30).map(lambda n: n * instrument.tick)


def sizes(instrument: Instrument) -> st.SearchStrategy[D]:
    """Return quantities above the minimum, in lots."""
    return st.integers(2, 40).map(lambda n: n * instrument.lot)


@st.composite
def books(draw: st.DrawFn) -> Step:
    """Draw a book of up to two levels a side."""
    instrument = draw(contracts)
    prices = sorted(draw(st.lists(ticks(instrument), min_size=2, max_size=4, unique=True)))
    split = draw(st.integers(0, len(prices)))
    bids = [(price, draw(sizes(instrument))) for price in reversed(prices[:split])]
    asks = [(price, draw(sizes(instrument))) for price in prices[split:]]
    return "set_book", (instrument.id, bids, asks)


@st.composite
def orders(draw: st.DrawFn) -> Step:
    """Draw an order of any type."""
    instrument = draw(contracts)
    order = Order(
        client_order_id=draw(st.sampled_from(["c1", "c2", "c3"])),
        account=draw(st.sampled_from(["a", "b"])),
        instrument=instrument.id,
        quantity=draw(sizes(instrument)) * draw(st.sampled_from([1, -1])),
        price=draw(st.none() | ticks(instrument)),
        time_in_force=draw(st.sampled_from(TimeInForce)),
        reduce_only=draw(st.booleans()),
    )
    return "submit", (order,)


@st.composite
def prints(draw: st.DrawFn) -> Step:
    """Draw a public print."""
    instrument = draw(contracts)
    signed = draw(sizes(instrument)) * draw(st.sampled_from([1, -1]))
    return "trade", (instrument.id, draw(ticks(instrument)), signed)


@st.composite
def bookings(draw: st.DrawFn) -> Step:
    """Draw what time brings: marks, rates, funding, settlements, deposits."""
    perpetual = draw(st.sampled_from([LINEAR, INVERSE]))
    rate = D(draw(st.integers(-300, 300))) / 100_000
    price = draw(ticks(perpetual))
    return draw(
        st.sampled_from(
            [
                ("set_mark", (perpetual.id, price)),
                ("set_funding_rate", (perpetual.id, rate, 8 * HOUR)),
                ("accrue_funding", ()),
                ("settle_session", (perpetual.id, price)),
                ("settle_session", (FUTURE.id, price)),
                ("cancel", ("a", "c1")),
                ("deposit", ("b", "BTC", rate)),
            ]
        )
    )


steps = st.lists(
    st.tuples(st.integers(0, HOUR), books() | orders() | orders() | prints() | bookings()),
    min_size=5,
    max_size=40,
)


def opened() -> Exchange:
    """Return an exchange with two accounts, cash, and positions on both sides."""
    held = (OpeningPosition(INVERSE.id, D(7), D(30_001)), OpeningPosition(CALL.id, D(1), D("0.07")))
    other = (OpeningPosition(INVERSE.id, D(-3), D("29999.5")),)
    accounts = (
        OpeningAccount("a", dict.fromkeys(CURRENCIES, D(100)), held),
        OpeningAccount("b", {}, other),
    )
    exchange = Exchange(LISTED, FEES, accounts)
    exchange.set_index(0, "BTC", D(30_000))
    for instrument in TRADED:
        exchange.set_mark(0, instrument.id, D("0.05") if instrument is CALL else D(30_000))
        middle, size = around(instrument) * instrument.tick, 40 * instrument.lot
        below, above = middle - instrument.tick, middle + instrument.tick
        exchange.set_book(0, instrument.id, [(below, size)], [(above, size)])
    for name in (LINEAR.id, INVERSE.id):
        exchange.set_funding_rate(0, name, D("0.0001"), 8 * HOUR)
    return exchange


def play(exchange: Exchange, script: list[tuple[int, Step]]) -> list[Record]:
    """Tell an exchange a whole script; return all that it reports."""
    now = 0
    records: list[Record] = []
    for wait, (call, arguments) in script:
        now += wait
        records.extend(getattr(exchange, call)(min(now, EXPIRY - 1), *arguments))
    return records


def end(exchange: Exchange) -> list[Record]:
    """Deliver everything that expires."""
    expiring = [each for each in TRADED if each.expiry is not None]
    return [record for each in expiring for record in exchange.deliver(EXPIRY, each.id, D(30_007))]


def worth(exchange: Exchange, currency: str) -> Fraction:
    """Return what all parties own in a currency at a price of their own, without any rounding."""
    house = exchange.house
    total = Fraction(house.fees.get(currency, 0)) + Fraction(house.funding.get(currency, 0))
    for name in ("a", "b"):
        total += Fraction(exchange.balance(name, currency))
    total += Fraction(house.account.cash.get(currency, 0))
    for each in (each for each in TRADED if each.settle == currency):
        held = [exchange.position(name, each.id) for name in ("a", "b")]
        for holding in (*held, house.account.holding(each.id)):
            total += value(each, Fraction(holding.quantity), Fraction(holding.basis))
    return total - Fraction(house.brought.get(currency, 0))


def value(instrument: Instrument, quantity: Fraction, basis: Fraction) -> Fraction:
    """Return the value of a holding at 31,337."""
    amount, price = quantity * Fraction(instrument.size), Fraction(31_337)
    if not instrument.margined:
        return amount * price
    return basis - amount / price if instrument.inverse else amount * price - basis


@given(steps)
def test_nothing_is_lost(script):
    """Cash, open value, fees and funding of all parties add up to what was brought in."""
    exchange = opened()

    play(exchange, script)
    assert [0, 0, 0] == [worth(exchange, currency) for currency in CURRENCIES]
    assert [0, 0, 0] == [exchange.imbalance(currency) for currency in CURRENCIES]

    end(exchange)
    assert [0, 0, 0] == [worth(exchange, currency) for currency in CURRENCIES]
    assert [0, 0, 0] == [exchange.imbalance(currency) for currency in CURRENCIES]


@given(steps)
def test_replay_is_identical(script):
    """The same calls give the same records."""
    first, second = opened(), opened()

    assert [*play(first, script), *end(first)] == [*play(second, script), *end(second)]


@given(steps)
def test_fills_add_up_to_positions(script):
    """A position is what was opened plus what was filled, of every account."""
    exchange = opened()
    held = {(name, each.id): exchange.position(name, each.id).quantity for name, each in pairs()}

    for record in play(exchange, script):
        if isinstance(record, Filled):
            held[record.account, record.instrument] += record.quantity

    assert held == {
        (name, each.id): exchange.position(name, each.id).quantity for name, each in pairs()
    }


def pairs() -> list[tuple[str, Instrument]]:
    """Return every account with every instrument."""
    return [(name, each) for name in ("a", "b") for each in TRADED]


@given(steps)
def test_reduce_only_never_grows_a_position(script):
    """A fill of a reduce-only order brings the position nearer to zero, never past it."""
    exchange = opened()
    now = 0
    for wait, (call, arguments) in script:
        now += wait
        before = {(name, each.id): exchange.position(name, each.id) for name, each in pairs()}
        order = arguments[0] if call == "submit" else None
        getattr(exchange, call)(min(now, EXPIRY - 1), *arguments)
        if isinstance(order, Order) and order.reduce_only:
            old = before[order.account, order.instrument].quantity
            new = exchange.position(order.account, order.instrument).quantity
            assert abs(new) <= abs(old)
            assert new * old >= 0


@given(steps, st.sampled_from([LINEAR, INVERSE, FUTURE]))
def test_settlement_leaves_equity(script, instrument):
    """Equity is the same before and after a settlement, whatever its price."""
    exchange = opened()
    play(exchange, script)
    exchange.accrue_funding(EXPIRY - 1)
    before = exchange.equity("a", instrument.settle)

    exchange.settle_session(EXPIRY - 1, instrument.id, D("28765.5"))

    assert before == exchange.equity("a", instrument.settle)


@given(steps)
def test_fills_stay_within_limits(script):
    """No order fills beyond its quantity or at a worse price than its limit."""
    exchange = opened()
    now = 0
    for wait, (call, arguments) in script:
        now += wait
        records = getattr(exchange, call)(min(now, EXPIRY - 1), *arguments)
        for working in (*exchange.open_orders("a"), *exchange.open_orders("b")):
            assert 0 <= working.filled / working.order.quantity < 1
        if call == "submit":
            order = arguments[0]
            filled = [each for each in records if isinstance(each, Filled)]
            assert abs(sum(each.quantity for each in filled)) <= abs(order.quantity)
            for each in filled:
                assert order.price is None or order.quantity * (order.price - each.price) >= 0
