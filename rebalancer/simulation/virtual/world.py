"""The world of a simulated run: exchanges, market, wires, and the process that hedges in them."""

from collections.abc import Mapping
from decimal import Decimal

from rebalancer.core.events import Event, FeedStatus, MarketEvent, Operator, Verb
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.instruments import STABLE, Kind
from rebalancer.errors import DataError
from rebalancer.exchange import black
from rebalancer.exchange import orders as requests
from rebalancer.exchange.exchange import Exchange
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.settings import to_params
from rebalancer.simulation.virtual import book, goals
from rebalancer.simulation.virtual.dice import Dice
from rebalancer.simulation.virtual.journal import Disk, VirtualJournal
from rebalancer.simulation.virtual.market import YEAR, Market
from rebalancer.simulation.virtual.oracle import NAMES, Oracle, apart, booking_of
from rebalancer.simulation.virtual.process import Process, Told
from rebalancer.simulation.virtual.venue import Around, Faults, Wire
from rebalancer.simulation.virtual.weather import Weather
from rebalancer.venues.modelled import open_exchange
from rebalancer.venues.paper import PaperMarket, holdings

AGAIN = 3 * SECOND  # ns from a fall to the next start
MOVE = 1e-4  # fraction of price by which delta is measured


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
        self.oracle.delta = self._delta
        self.market = Market(Dice(seed, "market"), start)
        self._model = PaperMarket(self.exchanges, _Quiet(), self._witness)
        self._dice = Dice(seed, "world")
        self._seed = seed
        self._last, self._frozen, self._hands = start, 0, 0
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
        return self._delta(self.market.price)

    def _delta(self, price: float) -> float:
        low, high = (self._worth(price * (1 + move)) for move in (-MOVE, MOVE))
        return (high - low) / (2 * MOVE * price)

    def _worth(self, price: float) -> float:
        """Return what all accounts are worth at a price of the coin, USD."""
        total = 0.0
        for name, exchange in self.exchanges.items():
            for currency, amount in exchange.balances(name).items():
                total += float(amount) * (1.0 if currency in STABLE else price)
            for held in exchange.positions(name):
                total += self._value(exchange, held.instrument, held, price)
        return total

    def _value(self, exchange: Exchange, name: str, held: object, price: float) -> float:
        terms = exchange.contract(name)
        contracts, basis = float(held.quantity), float(held.basis)  # type: ignore[attr-defined]
        if terms.kind is Kind.OPTION:
            assert terms.expiry is not None
            assert terms.strike is not None
            spread = book.VOL * (max(terms.expiry - self.clock.now(), 1) / YEAR) ** 0.5
            return contracts * black.price(price, float(terms.strike), spread, terms.sign)
        size = contracts * float(terms.size)
        return (basis - size / price) * price if terms.inverse else size * price - basis

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
        self.oracle.lies.append(lie)
        self.oracle.note(self.clock.now(), f"a false word: {lie}")
        self._show(lie)

    def trade_by_hand(self) -> None:
        """Let somebody trade on the account, past the daemon."""
        self._hands += 1
        self.oracle.goals[goals.BY_HAND] += 1
        self.oracle.note(self.clock.now(), "somebody trades by hand")
        wire = self.wires["deribit"]
        sign = 1 if self._dice.chance(0.5) else -1
        order = requests.Order(
            client_order_id=f"hand{self._hands}",
            account="deribit",
            instrument=book.INVERSE,
            quantity=Decimal(sign * 1000 * self._dice.between(1, 30)),
            price=None,
            time_in_force=requests.TimeInForce.IOC,
        )
        wire.book(wire.exchange.submit(self.clock.now(), order))

    def deposit(self) -> None:
        """Let coins come in or go out."""
        amount = Decimal(self._dice.between(-100, 100)) / 1000
        wire = self.wires["deribit"]
        if amount:
            self.oracle.goals[goals.CASH] += 1
            self.oracle.note(self.clock.now(), f"{amount} {book.COIN} come in")
            wire.book(wire.exchange.deposit(self.clock.now(), "deribit", book.COIN, amount))

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
        if self.process is None:
            return {}
        ledger, found = self.process.state.ledger, dict[str, Decimal]()
        for name, exchange in self.exchanges.items():
            truth = {
                key if ":" in key else f"{name}:{key}": amount
                for key, amount in holdings(exchange, name)
                if amount
            }
            own = {
                instrument: each.quantity
                for (account, instrument), each in ledger.positions.items()
                if account == name and each.quantity
            }
            own |= {
                f"{name}:{currency}": amount
                for (account, currency), amount in ledger.cash.items()
                if account == name and amount
            }
            found |= {what: gap for what, gap in apart(own, truth).items() if abs(gap) > SMALLEST}
        return found


SMALLEST = Decimal("1e-9")  # of a currency: what division leaves


class _Quiet:
    """A log that keeps nothing."""

    def _say(self, event: str, **facts: object) -> None:
        pass

    debug = info = warning = error = _say
