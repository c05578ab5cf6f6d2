"""The venue that these tests trade on: a few contracts, free of charge unless a test says else."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange.book import Level
from rebalancer.exchange.exchange import Exchange, OpeningAccount, OpeningPosition
from rebalancer.exchange.fees import FeeSchedule
from rebalancer.exchange.orders import Order, TimeInForce
from rebalancer.exchange.records import Ended, Filled, Record, Rejected, RejectReason
from rebalancer.exchange.terms import VenueTerms

D = Decimal
HOUR = 3_600_000_000_000  # ns
EXPIRY = 24 * HOUR

LINEAR = Instrument(
    "x:BTCUSDT", Kind.PERPETUAL, "BTC", "USDT", D(1), D("0.001"), D("0.002"), D("0.1")
)
INVERSE = Instrument("x:BTC-PERPETUAL", Kind.PERPETUAL, "BTC", "BTC", D(10), D(1), D(1), D("0.5"))
FUTURE = Instrument(
    "x:BTC-FUTURE", Kind.FUTURE, "BTC", "BTC", D(10), D(1), D(1), D("0.5"), expiry=EXPIRY
)
CALL = Instrument(
    *("x:BTC-CALL", Kind.OPTION, "BTC", "BTC", D(1), D("0.1"), D("0.1"), D("0.0001")),
    *(EXPIRY, D(100_000), 1),
)
PUT = Instrument(
    *("x:BTC-PUT", Kind.OPTION, "BTC", "BTC", D(1), D("0.1"), D("0.1"), D("0.0001")),
    *(EXPIRY, D(100_000), -1),
)
LINEAR_CALL = Instrument(
    *("x:BTC_USDC-CALL", Kind.OPTION, "BTC", "USDC", D("0.1"), D("0.1"), D("0.1"), D(5)),
    *(EXPIRY, D(100_000), 1),
)
SPOT = Instrument("x:BTC/USDT", Kind.SPOT, "BTC", "USDT", D(1), D("0.0001"), D("0.0001"), D("0.01"))
CASH = Instrument("x:BTC", Kind.CASH, "BTC", "BTC")
LISTED = (LINEAR, INVERSE, FUTURE, CALL, PUT, LINEAR_CALL, SPOT, CASH)

FREE = FeeSchedule(D(0), D(0))
NO_FEES: Mapping[str, FeeSchedule] = dict.fromkeys(Kind, FREE)
WHOLE = D(1_000_000)  # depth that no test eats up


def open_exchange(
    fees: Mapping[str, FeeSchedule] | None = None,
    positions: Sequence[tuple[Instrument, str, str]] = (),
    *,
    unique_client_ids: bool = False,
) -> Exchange:
    """Return an exchange where account `a` holds 10 BTC, 1e6 USDT and USDC, and `b` nothing."""
    opened = tuple(OpeningPosition(each.id, D(size), D(entry)) for each, size, entry in positions)
    balances = {"BTC": D(10), "USDT": D(1_000_000), "USDC": D(1_000_000)}
    accounts = (OpeningAccount("a", balances, opened), OpeningAccount("b"))
    terms = VenueTerms(unique_client_ids=unique_client_ids)
    return Exchange(LISTED, {**NO_FEES, **(fees or {})}, accounts, terms)


def levels(*texts: str) -> tuple[Level, ...]:
    """Return levels written as "size@price"."""
    parts = (text.split("@") for text in texts)
    return tuple((D(price), D(size)) for size, price in parts)


def quote(exchange: Exchange, instrument: Instrument, bid: str, ask: str, ts: int = 0) -> None:
    """Display one deep level on each side."""
    exchange.set_book(ts, instrument.id, [(D(bid), WHOLE)], [(D(ask), WHOLE)])


def order(
    instrument: Instrument,
    quantity: str,
    price: str | None = None,
    time_in_force: TimeInForce = TimeInForce.IOC,
    *,
    reduce_only: bool = False,
    client_order_id: str = "c1",
    account: str = "a",
) -> Order:
    """Return an order; a market IOC of account `a` unless said else."""
    limit = None if price is None else D(price)
    return Order(
        client_order_id, account, instrument.id, D(quantity), limit, time_in_force, reduce_only
    )


def deal(exchange: Exchange, instrument: Instrument, quantity: str, price: str) -> None:
    """Let account `a` trade `quantity` at exactly `price`."""
    level = [(D(price), WHOLE)]
    bids, asks = ([], level) if D(quantity) > 0 else (level, [])
    exchange.set_book(0, instrument.id, bids, asks)
    exchange.submit(0, order(instrument, quantity, price))


def fills(records: Sequence[Record]) -> list[tuple[D, D]]:
    """Return quantity and price of each fill among records."""
    return [(each.quantity, each.price) for each in records if isinstance(each, Filled)]


def ending(records: Sequence[Record]) -> tuple[str, D] | None:
    """Return how an order ended and what it had filled; None while it lives."""
    last = records[-1] if records else None
    return (last.how, last.filled) if isinstance(last, Ended) else None


def reason(records: Sequence[Record]) -> RejectReason | None:
    """Return why an order was rejected; None when it was not."""
    return records[0].reason if isinstance(records[0], Rejected) else None
