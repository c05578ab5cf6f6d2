"""The world of a simulated run: exchanges, market, wires, and the process that hedges in them."""

from rebalancer.core.commands import Alert, Style
from rebalancer.core.events import Event, MarketEvent, Reconciled
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.errors import DataError, Unavailable
from rebalancer.exchange.records import Record
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.settings import fingerprint, to_params
from rebalancer.simulation.virtual import book, goals
from rebalancer.simulation.virtual.conduct import HALTING
from rebalancer.simulation.virtual.dice import Dice
from rebalancer.simulation.virtual.faults import Around, Faults, Feed
from rebalancer.simulation.virtual.hands import Hands
from rebalancer.simulation.virtual.journal import Disk, VirtualJournal
from rebalancer.simulation.virtual.notices import Notices
from rebalancer.simulation.virtual.oracle import Oracle
from rebalancer.simulation.virtual.own_clock import Machine
from rebalancer.simulation.virtual.person import Person
from rebalancer.simulation.virtual.places import Places
from rebalancer.simulation.virtual.process import Outside, Process, Told
from rebalancer.simulation.virtual.traced import Fate
from rebalancer.simulation.virtual.weather import Weather
from rebalancer.simulation.virtual.wire import FAR, LINGERS, Wire
from rebalancer.simulation.virtual.writes import Writes

AGAIN = 3 * SECOND  # ns from a fall to the next start


