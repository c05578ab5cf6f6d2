"""Profile: what differs between venues, as data. Each venue's package has its own.

It says what a quantity counts on the wire, how our order id travels, which
flags ccxt must be given and what must then stand in the request, how an order is
found again, which figures of an account mean what, and what cancels our orders
when we fall silent. A venue that is not finished has its row, read off ccxt and
its documentation, but no live order passes through it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from rebalancer.core.commands import TimeInForce
from rebalancer.core.instruments import Kind
from rebalancer.settings.models import Mode
from rebalancer.settings.profiling import ProfileTable
from rebalancer.venues.budget import BANS, Rate
from rebalancer.venues.labels import AS_IT_IS, Spelling
from rebalancer.venues.outcome import Codes
from rebalancer.venues.wording import NOTHING, Banned

# Classes of endpoints: orders and cancels, a log of bookings with a limit of its own, all else.
MATCHING, LOG, OTHER = "matching", "log", "other"
PERPETUALS = (Kind.PERPETUAL,)


class Unit(StrEnum):
    """What one contract of ours is on the wire."""

    COIN = "coin"
    USD = "USD"
    CONTRACT = "contract"  # of the venue's contract size


class DeadManKind(StrEnum):
    """What cancels resting orders when we fall silent."""

    CONNECTION = "connection"  # the end of the websocket that placed them
    COUNTDOWN = "countdown"  # a timer that we must wind up again and again
    SERVICE = "service"  # a stream that the venue must have enabled for us
    NONE = "none"


@dataclass(frozen=True, slots=True)
class DeadMan:
    """How the dead-man switch of a venue is worked."""

    kind: DeadManKind
    arm: str = ""  # call, with `params`
    read: str = ""  # call that tells whether it is armed
    params: Mapping[str, object] = field(default_factory=dict)
    armed_by: str = "enabled"  # field of what says so: of `read`, or of `arm` where it counts down
    within: tuple[str | int, ...] = ()  # where in the answer that stands
    named: str = ""  # parameter that names an instrument, where it counts down one by one
    timer: str = ""  # parameter that is its span; 0 stops it
    unit: int = 0  # ns of 1 of that span; a whole number of them is asked for
    window: int = 0  # ns that it runs, or that a stream may be gone, where nobody says another
    text: bool = False  # whether the span travels as a text


@dataclass(frozen=True, slots=True)
class Figures:
    """Which of an account's figures mean what; margin ratio is maintenance ÷ balance."""

    call: str
    equity: str  # with open profit and option value
    balance: str  # that margin is held against
    maintenance: str
    cash: tuple[str, ...]  # fields whose sum is cash without open profit
    per_currency: bool = True
    ratio: str = ""  # the venue's own, where there is one


NOT_LISTED = object()  # what is read of an answer that lists no instrument of the name


def result(answer: Mapping[str, Any]) -> Any:
    """Return what an answer holds where Deribit puts it."""
    return answer.get("result")


@dataclass(frozen=True, slots=True)
class Opening:
    """How a venue says whether it takes orders at all."""

    call: str = ""  # tells it; empty: the venue does not, only its answers do
    locked: str = "locked"  # field of what the call answers
    open: frozenset[str] = frozenset()  # its words for "nothing is locked"
    partly: frozenset[str] = frozenset()  # its words for "some are", named by …
    named: tuple[str, ...] = ()  # … these fields: lists of coins, or of names that begin with one
    codes: frozenset[str] = frozenset()  # of any answer that says: not now
    read: Callable[[Mapping[str, Any]], Any] = field(default=result)  # answer → table of the fields
    least: int = 0  # ns between two questions, where the venue lets nobody ask faster
    host: str = ""  # ccxt's name of where it is asked, which a testnet may lack


