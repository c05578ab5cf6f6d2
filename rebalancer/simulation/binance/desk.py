"""The desk: what every question works with, and how it finds its way.

The three venues differ in the path of their questions, in what a contract is, and in
what an account has; each is a `House`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange.orders import CashRequest
from rebalancer.exchange.records import CashKind
from rebalancer.simulation import asking, shut
from rebalancer.simulation.accounts import Execution, OrderState, PlacedOrder
from rebalancer.simulation.binance.errors import Refusal
from rebalancer.simulation.binance.keys import Keyring
from rebalancer.simulation.binance.text import word
from rebalancer.simulation.countdowns import Countdowns
from rebalancer.simulation.tape import Seen

FORCED = 900_000_000  # numbers of orders that the venue itself made begin here


@dataclass(frozen=True, slots=True)
class House:
    """One venue of the family."""

    venue: str  # what stands before the colon of its instruments
    base: str  # of the paths of its questions
    hosts: tuple[str, ...]
    spot: bool = False
    coins: bool = False  # whether contracts pay in their coin


USDM = House("binanceusdm", "/fapi", ("fapi.binance.com", "fstream.binance.com", "api.binance.com"))
COINM = House(
    "binancecoinm", "/dapi", ("dapi.binance.com", "dstream.binance.com", "api.binance.com"),
    coins=True,
)  # fmt: skip
SPOT = House(
    "binance",
    "/api",
    (
        *("api.binance.com", "stream.binance.com:9443", "ws-api.binance.com:443"),
        "fstream.binance.com",  # where spot's index is heard
    ),
    spot=True,
)


@dataclass(frozen=True, slots=True)
class Stop:
    """An order of a person's that waits for a price, and never triggers."""

    number: int
    account: str
    instrument: Instrument
    quantity: Decimal | None  # contracts, signed; None: it closes what is held then
    trigger: Decimal  # price
    created: int  # ns


@dataclass(slots=True)
class Underway:
    """A deposit or withdrawal that takes its time."""

    account: str
    currency: str
    amount: Decimal  # + in
    began: int  # ns
    posting: int  # its number in the account's log; 0: it is not there yet
    ends: int | None = None  # ns; None: it is under way


@dataclass(slots=True)
class Desk(shut.Desk[shut.Shut[int]]):
    """One venue's protocol and all that it stands on."""

    keyring: Keyring
    house: House
    hedged: bool = False  # whether long and short stand side by side
    together: bool = False  # whether all assets count as one
    halted: dict[str, str] = field(default_factory=dict)  # id → status of what takes no orders now
    retold: dict[str, dict[str, Any]] = field(default_factory=dict)  # id → terms by field
    locked: bool = False  # whether the account may not trade, whatever its key may do
    portfolio: bool = False  # whether keys may trade with portfolio margin
    anywhere: bool = False  # whether keys are good from every address
    hours: dict[str, int] = field(default_factory=dict)  # symbol → hours between two stamps
    stops: list[Stop] = field(default_factory=list)
    underway: list[Underway] = field(default_factory=list)  # that are or were
    timers: Countdowns = field(init=False)  # of orders, by account and symbol

    def __post_init__(self) -> None:
        """Let it have its timers."""
        self.timers = Countdowns(self.place)

    def begin(self, account: str, currency: str, amount: Decimal) -> Underway:
        """Begin a deposit, that is not in the balance yet, or a withdrawal, that has left it."""
        flow = Underway(account, currency, amount, self.now, 0)
        self.underway.append(flow)
        if amount < 0:
            self._book(flow, CashKind.WITHDRAWAL)
        return flow

    def complete(self, flow: Underway) -> None:
        """End what was under way: a deposit is credited, a withdrawal has arrived elsewhere."""
        flow.ends = self.now
        if flow.amount > 0:
            self._book(flow, CashKind.DEPOSIT)

    def _book(self, flow: Underway, kind: CashKind) -> None:
        self.place.move_cash(CashRequest(flow.account, kind, flow.currency, flow.amount))
        flow.posting = self.place.statements[flow.account].postings[-1].number

    def listed(self) -> list[Seen]:
        """Return every instrument that it knows."""
        seen = self.place.tape.seen
        return [each for name, each in seen.items() if name not in self.delisted]

    def seen(self, params: Mapping[str, Any]) -> Seen:
        """Return the instrument that is asked for; raises `Refusal` where there is none."""
        name = f"{self.house.venue}:{word(params, 'symbol')}"
        if name not in self.place.tape.seen or name in self.delisted:
            raise Refusal(-1121)
        return self.place.tape.seen[name]


@dataclass(frozen=True, slots=True)
class Asking(asking.Asking[Desk]):
    """One private request: who asks, and how late the answer may be."""

    def executions(self) -> list[Execution]:
        """Return the fills of the account as it stood."""
        at = self.at
        return [each for each in self.statement.executions if at is None or each.ts <= at]

    def orders(self) -> Iterator[PlacedOrder]:
        """Yield the orders of the account as they stood, with those that the venue made."""
        yield from self.statement.listed(self.at)
        yield from (each.order for each in self.executions() if each.forced)

    def open(self) -> list[PlacedOrder]:
        """Return the open orders."""
        return [each for each in self.orders() if each.state is OrderState.OPEN]


def number_of(order: PlacedOrder) -> int:
    """Return Binance's number of an order."""
    digits = int("".join(filter(str.isdigit, order.order_id.rpartition("-")[2])) or 0)
    return digits + (FORCED if "-L" in order.order_id else 0)


def label_of(order: PlacedOrder) -> str:
    """Return the client order id of an order; one that bore none is given one."""
    if order.asked.label:
        return order.asked.label
    if order.reason == "autoliquidation":
        return f"autoclose-{number_of(order)}"
    return f"{'web' if order.asked.by_hand else 'api'}_{number_of(order)}"


def pair(contract: Instrument) -> str:
    """Return the pair that a contract is of, e.g. BTCUSD."""
    return contract.name.partition("_")[0]


def quote(contract: Instrument) -> str:
    """Return the currency of a contract's price."""
    return "USD" if contract.inverse else contract.settle


def perpetual(contract: Instrument) -> bool:
    """Whether a contract has no end."""
    return contract.kind is Kind.PERPETUAL


def next_stamp(seen: Seen, now: int) -> int:
    """Return when funding is due next, ns."""
    return (now // seen.interval + 1) * seen.interval


ZERO = Decimal(0)