class World:
    """Everything outside the daemon, and the daemon.

    Args:
        seed: Of all chance.
        weather: What goes wrong.
        start: ns.
        executes: How hedges are executed.
    """

    def __init__(self, seed: int, weather: Weather, start: int, executes: Style) -> None:
        self.clock, self.faults = MarketClock(start), Faults(weather)
        self._dice = Dice(seed, "world")
        self.tight = self.faults.strikes("tight", self._dice)
        settings = book.settings(tight=self.tight, executes=executes)
        self.own = settings.model_copy(update={"holdings": ()})
        params = to_params(self.own, 1, book.instruments(), SECOND)
        past = Dice(seed, "past")
        self.places = Places(Dice(seed, "market"), self.clock, params, self._witness, past)
        self.disk, self.machine = Disk(), Machine()
        self.oracle = Oracle(params, self.disk, self.places.truth, weather)
        self.told = Told(self._told)
        around = Around(self.clock, self.faults, self.oracle, self._carry)
        self.wires = {
            name: Wire(name, each, around, Dice(seed, f"wire/{name}"))
            for name, each in self.places.exchanges.items()
        }
        own, other = self.wires["deribit"], self.wires["binanceusdm"]
        self.hands = Hands(own, other, self.oracle, self.clock, self._dice)
        told = (self.clock, self.oracle, self._listener, self.hands)
        self.person = Person(*told, fingerprint(self.own))
        self._outside = Outside(
            own=self.own,  # without holdings: it adopts what the venues hold
            clock=self.clock,
            machine=self.machine,
            wires=self.wires,
            disk=self.disk,
            told=self.told,
            reached=self.oracle.conduct.reached,
            before=self._heard,
            after=self.person.heard,
        )
        self._seed = seed
        self.feed, self._wrong_until = Feed(self.clock), 0
        self.notices = Notices(around, self.places.exchanges)
        self.process: Process | None = None
        self._failures: list[BaseException] = []
        self.tasks = TaskRegistry(self._failures.append)

    def _witness(self, record: Record) -> None:
        """Let what an exchange booked by itself take the way of its account."""
        for wire in self.wires.values():
            wire.book((record,))

    # --- the market ---

    def step(self) -> None:
        """Let the market go on until now, and be told."""
        self.places.step(self.show)

    def rates(self) -> None:
        """Let the funding rates be told."""
        self.places.rates(self.show)

    def show(self, event: Event) -> None:
        """Show the process what the market says."""
        if isinstance(event, MarketEvent):
            self.feed.carry(event, self.tell)

    def _carry(self, _account: str, event: Event) -> bool:
        self.tell(event)
        return self.process is not None and self.process.lives

    def tell(self, event: Event) -> None:
        """Let the process hear something, if there is one."""
        if self.process is not None:
            self.process.hear(event)

    # --- the process ---

    def boot(self) -> None:
        """Start the daemon anew."""
        self.oracle.note(self.clock.now(), f"start {self.disk.epoch + 1}")
        self.notices.begin()
        writes = Writes(self, Dice(self._seed, f"disk/{self.disk.epoch}"))
        journal = VirtualJournal(self.disk, writes.strikes, writes.kill, writes.wait)
        self.tasks.spawn("process", self._serve(Process(self._outside, journal)))

    async def _serve(self, process: Process) -> None:
        """Let a process live until it falls, and start the next one a little later."""
        try:
            await process.open()
        except (DataError, Unavailable) as error:
            self._fell(process, error)
        else:
            await self._live(process)
        self.clock.call_at(self.clock.now() + AGAIN, self.boot)

    async def _live(self, process: Process) -> None:
        self.process = process
        self.oracle.began(self.clock.now())
        self.notices.again()
        self.oracle.goals[goals.KILLED_AT_START] += self.oracle.conduct.stopped is not None
        if any(not self.oracle.known(each) for each in self.oracle.orders.values()):
            self.oracle.goals[goals.UNKNOWN_AT_START] += 1
        try:
            await process.daemon.run()
        except Exception as error:  # noqa: BLE001 - a daemon that died is started again, and told of
            self._fell(process, error)
        if self.process is process:
            self.process = None

    def _fell(self, process: Process, error: Exception) -> None:
        """Judge what a process died of: only of its disk it may, and of a clock that is wrong."""
        self.told.failures.append(f"{type(error).__name__}: {error}")
        self.oracle.note(self.clock.now(), f"it fell: {error}")
        began = self.process is process
        if isinstance(error, DataError) and process.journal.dead:
            self.oracle.goals[goals.DISK if began else goals.DISK_AT_START] += 1
        elif isinstance(error, Unavailable) and self.faults.banned:
            self.notices.met.update(dict.fromkeys(self.faults.banned))
            self.oracle.goals[goals.BANNED_AT_START] += 1
        elif isinstance(error, Unavailable) and self._clockless(process, error):
            self.oracle.goals[goals.CLOCK] += 1
        else:
            self.oracle.accuse("I13", self.clock.now(), self.told.failures[-1])

    def _clockless(self, process: Process, error: Unavailable) -> bool:
        """Whether a process may well say that its clock cannot be trusted."""
        healed = self.oracle.healed  # what was asked before may still be answered late
        fault = healed is None or self.clock.now() < healed + LINGERS + 2 * FAR
        untold = fault and "nobody knows how far" in str(error)
        return untold or abs(process.clock.ahead) > SECOND

    def crash(self, how: str) -> None:
        """Kill the daemon where it stands; it is started again a little later."""
        if self.process is not None:
            if any(each.fate is Fate.ON_ITS_WAY for each in self.oracle.orders.values()):
                self.oracle.goals[goals.ON_ITS_WAY] += 1
            self.oracle.note(self.clock.now(), f"the process is {how}")
            self.process.kill()

    def reached(self) -> int:
        """Return the true ns at which the process is: beyond now while it waits for its disk."""
        return self.clock.now() if self.process is None else self.process.clock.true()

    def set_wrong(self, ahead: int, duration: int) -> None:
        """Set the machine's clock `ahead` ns off the true time, for a while (ns)."""
        self.machine.set(ahead, self.clock.now())
        self._wrong_until = until = self.clock.now() + duration
        self.oracle.note(self.clock.now(), f"the machine's clock is {ahead / SECOND:+g} s off")

        def back() -> None:
            if until == self._wrong_until:
                self.machine.set(0, self.clock.now())
                self.oracle.note(self.clock.now(), "the machine's clock is set right")

        self.clock.call_at(until, back)

    def _told(self, ts: int, alert: Alert) -> None:
        """Take down what a person is told; a process that has just halted may fall."""
        self.oracle.told(ts, alert)
        self.person.hear(alert)
        if alert.event in HALTING and self.faults.strikes("halt_crash", self._dice):
            self.clock.call_at(ts + SECOND, lambda: self.crash("killed after its halt"))

    def _heard(self, event: Event) -> None:
        self.oracle.heard(event, self.clock.now())
        if isinstance(event, Reconciled):
            outside = abs(self.places.net) > self.oracle.conduct.edge
            crossed = outside and self.oracle.silence.inside
            self.oracle.goals[goals.CROSSED_RECONCILED] += crossed

    # --- the end ---

    def heal(self) -> None:
        """Let nothing go wrong any more."""
        self.oracle.healed = self.clock.now()
        self.faults.on = self.disk.short = False
        self.places.market.rest(self.clock.now())
        self.faults.clear()
        self.notices.clear()
        self.feed.clear()
        self.machine.drift(0, self.reached())
        self.machine.set(0, self.clock.now())

    @property
    def mode(self) -> TradingState | None:
        """The state of the process; None: there is none."""
        return None if self.process is None else self.process.state.mode_of(book.COIN)

    def _listener(self, since: int) -> Process | None:
        process = self.process
        heard = process is not None and process.lives and process.clock.ran(since)
        return process if heard else None
