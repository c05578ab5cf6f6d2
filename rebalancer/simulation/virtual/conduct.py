"""Conduct: what must hold of one order as it leaves, whatever became of the others.

Judged by what the exchanges hold, by the words that reached the process, by what
people told it, and by what it told them.
"""

from collections.abc import Callable, Collection, Iterable
from decimal import Decimal
from typing import Protocol

from rebalancer.core.commands import Alert, Purpose, Submit
from rebalancer.core.events import Event, InstrumentUnfit, ShutOut, VenueHeld
from rebalancer.core.params import Params
from rebalancer.exchange.records import Filled
from rebalancer.ports import SECOND
from rebalancer.simulation.virtual.book import COIN
from rebalancer.simulation.virtual.bounds import Turns, untold
from rebalancer.simulation.virtual.hearing import Where
from rebalancer.simulation.virtual.pace import Pace
from rebalancer.simulation.virtual.words import Words

EXACT, INEXACT = 0.06, 0.3  # coins: delta as a process can know it, by words of now or late ones
EDGE = 0.005  # coins: the daemon's price is a tenth of a tick off
STALE_SLACK = SECOND  # ns: between a word and the order that rests on it
JUMP = 0.03  # fraction: by more within ten seconds, and options are worth what nobody told yet
# How large an order may look at its own price, of its limit: what protects may be priced 5 % away.
OFF = {Purpose.HEDGE: 1.01, Purpose.PROTECT: 1.06}
SAME = 1e-6  # fraction: a price that moved less is the same
# What says to a person that an underlying, or the book, is halted until somebody arms.
HALTING = (
    *("order.unproven", "order.rejected_often", "hedge.missed", "hedge.alternated"),
    *("reconcile.differed", "order.resurrected", "position.liquidated", "rate.banned"),
    *("instrument.closed", "instrument.changed"),
)


class Books(Protocol):
    """What the exchanges hold."""

    def delta(self, price: float) -> float:
        """Return the delta of everything at a price of the coin (USD), coins."""

    def held(self, account: str, instrument: str) -> Decimal:
        """Return a position, contracts, signed."""

    def broken(self, fill: Filled, price: float, net: float, turns: Turns) -> Iterable[str]:
        """Yield the limits that an own fill broke, in words.

        Args:
            fill: As it was booked.
            price: Of the coin, USD.
            net: Net delta before it, coins.
            turns: What came before it.
        """