@dataclass(frozen=True, slots=True)
class Listing:
    """How a venue tells the terms of one instrument, and that it trades none of the name."""

    call: str = ""  # tells them; empty: nobody looks
    name: str = ""  # its parameter
    active: str = ""  # field: whether it is traded; empty: its state alone says so
    state: str = ""  # field: the state of its book, where it is told
    open: frozenset[str] = frozenset()  # states in which it takes orders
    passing: frozenset[str] = frozenset()  # states that end by themselves, without a delisting
    grave: Mapping[str, str] = field(default_factory=dict)  # what → field: its worth hangs on it
    steps: Mapping[str, str] = field(default_factory=dict)  # what → field: only orders do
    size: tuple[str, ...] = ()  # fields whose product a contract is, where amounts are contracts
    unknown: frozenset[str] = frozenset()  # codes of the call: there is none of this name
    denied: frozenset[str] = frozenset()  # codes of an order: none of this name, or its book closed
    asks: Callable[[str], Mapping[str, object]] | None = None  # name → parameters; None: it alone
    read: Callable[[Mapping[str, Any]], Any] = field(default=result)  # answer → table of the
    #   fields, or of every instrument by name; or NOT_LISTED
    row: Callable[[Mapping[str, Any]], Mapping[str, Any]] = field(default=dict)  # one of those →
    #   table of the fields


@dataclass(frozen=True, slots=True)
class Profile:
    """One venue. Calls are ccxt's names; a `{label}` or `{currency}` in them is filled in."""

    venue: str  # ccxt id
    finished: bool
    amounts: Mapping[Kind, Unit]
    client_id: str  # parameter of create_order that carries our id
    client_id_length: int  # most characters
    order_flags: Mapping[TimeInForce, Mapping[str, object]]  # given to create_order
    wire_flags: Mapping[TimeInForce, Mapping[str, object]]  # that must then be in the request
    reduce_only: tuple[str, object]  # in the request, where it was asked for and only there
    lookups: tuple[str, ...]  # calls that find an order by our id, in this order
    figures: Figures
    currencies: tuple[str, ...]  # that orders, trades and positions are asked for one by one
    currencies_in: str  # where else currencies show
    ledger: tuple[str, ...]  # calls that tell funding, settlements and cash
    dead_man: DeadMan
    rates: Mapping[str, Rate]
    modes: tuple[Mode, ...] = (Mode.PAPER, Mode.TESTNET, Mode.LIVE)
    deadline: str = ""  # parameter (ms since 1970) after which the venue must not accept
    deadline_in_header: bool = False  # whether it is one of HTTP, and none of the order
    window: int = 0  # ms after which the venue refuses what was signed; 0: it does not
    deadline_is_span: bool = False  # whether it counts from when the request was signed
    fill_or_kill: bool = True
    multiplier: str = ""  # field by which ccxt's contract size is still to be multiplied
    streams_positions: bool = False
    refuses_duplicates: bool = False  # of a client id among open orders
    spot_by_symbol: bool = False  # whether a pair has a perpetual's name, and is known by ccxt's
    opening: Opening = Opening()
    listing: Listing = Listing()
    wire_id: str = ""  # name of our id in the request; empty: that of `client_id`
    wire_amount: str = ""  # name of the quantity in the request; empty: nobody looks
    wire_price: str = ""  # name of the price in the request; empty: nobody looks
    deadline_form: str = "ms"  # or iso
    spelling: Spelling = AS_IT_IS  # of our ids
    banned: Banned = NOTHING  # what no request may say
    options: Mapping[str, object] = field(default_factory=dict)  # of ccxt's class
    credentials: tuple[str, ...] = ("apiKey", "secret", "password")  # as ccxt names them
    name: str = "{id}"  # of an instrument, of the fields of ccxt's market
    types: tuple[str, ...] = ()  # ccxt's types of markets that its account trades; empty: all
    settles: tuple[str, ...] = ()  # currencies in which that settles; empty: any
    significant_digits: int = 0  # of a price; 0: as its tick says
    price_decimals: int = 0  # of a price together with those of a quantity
    bans: Mapping[int, int] = field(default_factory=lambda: BANS)  # HTTP status that shuts this
    #   machine out → ns at least
    codes: Codes | None = None  # None: those of the venue's package
    table: ProfileTable | None = None  # what the generic account is read by


UNIFIED: Mapping[TimeInForce, Mapping[str, object]] = {
    TimeInForce.IOC: {"timeInForce": "IOC"},
    TimeInForce.GTC: {"timeInForce": "GTC"},
    TimeInForce.POST_ONLY: {"postOnly": True},
}
