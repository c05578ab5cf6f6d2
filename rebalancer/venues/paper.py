"""The paper venue: orders are filled by the exchange model, never by a wish.

An order meets the book as it stands one latency after it was sent, and its
outcome is known one latency after that. The model keeps the account: what it
books (fills, funding, settlements, deliveries) arrives as events like a real
venue's, and its positions are what reconciliation compares with.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import assert_never

from rebalancer.core.commands import Cancel, Query, Submit, TimeInForce
from rebalancer.core.events import (
    AccountEvent,
    Delivered,
    Ending,
    Event,
    Fill,
    FundingPaid,
    FundingRate,
    Index,
    Mark,
    MarketEvent,
    OptionMark,
    OrderAccepted,
    OrderEnded,
    OrderEvent,
    OrderNotFound,
    OrderRejected,
    PositionReport,
    Quote,
    Settled,
    Trade,
)
from rebalancer.errors import DataError, Defect
from rebalancer.exchange import orders as requests
from rebalancer.exchange import records
from rebalancer.exchange.exchange import Exchange
from rebalancer.exchange.records import Record
from rebalancer.ports import SECOND, Clock, Log

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
    price: Decimal  # settlement price of the underlying, USD per coin


VenueItem = Depth | FundingStamp | FundingAccrual | SessionEnd | Delivery
MarketItem = MarketEvent | VenueItem

_TIME_IN_FORCE = {
    TimeInForce.IOC: requests.TimeInForce.IOC,
    TimeInForce.GTC: requests.TimeInForce.GTC,
    TimeInForce.POST_ONLY: requests.TimeInForce.POST_ONLY,
}


def translate(record: Record, ts: int) -> AccountEvent | None:
    """Return what the daemon learns at `ts` of something that the model booked.

    None for what no venue would report by itself (deposits, refused cancels).
    """
    match record:
        case records.Accepted():
            return OrderAccepted(ts, record.ts, record.client_order_id, record.order_id)
        case records.Rejected():
            return OrderRejected(ts, record.ts, record.client_order_id, record.reason.value)
        case records.Ended():
            how = Ending(record.how.value)
            return OrderEnded(ts, record.ts, record.client_order_id, how, record.filled)
        case records.Filled():
            return Fill(
                ts,
                record.ts,
                record.account,
                record.instrument,
                record.trade_id,
                record.client_order_id,
                record.quantity,
                record.price,
                record.fee,
                record.fee_currency,
            )
        case records.FundingBooked():
            return FundingPaid(
                ts,
                record.ts,
                record.account,
                record.instrument,
                record.payment_id,
                record.amount,
                record.currency,
            )
        case records.SessionSettled():
            key = record.settlement_id
            return Settled(ts, record.ts, record.account, record.instrument, key, record.price)
        case records.ContractDelivered():
            key = record.delivery_id
            return Delivered(ts, record.ts, record.account, record.instrument, key, record.price)
        case records.CancelRefused() | records.Deposited():
            return None
        case _:
            assert_never(record)


class PaperMarket:
    """Moves market items through the exchange models and on to the daemon.

    Args:
        exchanges: One model a venue.
        log: For items that a model refuses; nothing is traded on them.
        witness: Hears of what is booked; for measuring, not for trading.
    """

    def __init__(
        self, exchanges: Mapping[str, Exchange], log: Log, witness: Witness | None = None
    ) -> None:
        self._exchanges = exchanges
        self._log = log
        self._witness = witness
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
            deliver(item)
        for record in booked:
            if self._witness is not None:
                self._witness(record)
            event = translate(record, ts)
            if event is not None:
                deliver(event)

    def _model(self, ts: int, item: MarketItem) -> Sequence[Record]:
        match item:
            case Index():
                exchange = self._exchanges.get(item.venue)
                return (
                    () if exchange is None else exchange.set_index(ts, item.underlying, item.price)
                )
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
            return exchange.set_mark(ts, item.instrument, item.price)
        case FundingRate():
            rate = Decimal(repr(item.rate))
            return exchange.set_funding_rate(ts, item.instrument, rate, item.interval, item.next_ts)
        case FundingStamp():
            if item.rate is not None:
                rate = Decimal(repr(item.rate))
                exchange.set_funding_rate(ts, item.instrument, rate, SECOND, ts)
            return exchange.apply_funding(ts, item.instrument)
        case SessionEnd():
            return exchange.settle_session(ts, item.instrument, item.price)
        case Delivery():
            return exchange.deliver(ts, item.instrument, item.price)
        case Quote():
            return ()  # depth is what fills; a quote only says how it begins
        case _:
            raise Defect(f"{type(item).__name__} belongs to no instrument")


class PaperVenue:
    """An account in an exchange model.

    Args:
        account: Name of the account, the venue's key in the configuration.
        exchange: Its model.
        clock: Market time.
        latency: ns from here to the venue, and as long back.
        deliver: Where fills and endings arrive.
        witness: Hears of what is booked; for measuring, not for trading.
    """

    def __init__(
        self,
        account: str,
        exchange: Exchange,
        clock: Clock,
        latency: int,
        deliver: Deliver,
        witness: Witness | None = None,
    ) -> None:
        self.account = account
        self._exchange = exchange
        self._clock = clock
        self._latency = latency
        self._deliver = deliver
        self._witness = witness

    async def submit(self, order: Submit) -> OrderEvent:
        """Send an order: it meets the book one latency from now."""
        await self._clock.sleep(self._latency)
        asked = requests.Order(
            client_order_id=order.client_order_id,
            account=self.account,
            instrument=order.instrument,
            quantity=order.quantity,
            price=order.price,
            time_in_force=_TIME_IN_FORCE[order.time_in_force],
            reduce_only=order.reduce_only,
        )
        answer, *rest = self._booked(self._exchange.submit(self._clock.now(), asked))
        await self._clock.sleep(self._latency)
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
        await self._clock.sleep(self._latency)
        name = order.client_order_id
        booked = self._booked(self._exchange.cancel(self._clock.now(), self.account, name))
        await self._clock.sleep(self._latency)
        self._report(booked)

    async def query(self, order: Query) -> Sequence[AccountEvent]:
        """Return all that the venue has booked of an order, or that it knows none."""
        await self._clock.sleep(self._latency)
        booked = self._exchange.query(self.account, order.client_order_id)
        await self._clock.sleep(self._latency)
        ts = self._clock.now()
        if not booked:
            return (OrderNotFound(ts, ts, order.client_order_id),)
        return tuple(event for each in booked if (event := translate(each, ts)) is not None)

    async def positions(self) -> Sequence[PositionReport]:
        """Return every holding and cash balance, as they were one latency ago."""
        await self._clock.sleep(self._latency)
        asked = self._clock.now()
        held = [(each.instrument, each.quantity) for each in self._exchange.positions(self.account)]
        cash = [
            (f"{self.account}:{currency}", balance)
            for currency, balance in self._exchange.balances(self.account).items()
        ]
        await self._clock.sleep(self._latency)
        ts = self._clock.now()
        return [PositionReport(ts, asked, self.account, *each) for each in (*held, *cash)]
