"""The paper venue: orders are filled by the exchange model, never by a wish.

An order meets the book as it stands one latency after it was sent, and its
outcome is known one latency after that. The model keeps the account: what it
books (fills, funding, settlements, deliveries) arrives as events like a real
venue's, and its positions are what reconciliation compares with.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from rebalancer.core.commands import Cancel, Query, Submit, TimeInForce
from rebalancer.core.events import (
    AccountEvent,
    Event,
    FundingRate,
    Index,
    Mark,
    MarketEvent,
    OptionMark,
    OrderEvent,
    OrderNotFound,
    PositionReport,
    Quote,
    Trade,
)
from rebalancer.core.figures import MarginTold, OpenInterest
from rebalancer.errors import DataError, Defect, Unavailable
from rebalancer.exchange import orders as requests
from rebalancer.exchange.exchange import Exchange
from rebalancer.exchange.grid import OptionModel
from rebalancer.exchange.records import Record
from rebalancer.ports import SECOND, Clock, Log
from rebalancer.venues.bookings import translate
from rebalancer.venues.reckoning import Reckoning
from rebalancer.venues.streams import Stream

Deliver = Callable[[Event], None]
Witness = Callable[[Record], None]  # hears of each record when it is booked, before anyone else
Level = tuple[Decimal, Decimal]  # price, contracts


@dataclass(frozen=True, slots=True)
class Depth:
    """Displayed depth of an instrument, best first; fills come out of it."""

    instrument: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class FundingStamp:
    """Funding of a perpetual is charged now."""

    instrument: str
    rate: float | None = None  # fraction of notional, + longs pay; None: the rate last told


@dataclass(frozen=True, slots=True)
class FundingAccrual:
    """The continuous funding of a venue is booked until now."""

    venue: str


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """The open profit of a contract moves into cash now."""

    instrument: str
    price: Decimal  # USD per coin


@dataclass(frozen=True, slots=True)
class Delivery:
    """A dated contract ends now."""

    instrument: str
    price: Decimal | None = None  # USD per coin; None: the model's own half-hour average


@dataclass(frozen=True, slots=True)
class Extreme:
    """How far a mark went between two that are told: a venue liquidates there, nobody trades."""

    instrument: str
    price: Decimal  # quote currency


VenueItem = Extreme | Depth | FundingStamp | FundingAccrual | SessionEnd | Delivery
MarketItem = MarketEvent | VenueItem

FAR = Decimal(10**9)  # contracts: depth where a mark went and no book was recorded
ABOVE = Decimal("1.0001")  # ask ÷ bid there

_TIME_IN_FORCE = {
    TimeInForce.IOC: requests.TimeInForce.IOC,
    TimeInForce.GTC: requests.TimeInForce.GTC,
    TimeInForce.POST_ONLY: requests.TimeInForce.POST_ONLY,
}


class PaperMarket:
    """Moves market items through the exchange models and on to the daemon.

    Args:
        exchanges: One model a venue.
        log: For items that a model refuses; nothing is traded on them.
        witness: Hears of what is booked; for measuring, not for trading.
        streams: By venue, those whose market data may freeze on their way.
        accounts: By account, who hears of its bookings first; the others' go straight on.
    """

    def __init__(
        self,
        exchanges: Mapping[str, Exchange],
        log: Log,
        witness: Witness | None = None,
        streams: Mapping[str, Stream] | None = None,
        accounts: Mapping[str, Deliver] | None = None,
    ) -> None:
        self._exchanges = exchanges
        self._log = log
        self._witness = witness
        self._streams = {} if streams is None else streams
        self._accounts = {} if accounts is None else accounts
        self._indexed: set[tuple[str, str]] = set()  # venues with an index of their own, by coin
        self.refused = 0

    def move(self, ts: int, item: MarketItem, deliver: Deliver) -> None:
        """Take one item in at `ts`: the model first, then whoever listens.

        Account records are delivered as events; so is a market event, unless
        the model found that it cannot be true.
        """
        try:
            booked = self._model(ts, item)
        except DataError as error:
            self.refused += 1
            self._log.warning("quote.refused", reason=str(error))
            return
        if not isinstance(item, VenueItem):
            self._tell(ts, item, deliver)
        self._report(ts, booked, deliver)

    def judge(self, ts: int, deliver: Deliver) -> None:
        """Let every venue's risk engine look, once all that belongs to `ts` was told."""
        for exchange in self._exchanges.values():
            self._report(ts, exchange.judge(ts), deliver)

    def _report(self, ts: int, booked: Sequence[Record], deliver: Deliver) -> None:
        """Deliver what the models booked, to whom it belongs."""
        for record in booked:
            if self._witness is not None:
                self._witness(record)
            event = translate(record, ts)
            if event is not None:
                self._accounts.get(record.account, deliver)(event)

    def _tell(self, ts: int, event: MarketEvent, deliver: Deliver) -> None:
        """Deliver a market event by the stream of its venue."""
        venue = event.venue if isinstance(event, Index) else event.instrument.partition(":")[0]
        stream = self._streams.get(venue)
        if stream is None:
            deliver(event)
        else:
            stream.carry(ts, event, deliver)

    def _index(self, ts: int, item: Index) -> Sequence[Record]:
        """Tell a venue its index, and those that are told none of their own the same."""
        self._indexed.add((item.venue, item.underlying))
        booked: list[Record] = []
        for venue, exchange in self._exchanges.items():
            if venue == item.venue or (venue, item.underlying) not in self._indexed:
                booked.extend(exchange.set_index(ts, item.underlying, item.price))
        return booked

    def _model(self, ts: int, item: MarketItem) -> Sequence[Record]:
        match item:
            case Index():
                return self._index(ts, item)
            case FundingAccrual():
                return self._exchanges[item.venue].accrue_funding(ts)
            case _:
                exchange = self._exchanges.get(item.instrument.partition(":")[0])
                return () if exchange is None else _tell(exchange, ts, item)


