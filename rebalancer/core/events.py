"""What may happen: every input of `hedger.step`, as a frozen record. + is long, + is a buy.

Times are ns since 1970 UTC: `ts_local` when we learnt of it, `ts_venue` as the venue says, or None.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from rebalancer.core.figures import MarginTold, OpenInterest
from rebalancer.core.instruments import Instrument
from rebalancer.core.journal import JournalDamaged, RoomTold
from rebalancer.core.knobs import Tuned

# --- market -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Quote:
    """Best bid and ask of an instrument; an empty side is None."""

    ts_local: int
    ts_venue: int | None
    instrument: str
    bid: Decimal | None  # quote currency
    bid_size: Decimal | None  # contracts
    ask: Decimal | None
    ask_size: Decimal | None


@dataclass(frozen=True, slots=True)
class Mark:
    """The venue's mark price of a spot pair, perpetual or future."""

    ts_local: int
    ts_venue: int | None
    instrument: str
    price: Decimal  # USD (or a stable currency) per coin


@dataclass(frozen=True, slots=True)
class Index:
    """A venue's index price of an underlying."""

    ts_local: int
    ts_venue: int | None
    venue: str
    underlying: str
    price: Decimal  # USD per coin


@dataclass(frozen=True, slots=True)
class OptionMark:
    """The venue's mark of an option with the model inputs behind it."""

    ts_local: int
    ts_venue: int | None
    instrument: str
    price: Decimal  # settle currency per coin of contract: coin if inverse, else USD
    vol: float  # implied, per year, 0.65 is 65 %
    forward: float  # USD per coin, for the option's expiry
    delta: float | None = None  # the venue's own, of Black and Scholes; None: not told


@dataclass(frozen=True, slots=True)
class FundingRate:
    """The rate that the next funding of a perpetual will be charged at."""

    ts_local: int
    ts_venue: int | None
    instrument: str
    rate: float  # fraction of notional per interval; +: longs pay shorts
    interval: int  # ns
    next_ts: int | None  # ns; None: continuous


@dataclass(frozen=True, slots=True)
class Trade:
    """A public trade: a last price, which never triggers anything."""

    ts_local: int
    ts_venue: int | None
    instrument: str
    price: Decimal
    quantity: Decimal  # contracts, + when the taker bought


# --- account ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OrderAccepted:
    """The venue holds the order."""

    ts_local: int
    ts_venue: int | None
    client_order_id: str
    venue_order_id: str


@dataclass(frozen=True, slots=True)
class OrderRejected:
    """The venue proved that it never accepted the order."""

    ts_local: int
    ts_venue: int | None
    client_order_id: str
    reason: str
    sent: bool = True  # False: it never left, by our own last check


@dataclass(frozen=True, slots=True)
class OrderUnknown:
    """Nobody can say whether the venue holds the order: no answer, or one without meaning."""

    ts_local: int
    ts_venue: int | None
    client_order_id: str
    reason: str


class Ending(StrEnum):
    """How an accepted order left the book."""

    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"  # an IOC remainder, or a time limit


@dataclass(frozen=True, slots=True)
class OrderEnded:
    """The venue closed the order; what was filled before counts, also where it is yet to come."""

    ts_local: int
    ts_venue: int | None
    client_order_id: str
    how: Ending
    filled: Decimal  # contracts, signed: all that the venue reports


@dataclass(frozen=True, slots=True)
class OrderNotFound:
    """The venue answered a query: no such order. Evidence of absence, not proof."""

    ts_local: int
    ts_venue: int | None
    client_order_id: str
    position: Decimal | None = None  # its instrument's on the account, read after; None: not told
    proves: bool = False  # as it is journaled: with it the order was proved never to have arrived
    asked: int | None = None  # ns, when the question left; None: as it was answered