class Conduct:
    """Judges each order of one run by itself.

    Args:
        params: Limits of the book.
        books: Of the exchanges.
        accuse: Takes what does not hold: the invariant, ns and words.
        rough: Whether the market's words may be late, so that nobody can know delta well.
    """

    def __init__(
        self, params: Params, books: Books, accuse: Callable[[str, int, str], None], *, rough: bool
    ) -> None:
        self.rough = rough
        self.stopped: str | None = None  # why nothing may leave, told to the daemon
        self.paused = False  # whether a person paused the book, told to the daemon
        self.reducing = False  # whether a person lets only what closes pass
        self.short = False  # whether the disk is nearly full, told to the daemon
        self.halted: str | None = None  # what a person was told of a halt that nobody lifted
        self.held: dict[str, int] = {}  # account or contract that takes no orders → ns of that word
        self.warned: tuple[int, str] | None = None  # since when, and why, nothing may be hedged
        self.band = params.underlyings[COIN].band.upper  # coins to each side, as it was told last
        self.words = Words(params)
        self._params, self._books, self._accuse = params, books, accuse
        self.pace = Pace(params, accuse)
        self._read: dict[str, None] = {}  # accounts that the running process read
        self._last: tuple[bool, float] | None = None  # whether the last hedge bought, and the price
        self._since = 0  # ns: when the running process began
        self.turned = 0.0  # USD that own orders traded
        self._turns = 0  # hedges in a row that went back on the one before, at the same price

    def judge(self, order: Submit, ts: int, *, blind: bool) -> None:
        """Judge an order as it leaves.

        Args:
            order: As it was sent.
            ts: ns.
            blind: Whether something was booked that the process does not know.
        """
        self._fits(order, ts)
        self._may_leave(order, ts, blind=blind)
        self._young(order, ts)
        if order.purpose is Purpose.HEDGE:
            self._helps(order, ts, blind=blind)
        else:
            self._closes(order, ts, blind=blind)
        self.pace.left(order, ts)

    def _fits(self, order: Submit, ts: int) -> None:
        limit = self._params.underlyings[order.underlying].limits.order
        coins = self._coins(order.instrument, order.quantity, order.price)
        if abs(coins) > limit * OFF[order.purpose]:
            self._accuse("I2", ts, f"{order.client_order_id} is {coins:.4f} coins, limit {limit}")

    def _coins(self, name: str, contracts: Decimal, price: Decimal) -> float:
        inverse = "PERPETUAL" in name and name.startswith("deribit")
        return float(contracts / price) if inverse else float(contracts)

    def _grows(self, order: Submit) -> bool:
        held = self._books.held(order.account, order.instrument)
        return order.quantity * held >= 0 or abs(order.quantity) > abs(held)

    def _may_leave(self, order: Submit, ts: int, *, blind: bool) -> None:
        if self.stopped is not None:
            self._accuse("I6", ts, f"{order.client_order_id} left after {self.stopped}")
        elif order.purpose is Purpose.HEDGE and self.short:
            self._accuse("I6", ts, f"{order.client_order_id} left while the disk was full")
        elif order.purpose is Purpose.HEDGE and self.paused:
            self._accuse("I6", ts, f"{order.client_order_id} left while the book was paused")
        elif order.purpose is Purpose.HEDGE and self.reducing and not blind and self._grows(order):
            self._accuse("I6", ts, f"{order.client_order_id} grows while only closing may pass")
        elif order.purpose is Purpose.HEDGE and self.halted is not None:
            self._accuse("I6", ts, f"{order.client_order_id} left after {self.halted}")
        grace, name = self._params.orders.max_decision_age, order.client_order_id
        for subject in (order.account, order.instrument):
            if ts - self.held.get(subject, ts) > grace:
                self._accuse("I6", ts, f"{name} left while {subject} was held")
        if order.purpose is Purpose.HEDGE and self.warned and ts - self.warned[0] > grace:
            self._accuse("I6", ts, f"{name} left, and {self.warned[1]}")

    def _young(self, order: Submit, ts: int) -> None:
        limits, slack = self._params.staleness, self._params.orders.max_decision_age + STALE_SLACK
        most = self.pace.skewed(order.account) + self._params.orders.max_decision_age
        if abs(order.decided_at - ts) > most:
            self._accuse("I5", ts, f"{order.client_order_id}: by a clock that is off")
        if order.purpose is not Purpose.HEDGE:
            return
        quoted = self.words.since(order.instrument)
        if ts - quoted > limits.quote + slack:
            self._accuse("I5", ts, f"{order.client_order_id}: its quote is {ts - quoted} ns old")
        if ts - self.words.youngest > limits.index + slack:
            self._accuse("I5", ts, f"{order.client_order_id}: no index is young")
        for account in self._params.accounts:
            if account not in self._read:
                self._accuse("I5", ts, f"{order.client_order_id}: nobody read {account} yet")

    def _helps(self, order: Submit, ts: int, *, blind: bool) -> None:
        """Judge that a hedge makes net delta smaller, where nothing is on its way to be known.

        By the index of now or of when it was decided, whichever is kinder: a word
        may come in between.
        """
        prices = list(self.words.indexes(ts, self._params.orders.max_decision_age))
        if blind or not prices:
            self._last = None
            return
        coins = self._coins(order.instrument, order.quantity, order.price)
        rough = (INEXACT if self.rough else EXACT) + untold(self._since, ts)
        found = [self._harms(net, net + coins, rough) for net in map(self._books.delta, prices)]
        if all(found):
            self._accuse("I10", ts, f"{order.client_order_id}: {found[0]}")
        self._steady(order, ts, prices[0])

    def _harms(self, net: float, after: float, rough: float) -> str:
        """Return what is wrong with a hedge that changes net delta so, coins; empty: nothing."""
        over = abs(after) if net * after < 0 else 0.0  # how far it goes beyond nothing
        wrong = abs(after) > abs(net) + rough or over > self.band + rough  # half of it, and lots
        return f"net delta {net:.4f} would become {after:.4f}" if wrong else ""

    def together(self, order: Submit, others: Iterable[Decimal], ts: int) -> None:
        """Judge that all that may still trade of an instrument only closes, together with this."""
        held = self._books.held(order.account, order.instrument)
        after = held + order.quantity + sum(others, Decimal(0))
        if held * after < 0:
            text = f"{order.client_order_id}: all that is under way makes {after:+} of {held:+}"
            self._accuse("I1", ts, text)

    def _closes(self, order: Submit, ts: int, *, blind: bool) -> None:
        """Judge that an order that is to protect can do nothing but close."""
        held = self._books.held(order.account, order.instrument)
        if not order.reduce_only or (self._grows(order) and not blind):
            text = f"{order.client_order_id}: {order.quantity:+} to protect {held:+}"
            self._accuse("I10", ts, text)

    def _steady(self, order: Submit, ts: int, price: float) -> None:
        """Judge that hedges do not go to and fro while nothing moves."""
        buys, last = order.quantity > 0, self._last
        self._last = buys, price
        back = last is not None and last[0] is not buys and abs(price / last[1] - 1) < SAME
        self._turns = self._turns + 1 if back else 0
        if self._turns > 1:
            self._accuse("I10", ts, f"{order.client_order_id}: to and fro at the same price")

    def moved(self) -> None:
        """Note that somebody else changed what is held: the next hedge goes back on nothing."""
        self._last = None

    def filled(self, fill: Filled, *, judges: bool, moved: Collection[Where]) -> None:
        """Judge what grew by an own hedge.

        Args:
            fill: As it was booked.
            judges: Whether it is a hedge of a process that knew all that was booked.
            moved: Where others changed what is held since it left.
        """
        price = float(fill.price)  # what it was limited to may be far, by a false word
        coins = self._coins(fill.instrument, fill.quantity, fill.price)
        self.turned += abs(coins) * price
        if not judges:
            return
        net = self._books.delta(price) - coins
        told = tuple(self.words.indexes(fill.ts))
        jumped = bool(told) and max(told) > min(told) * (1 + JUMP)
        for text in self._books.broken(fill, price, net, Turns(self.turned, jumped, moved)):
            self._accuse("I2", fill.ts, f"{fill.client_order_id}: {text}")

    @property
    def edge(self) -> float:
        """Net delta that is inside the band, coins; to either side."""
        return self.band + EDGE

    def reached(self, event: Event, ts: int) -> None:
        """Note what reached a process, whatever it makes of it: from then on it may know better."""
        match event:
            case VenueHeld(reason=None):
                self.held.pop(event.instrument or event.account, None)
            case VenueHeld():
                self.held.setdefault(event.instrument or event.account, ts)
            case ShutOut():
                self.warned = self.warned or (ts, f"{event.account} had shut it out")
            case InstrumentUnfit():
                self.warned = self.warned or (ts, f"{event.instrument} was {event.how}")
            case _:
                pass

    def began(self, ts: int = 0) -> None:
        """Note that a process begins at `ts`, ns: it has read nothing."""
        self._read, self.held, self._since = {}, {}, ts
        self.warned = None
        self.short = False  # it looks for itself

    def read(self, account: str) -> None:
        """Note that an account told a process what it holds."""
        self._read[account] = None

    def told(self, alert: Alert) -> None:
        """Take down what a person is told."""
        if alert.event in HALTING:
            self.halted = alert.event