def _tell(exchange: Exchange, ts: int, item: MarketItem) -> Sequence[Record]:
    """Tell a venue's model one item about one of its instruments."""
    match item:
        case Depth():
            return exchange.set_book(ts, item.instrument, item.bids, item.asks)
        case Trade():
            return exchange.trade(ts, item.instrument, item.price, item.quantity)
        case Mark() | OptionMark():
            model = OptionModel(item.vol, item.forward) if isinstance(item, OptionMark) else None
            return exchange.set_mark(ts, item.instrument, item.price, model)
        case Extreme():
            return _go_to(exchange, ts, item)
        case FundingRate():
            rate = Decimal(repr(item.rate))
            return exchange.set_funding_rate(ts, item.instrument, rate, item.interval, item.next_ts)
        case Quote() | OpenInterest():
            return ()  # depth is what fills; a quote only says how it begins
        case _:
            return _end(exchange, ts, item)


def _end(exchange: Exchange, ts: int, item: MarketItem) -> Sequence[Record]:
    """Tell a venue's model that a stamp, a session or a contract ends."""
    match item:
        case FundingStamp():
            if item.rate is not None:
                rate = Decimal(repr(item.rate))
                exchange.set_funding_rate(ts, item.instrument, rate, SECOND, ts)
            return exchange.apply_funding(ts, item.instrument)
        case SessionEnd():
            return exchange.settle_session(ts, item.instrument, item.price)
        case Delivery():
            return exchange.deliver(ts, item.instrument, item.price)
        case _:
            raise Defect(f"{type(item).__name__} belongs to no instrument")


def _go_to(exchange: Exchange, ts: int, item: Extreme) -> Sequence[Record]:
    """Let mark and book be where the mark went; who is taken down there is, at its prices."""
    bids, asks = ((item.price, FAR),), ((item.price * ABOVE, FAR),)
    moved = exchange.set_book(ts, item.instrument, bids, asks)
    return (*moved, *exchange.set_mark(ts, item.instrument, item.price))


def holdings(exchange: Exchange, account: str) -> Sequence[tuple[str, Decimal]]:
    """Return every position and cash balance of an account, by id."""
    held = ((name, each.quantity) for name, each in exchange.holdings(account).items())
    cash = ((f"{account}:{name}", balance) for name, balance in exchange.balances(account).items())
    return (*held, *cash)