class Forced(StrEnum):
    """Why a venue trades for an account that asked for nothing."""

    LIQUIDATION = "liquidation"  # our margin did not suffice
    DELEVERAGING = "deleveraging"  # somebody else's did not, and we were on the other side
    EXPIRY = "expiry"  # the contract ended


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution on an account of ours, by our order, a foreign one, or by force."""

    ts_local: int
    ts_venue: int | None
    account: str
    instrument: str
    trade_id: str  # unique per account and instrument
    client_order_id: str | None  # None: not one of ours
    quantity: Decimal  # contracts, signed
    price: Decimal  # quote currency; options: settle currency per coin
    fee: Decimal  # > 0 paid, < 0 received
    fee_currency: str
    forced: Forced | None = None
    more: bool = False  # whether others of the same word of the venue follow; so below
    number: int | None = None  # grows from trade to trade of an instrument; None: not told


@dataclass(frozen=True, slots=True)
class FundingPaid:
    """Funding was booked to an account."""

    ts_local: int
    ts_venue: int | None
    account: str
    instrument: str
    payment_id: str
    amount: Decimal  # settle currency, + received
    currency: str
    more: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """A session ended: the profit of a perpetual or future moved into cash at `price`."""

    ts_local: int
    ts_venue: int | None
    account: str
    instrument: str
    settlement_id: str
    price: Decimal  # USD per coin
    size: Decimal | None = None  # contracts that it settled, without a sign; None: not told
    more: bool = False


@dataclass(frozen=True, slots=True)
class Delivered:
    """A dated contract ended at `price`; its value moved into cash."""

    ts_local: int
    ts_venue: int | None
    account: str
    instrument: str
    delivery_id: str
    price: Decimal  # settlement price of the underlying, USD per coin
    fee: Decimal = Decimal(0)  # settle currency, >= 0
    more: bool = False


@dataclass(frozen=True, slots=True)
class CashMoved:
    """Cash of an account moved without a trade: a deposit, a transfer, interest, a rebate."""

    ts_local: int
    ts_venue: int | None
    account: str
    cash_id: str  # unique per account
    kind: str  # as the venue names it
    amount: Decimal  # + received
    currency: str
    flow: bool = False  # whether somebody brought or took it: no profit, no loss
    more: bool = False


@dataclass(frozen=True, slots=True)
class PositionReport:
    """What the venue says that an account holds of an instrument (or of a currency)."""

    ts_local: int
    ts_venue: int | None
    account: str
    instrument: str
    quantity: Decimal  # contracts, signed; cash: balance without open profit
    entry: Decimal | None = None  # price from which profit has not moved into cash; None: not told


@dataclass(frozen=True, slots=True)
class Adopted:
    """Somebody declared what a venue holds to be the book's: a first start, or an operator."""

    ts_local: int
    ts_venue: int | None
    account: str
    instrument: str
    quantity: Decimal  # contracts, signed; cash: balance without open profit
    entry: Decimal  # quote currency; 1 for cash

    @property
    def report(self) -> PositionReport:
        """What is held, as a venue would report it."""
        names = (self.account, self.instrument, self.quantity, self.entry)
        return PositionReport(self.ts_local, self.ts_venue, *names)


@dataclass(frozen=True, slots=True)
class OutsideHolding:
    """One holding where no venue of ours sees it."""

    instrument: str
    quantity: Decimal  # contracts, signed; coins or currency for spot and cash


@dataclass(frozen=True, slots=True)
class OutsideTold:
    """A source told everything that it knows to be held outside our venues."""

    ts_local: int
    as_of: int  # ns, when it was so, by the source's own word
    source: str
    held: tuple[OutsideHolding, ...]


@dataclass(frozen=True, slots=True)
class Described:
    """An instrument that nobody named is met, and somebody knows its terms."""

    ts_local: int
    described: Instrument


# --- the daemon itself ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed; nothing else happened. Drives intervals, ages and deadlines."""

    ts_local: int


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """A market data stream was lost or is back."""

    ts_local: int
    venue: str
    alive: bool


@dataclass(frozen=True, slots=True)
class ShutOut:
    """A venue answers this machine no more: it was asked too much."""

    ts_local: int
    account: str
    reason: str


@dataclass(frozen=True, slots=True)
class VenueHeld:
    """A venue takes no orders for now, or does again: a maintenance, a lock, a settlement."""

    ts_local: int
    account: str
    reason: str | None  # None: it takes them again
    said: bool = True  # by the venue itself; False: it is silent, and that is all that is known
    instrument: str = ""  # id of the one that it takes none for; empty: for all


class Unfit(StrEnum):
    """Why an instrument is not what the book takes it for."""

    GONE = "gone"  # its venue knows none of this name any more
    CLOSED = "closed"  # its venue lists it, and does not trade it
    CHANGED = "changed"  # its terms are not what they were


@dataclass(frozen=True, slots=True)
class InstrumentUnfit:
    """A venue was asked after an instrument, and it is not what the book takes it for."""

    ts_local: int
    instrument: str
    how: Unfit
    what: str  # in words


@dataclass(frozen=True, slots=True)
class AccountRead:
    """What an account holds was read, and nothing of it speaks against the ledger."""

    ts_local: int
    asked: int  # ns, when the reading began
    account: str


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Ledger and venues were compared; `differences` names what did not agree."""

    ts_local: int
    differences: tuple[str, ...]


class Verb(StrEnum):
    """What an operator may ask of a running book."""

    PAUSE = "pause"
    RESUME = "resume"
    REDUCE = "reduce"
    KILL = "kill"
    ARM = "arm"
    ADOPT = "adopt"  # take what the venues hold as the book's
    RECONCILE = "reconcile"  # compare ledger and venues now


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator's order to the daemon."""

    ts_local: int
    verb: Verb
    reason: str
    who: str  # user id of the peer, or the name of an internal source
    everything: bool = False  # pause --all: stops protect proposals too
    ended: tuple[str, ...] = ()  # arm: ids of orders that he looked up at the venue; it has none


MarketEvent = Quote | Mark | Index | OptionMark | FundingRate | Trade | OpenInterest
OrderEvent = OrderAccepted | OrderRejected | OrderUnknown | OrderEnded | OrderNotFound
ContractBooking = Fill | FundingPaid | Settled | Delivered | Adopted
Booking = ContractBooking | CashMoved
AccountEvent = OrderEvent | Booking | PositionReport
AccountNews = FeedStatus | AccountRead | ShutOut | VenueHeld  # of the way to an account
DaemonEvent = OutsideTold | Described | InstrumentUnfit | AccountNews | Tick | Reconciled | Operator
Event = MarketEvent | AccountEvent | MarginTold | DaemonEvent | RoomTold | JournalDamaged | Tuned
