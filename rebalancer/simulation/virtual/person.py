"""The person of a simulated run: what an operator says, and does about a book that stands still."""

from collections.abc import Callable
from typing import Protocol

from rebalancer.core.commands import Alert
from rebalancer.core.events import Event, Operator, Verb
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.journal import RoomTold
from rebalancer.core.knobs import Change, Knob, Tuned
from rebalancer.core.state import State
from rebalancer.ports import SECOND, Clock
from rebalancer.simulation.virtual import goals
from rebalancer.simulation.virtual.book import COIN
from rebalancer.simulation.virtual.hands import Hands
from rebalancer.simulation.virtual.oracle import Oracle

MOST_ARMS = 4  # after all is well: an order is looked up, collateral brought, an account adopted
PATIENCE = 20  # s between two times that a person arms
LAGS = 15 * SECOND  # ns before an adoption within which a booking of others puts it in doubt
THIN = 30  # s in a row that nothing is hedged for its margin or a full leg: then some is brought
FULL = ("position_too_large",)  # the best leg is: what the other lacks, nobody says

_MARGIN = ("margin.critical", "margin.recovered")


class Listener(Protocol):
    """A process that hears a person."""

    state: State

    def hear(self, event: Event) -> None:
        """Take in what is said."""


class Person:
    """Somebody who may speak to the daemon.

    Args:
        clock: True time.
        oracle: Is told of what was said.
        listener: Tells who has listened all the time since then, true ns; None: nobody.
        hands: Bring collateral.
        fingerprint: Of the book's settings.
    """

    def __init__(
        self,
        clock: Clock,
        oracle: Oracle,
        listener: Callable[[int], "Listener | None"],
        hands: Hands,
        fingerprint: str,
    ) -> None:
        self._clock, self._oracle = clock, oracle
        self._listener, self._hands, self._fingerprint = listener, hands, fingerprint
        self._thin = 0  # s in a row that margin refused
        self._fed = 0  # times that collateral was brought for it
        self._short = False  # whether an account is near its liquidation, as far as was told
        self._said = 0  # times
        self._written: dict[str, None] = {}  # reasons of what the process wrote down
        self._limited = 0  # s in which no resume helped
        self._armed = 0  # times
        self._next = 5  # s of a rest at which to arm, where that is needed

    def say(self, verb: Verb) -> None:
        """Say something; whoever listens has a second to write it down."""
        now = self._clock.now()
        listener = self._listener(now)
        self._oracle.note(now, f"an operator says {verb}")
        if listener is None:
            return
        self._said += 1
        reason = f"said {self._said}"
        ended = tuple(listener.state.unproven) if verb is Verb.ARM else ()
        listener.hear(Operator(now, verb, reason, "operator", ended=ended))

        self._check(listener, now, reason, verb)

    def _check(self, listener: Listener, since: int, reason: str, what: str) -> None:
        """Judge a second later that what was said is written down, if somebody listened so long."""

        def check() -> None:
            if self._listener(since) is listener and reason not in self._written:
                self._oracle.accuse("I6", self._clock.now(), f"{what} was not taken down")

        self._clock.call_at(since + SECOND, check)

    def arm(self) -> None:
        """Arm a book that is halted, and that nothing stands open of."""
        listener = self._listener(self._clock.now())
        if listener is None or listener.state.unproven or self._short:
            return
        if listener.state.mode_of(COIN) is TradingState.HALTED:
            self._oracle.goals[goals.ARMED] += 1
            self.say(Verb.ARM)

    def _looked_up(self) -> bool:
        """Whether what nobody could prove is over or never left, as a look at the venue shows."""
        listener, orders = self._listener(self._clock.now()), self._oracle.orders
        doubted = () if listener is None else listener.state.unproven
        return all(name not in orders or orders[name].over for name in doubted)

    def tune(self, band: float) -> None:
        """Set the band to so many coins on each side of the aim, while the book runs."""
        now, before = self._clock.now(), self._oracle.conduct.band
        listener = self._listener(now)
        self._oracle.note(now, f"an operator sets the band to {band:g} coins")
        if listener is None or band == before:
            return
        edges = ((Knob.LOWER, -1), (Knob.UPPER, 1))
        changes = tuple(Change(COIN, knob, way * before, way * band) for knob, way in edges)
        self._said += 1
        reason = f"said {self._said}"
        listener.hear(Tuned(now, changes, reason, "operator", self._fingerprint))
        self._check(listener, now, reason, "a band that was set")

    def hear(self, alert: Alert) -> None:
        """Take down what is told of margin."""
        killed = self._oracle.conduct.stopped is not None
        self._oracle.goals[goals.KILLED_THIN] += killed and alert.event == "protect.refused"
        if alert.event in _MARGIN:
            self._short = alert.event == "margin.critical"

    def heard(self, event: Event) -> None:
        """Note what of it the process wrote down: from now on it holds."""
        if isinstance(event, RoomTold):
            self._oracle.goals[goals.SHORT] += event.short
            self._oracle.conduct.short = event.short
        if isinstance(event, Tuned):
            self._oracle.goals[goals.TUNED] += 1
            self._oracle.conduct.band = event.changes[-1].after
            self._written[event.reason] = None
        if not isinstance(event, Operator):
            return
        self._written[event.reason] = None
        conduct, count = self._oracle.conduct, self._oracle.goals
        match event.verb:
            case Verb.KILL:
                conduct.stopped = "a kill"
                count[goals.KILLED] += 1
            case Verb.PAUSE:
                conduct.paused, conduct.reducing = True, False
                count[goals.PAUSED] += 1
            case Verb.REDUCE:
                conduct.paused, conduct.reducing = False, True
                count[goals.REDUCED] += 1
            case Verb.RESUME:
                conduct.paused = conduct.reducing = False
            case Verb.ARM:
                conduct.stopped = conduct.halted = conduct.warned = None
            case _:
                pass

    def feed(self, refused: str) -> None:
        """Bring collateral where margin, or a full leg, goes on refusing what would hedge.

        Args:
            refused: The reason of the last hedge that a guard refused; empty: it is in its band.
        """
        scarce = refused.startswith("margin") or refused in FULL
        self._thin = self._thin + 1 if scarce else 0
        if self._thin >= THIN:
            self._thin, self._fed = 0, self._fed + 1
            if self._fed % 2 or refused in FULL:
                self._hands.bring_dollars()
            else:  # what the linear leg may hold is spent too
                self._hands.bring()

    def mend(self, mode: TradingState | None, second: int, *, doubtful: bool) -> None:
        """Do what a person does, once all is well, about a book that does not go on.

        Args:
            mode: Of the book; None: no process runs.
            second: Of the rest.
            doubtful: Whether what was adopted may be what somebody else changed just then.
        """
        if mode in (TradingState.PAUSED, TradingState.REDUCING):
            self.say(Verb.RESUME)
        self._limited = self._limited + 1 if mode is TradingState.REDUCING else 0
        if (mode is not TradingState.HALTED and self._limited <= 5) or second < self._next:
            return
        if not self._looked_up():
            return
        self._next, self._armed = second + PATIENCE, self._armed + 1
        if self._armed > MOST_ARMS:
            self._oracle.accuse("I3", self._clock.now(), f"it halts again and again: {mode}")
        self._oracle.goals[goals.HALTED] += 1
        if self._short:
            self._short = False
            self._hands.bring()
        if doubtful and self._armed > 1:
            self._oracle.goals[goals.READOPTED] += 1
            self.say(Verb.ADOPT)
        self.say(Verb.ARM)