@dataclass(frozen=True, slots=True)
class Latency:
    """How long the parts of a way take, ns."""

    send: int  # from here to the venue
    report: int  # and back
    match: int = 0  # from the venue's door to its book; orders only


class PaperVenue:
    """An account in an exchange model.

    Args:
        account: Name of the account, the venue's key in the configuration.
        exchange: Its model.
        clock: Market time.
        latency: Of the way there, through the venue, and back.
        deliver: Where fills and endings arrive.
        witness: Hears of what is booked; for measuring, not for trading.
    """

    def __init__(
        self,
        account: str,
        exchange: Exchange,
        clock: Clock,
        latency: Latency,
        deliver: Deliver,
        witness: Witness | None = None,
    ) -> None:
        self.account = account
        self._exchange = exchange
        self._clock = clock
        self._latency = latency
        self._deliver = deliver
        self._witness = witness
        self._reckoning = Reckoning(account, exchange)

    async def submit(self, order: Submit) -> OrderEvent:
        """Send an order: it meets the book once it got there and through the venue's door."""
        await self._clock.sleep(self._latency.send + self._latency.match)
        asked = requests.Order(
            client_order_id=order.client_order_id,
            account=self.account,
            instrument=order.instrument,
            quantity=order.quantity,
            price=order.price,
            time_in_force=_TIME_IN_FORCE[order.time_in_force],
            reduce_only=order.reduce_only,
        )
        self._report(self._booked(self._exchange.judge(self._clock.now())))
        answer, *rest = self._booked(self._exchange.submit(self._clock.now(), asked))
        await self._clock.sleep(self._latency.report)
        self._report(rest)
        event = translate(answer, self._clock.now())
        if not isinstance(event, OrderEvent):
            raise Defect(f"{order.client_order_id} was answered with {type(answer).__name__}")
        return event

    def _booked(self, booked: Sequence[Record]) -> Sequence[Record]:
        if self._witness is not None:
            for record in booked:
                self._witness(record)
        return booked

    def _report(self, booked: Iterable[Record]) -> None:
        """Deliver what followed an answer, once that answer has gone its way."""

        def arrive() -> None:
            for record in booked:
                event = translate(record, self._clock.now())
                if event is not None:
                    self._deliver(event)

        self._clock.call_at(self._clock.now(), arrive)

    async def cancel(self, order: Cancel) -> None:
        """Withdraw an order; its end arrives as an event."""
        await self._clock.sleep(self._latency.send + self._latency.match)
        name = order.client_order_id
        booked = self._booked(self._exchange.cancel(self._clock.now(), self.account, name))
        await self._clock.sleep(self._latency.report)
        self._report(booked)

    async def query(self, order: Query) -> Sequence[AccountEvent]:
        """Return all that the venue has booked of an order, or that it knows none."""
        asked = self._clock.now()
        await self._clock.sleep(self._latency.send)
        booked = self._exchange.query(self.account, order.client_order_id)
        held = dict(holdings(self._exchange, self.account))
        await self._clock.sleep(self._latency.report)
        ts = self._clock.now()
        if not booked:
            position = held.get(order.instrument, Decimal(0))
            return (OrderNotFound(ts, ts, order.client_order_id, position, asked=asked),)
        return tuple(event for each in booked if (event := translate(each, ts)) is not None)

    async def positions(self) -> Sequence[PositionReport]:
        """Return every holding and cash balance, as they were one latency ago."""
        await self._clock.sleep(self._latency.send)
        asked = self._clock.now()
        rows = holdings(self._exchange, self.account)
        await self._clock.sleep(self._latency.report)
        ts = self._clock.now()
        return [PositionReport(ts, asked, self.account, *row) for row in rows]

    async def margin(self) -> MarginTold:
        """Return how the account stands by the model, as it was one latency ago."""
        await self._clock.sleep(self._latency.send)
        told = self._reckoning.figures(self._clock.now())
        await self._clock.sleep(self._latency.report)
        if told is None:
            raise Unavailable(f"{self.account}: a price that its margin needs is missing")
        return replace(told, ts_local=self._clock.now())
