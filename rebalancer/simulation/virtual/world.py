"""The world of a simulated run: exchanges, market, wires, and the process that hedges in them."""

from collections.abc import Mapping
from decimal import Decimal

from rebalancer.core.events import Event, FeedStatus, MarketEvent, Operator, Verb
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.errors import DataError
from rebalancer.exchange.exchange import Exchange
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.settings import to_params
from rebalancer.simulation.virtual import book, goals
from rebalancer.simulation.virtual.dice import Dice
from rebalancer.simulation.virtual.hands import Hands
from rebalancer.simulation.virtual.journal import Disk, VirtualJournal
from rebalancer.simulation.virtual.market import Market
from rebalancer.simulation.virtual.oracle import NAMES, Oracle, booking_of
from rebalancer.simulation.virtual.process import Process, Told
from rebalancer.simulation.virtual.truth import Truth
from rebalancer.simulation.virtual.venue import Around, Faults, Wire
from rebalancer.simulation.virtual.weather import Weather
from rebalancer.venues.modelled import open_exchange
from rebalancer.venues.paper import PaperMarket

AGAIN = 3 * SECOND  # ns from a fall to the next start


class World:
    """Everything outside the daemon, and the daemon.

    Args:
        seed: Of all chance.
        weather: What goes wrong.
        start: ns.
    """

    def __init__(self, seed: int, weather: Weather, start: int) -> None:
        self.clock, self.faults = MarketClock(start), Faults(weather)
        self.disk, self.told = Disk(), Told([], [])
        own = book.settings()
        params = to_params(own, 1, book.instruments(), SECOND)
        self.oracle = Oracle(params, self.disk)
        self.exchanges: Mapping[str, Exchange] = {
            name: open_exchange(own, book.instruments(), book.entries(), name)
            for name in own.venues
        }
        around = Around(self.clock, self.faults, self.oracle, self._carry)
        self.wires = {
            name: Wire(name, each, around, Dice(seed, f"wire/{name}"))
            for name, each in self.exchanges.items()
        }
        self.truth = Truth(self.exchanges, self.clock)
        self.oracle.delta = self.truth.delta
        self.market = Market(Dice(seed, "market"), start)
        self._model = PaperMarket(self.exchanges, _Quiet(), self._witness)
        self._dice = Dice(seed, "world")
        self.hands = Hands(self.wires["deribit"], self.oracle, self.clock, self._dice)
        self._seed = seed
        self._last, self._frozen = start, 0
        self.process: Process | None = None
        self._failures: list[BaseException] = []
        self.tasks = TaskRegistry(self._failures.append)

    # --- the market ---

    def step(self, gap: float = 0.0) -> None:
        """Let the market go on until now, and be told."""
        ts = self.clock.now()
        self.market.move(ts, gap)
        for item in (*self.market.told(ts), *self.market.due(self._last, ts)):
            self._model.move(ts, item, self._show)
        self._model.judge(ts, self._show)
        self._last = ts

    def rates(self) -> None:
        """Let the funding rates be told."""
        for rate in self.market.rates(self.clock.now()):
            self._model.move(self.clock.now(), rate, self._show)

    def _witness(self, record: object) -> None:
        """Let what an exchange booked by itself take the way of its account."""
        for wire in self.wires.values():
            wire.book((record,))  # type: ignore[arg-type]

    def _show(self, event: Event) -> None:
        """Show the process what the market says, unless its feed is frozen."""
        if isinstance(event, MarketEvent) and self.clock.now() >= self._frozen:
            self._pass_on(event)

    def _carry(self, _account: str, event: Event) -> None:
        self._pass_on(event)

    def _pass_on(self, event: Event) -> None:
        if self.process is not None:
            self.process.hear(event)

    @property
    def net(self) -> float:
        """Delta of everything by the exchanges' books, at the price of now, coins."""
        return self.truth.delta(self.market.price)

    # --- the process ---

    def boot(self) -> None:
        """Start the daemon anew."""
        self.oracle.note(self.clock.now(), f"start {self.disk.epoch + 1}")
        dice = Dice(self._seed, f"disk/{self.disk.epoch}")
        journal = VirtualJournal(self.disk, lambda: self.faults.strikes("disk_failed", dice))
        try:
            heard = (self.oracle.heard, self._operated)
            self.process = Process(self.clock, self.wires, journal, self.told, heard)
        except DataError:  # the disk failed before it began
            self.oracle.goals[goals.DISK_AT_START] += 1
            self.clock.call_at(self.clock.now() + AGAIN, self.boot)
            return
        self._forgot()
        if any(not self.oracle.known(each) for each in self.oracle.orders.values()):
            self.oracle.goals[goals.UNKNOWN_AT_START] += 1
        self.tasks.spawn("process", self._serve(self.process))

    def _forgot(self) -> None:
        """Note what a process does not know that was killed before it was written down."""
        written = {
            booking: None
            for entry in self.disk.entries
            if entry.kind == "event"
            for name in NAMES
            if (booking := entry.payload.get(name)) is not None
        }
        for record in (each for wire in self.wires.values() for _, each in wire.records):
            key = booking_of(record)
            if key is not None and key not in written:
                self.oracle.unheard[key] = None

    async def _serve(self, process: Process) -> None:
        try:
            await process.daemon.run()
        except Exception as error:  # noqa: BLE001 - a daemon that died is started again, and told of
            self.told.failures.append(f"{type(error).__name__}: {error}")
            if isinstance(error, DataError):
                self.oracle.goals[goals.DISK] += 1
            else:
                self.oracle.accuse("I13", self.clock.now(), self.told.failures[-1])
        if process is self.process:
            self.process = None
            self.clock.call_at(self.clock.now() + AGAIN, self.boot)

    def crash(self) -> None:
        """Kill the daemon where it stands; it is started again a little later."""
        if self.process is not None:
            if any(each.fate == "on its way" for each in self.oracle.orders.values()):
                self.oracle.goals[goals.ON_ITS_WAY] += 1
            self.oracle.note(self.clock.now(), "the process is killed")
            self.process.kill()

    def _operated(self, event: Event) -> None:
        if not isinstance(event, Operator):
            return
        if event.verb is Verb.KILL:
            self.oracle.stopped = "a kill"
            self.oracle.goals[goals.KILLED] += 1
        elif event.verb is Verb.PAUSE:
            self.oracle.paused = True
            self.oracle.goals[goals.PAUSED] += 1
        elif event.verb in (Verb.RESUME, Verb.ARM):
            self.oracle.paused = False
            if event.verb is Verb.ARM:
                self.oracle.stopped = None

    def operate(self, verb: Verb) -> None:
        """Let an operator speak."""
        if self.process is not None:
            ended = self.process.state.unproven if verb is Verb.ARM else ()
            self.oracle.note(self.clock.now(), f"an operator says {verb}")
            told = Operator(self.clock.now(), verb, "simulated", "operator", ended=ended)
            self.process.hear(told)

    # --- what else happens ---

    def freeze(self, duration: int) -> None:
        """Show the process nothing of the market for a while, ns."""
        self._frozen = self.clock.now() + duration
        self.oracle.note(self.clock.now(), f"the market is silent for {duration / SECOND:g} s")

    def mislead(self) -> None:
        """Show the process one word of the market that is not true."""
        lie = self.market.absurd(self.clock.now())
        self.oracle.words.lies.append(lie)
        self.oracle.note(self.clock.now(), f"a false word: {lie}")
        self._show(lie)

    def lose_stream(self, duration: int) -> None:
        """Let an account's stream die and come back, both of which the process notices."""
        name = self._dice.pick(list(self.wires))
        self.faults.dead.add(name)
        self.oracle.note(self.clock.now(), f"the stream of {name} dies")
        self._pass_on(FeedStatus(self.clock.now(), name, alive=False))

        def back() -> None:
            self.faults.dead.discard(name)
            self.oracle.note(self.clock.now(), f"the stream of {name} is back")
            self._pass_on(FeedStatus(self.clock.now(), name, alive=True))

        self.clock.call_at(self.clock.now() + duration, back)

    # --- the end ---

    def heal(self) -> None:
        """Let nothing go wrong any more."""
        self.faults.on = False
        self.market.still = True
        self.faults.dead.clear()
        self.faults.shut.clear()
        self._frozen = 0

    @property
    def mode(self) -> TradingState | None:
        """The state of the process; None: there is none."""
        return None if self.process is None else self.process.state.mode_of(book.COIN)

    def differences(self) -> dict[str, Decimal]:
        """Return where the ledger and the exchanges' books differ, ledger less exchange."""
        return {} if self.process is None else self.truth.gaps(self.process.state.ledger)


class _Quiet:
    """A log that keeps nothing."""

    def _say(self, event: str, **facts: object) -> None:
        pass

    debug = info = warning = error = _say
