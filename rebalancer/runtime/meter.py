"""The meter: how long a book's own steps take, and what became of its orders.

Times are those of the clock port: exact where the market has its own time, real
elsewhere. A time falls into one of a few fixed buckets, which costs a look-up and
two additions; what happens seldom is found by the type of its event, so that a
quote pays for nothing else. Nothing that is measured comes back to what is decided.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, get_args

from rebalancer.core.commands import Submit
from rebalancer.core.events import (
    Event,
    FeedStatus,
    Fill,
    MarketEvent,
    OrderAccepted,
    OrderEnded,
    OrderEvent,
    OrderNotFound,
    OrderRejected,
    OrderUnknown,
    Reconciled,
    Tick,
)
from rebalancer.core.instruments import Kind
from rebalancer.core.orders import OrderState
from rebalancer.core.state import State
from rebalancer.ports import SECOND, Clock, Measure, Sample, Spread

MS = SECOND // 1000
STEPS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500)  # ms
ANSWERS = (5, 10, 25, 50, 75, 100, 150, 250, 500, 1_000, 2_500, 5_000)  # ms; 5 s: it is unknown
PROOFS = (
    100,
    250,
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    20_000,
    30_000,
    60_000,
    120_000,
    600_000,
)  # ms
LAGS = (1, 2.5, 5, 10, 20, 50, 100, 250, 500, 1_000, 2_500, 5_000)  # ms
SLIPS = (-10.0, -5.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)  # bp
_CASH, _POSITION = "cash", "position"
_MARKET = frozenset(get_args(MarketEvent))  # a look-up; to ask a union costs as much as the rest

Probe = Callable[[], Iterable[Measure]]


class Buckets:
    """How often a measure fell between which bounds.

    Args:
        metric: Its name.
        bounds: Upper ends, rising; a measure on a bound is not beyond it.
        unit: Of what is put in, by which it is divided when told.
    """

    def __init__(self, metric: str, bounds: Iterable[float], unit: float = 1.0) -> None:
        self._metric, self._unit = metric, unit
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._total: float = 0

    def put(self, value: float) -> None:
        """Count one."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._total += value

    def told(self) -> Spread:
        """Return what was counted."""
        bounds = tuple(each / self._unit for each in self._bounds)
        return Spread(self._metric, bounds, tuple(self._counts), self._total / self._unit)


def _times(metric: str, bounds: Iterable[float]) -> Buckets:
    """Return buckets of ns, told in seconds, from bounds in ms."""
    return Buckets(metric, (round(each * MS) for each in bounds), SECOND)


class BookMeter:
    """A `ports.Meter` of one book.

    Args:
        clock: Of all times.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._steady, self._now = clock.monotonic, clock.now
        self._began = self._turned = clock.monotonic()  # ns
        self._agreed: int | None = None  # ns
        self._decided = _times("tick_to_decision_seconds", STEPS)
        self._left = _times("tick_to_send_seconds", STEPS)
        self._answered = _times("order_ack_seconds", ANSWERS)
        self._proved = _times("unknown_resolution_seconds", PROOFS)
        self._committed = _times("journal_commit_seconds", STEPS)
        self._lagged = _times("loop_lag_seconds", LAGS)
        self._slipped = Buckets("slippage_basis_points", SLIPS)
        self._counts: dict[tuple[str, tuple[str, ...]], int] = {
            ("reconcile_mismatch_total", (kind,)): 0 for kind in (_CASH, _POSITION)
        }
        self._sent: dict[str, tuple[int, Decimal | None]] = {}  # open orders: ns, middle then
        self._unknown: dict[str, int] = {}  # orders whose outcome is unknown: since, ns
        self._lost: dict[str, None] = {}  # streams that are gone
        self._booked = 0  # version of the ledger after the last step
        self._probes: list[Probe] = []
        self._seldom: dict[type, Callable[[Any, State], None]] = {
            Tick: self._tick,
            FeedStatus: self._feed,
            Fill: self._fill,
            OrderAccepted: self._order,
            OrderRejected: self._reject,
            OrderUnknown: self._order,
            OrderEnded: self._order,
            OrderNotFound: self._order,
            Reconciled: self._reconciled,
        }

    def ask(self, probe: Probe) -> None:
        """Have `probe` asked whenever measures are told: of what is measured elsewhere."""
        self._probes.append(probe)

    @property
    def turned(self) -> int:
        """Ns since a tick of the clock was last taken."""
        return self._steady() - self._turned

    @property
    def agreed(self) -> int | None:
        """Ns since ledger and venues were last found to agree; None: never."""
        return None if self._agreed is None else self._steady() - self._agreed

    def decided(self, event: Event) -> None:
        """Note that a step decided of an event, before anything is written down."""
        if type(event) in _MARKET:
            self._decided.put(self._now() - event.ts_local)

    def began(self) -> int:
        """Return ns by which `committed` measures."""
        return self._steady()

    def committed(self, began: int) -> None:
        """Note that what an order waits for is on disk; `began` is ns, of `began()`."""
        self._committed.put(self._steady() - began)

    def took(self, event: Event, state: State) -> None:
        """Note that a step is over."""
        heard = self._seldom.get(type(event))
        if heard is not None:
            heard(event, state)
        self._booked = state.ledger.version

    def leaves(self, order: Submit, middle: Decimal | None) -> None:
        """Note that an order is handed to its venue; `middle`: between bid and ask, then."""
        self._left.put(self._now() - order.decided_at)
        self._sent[order.client_order_id] = (self._steady(), middle)

    def answered(self, answer: OrderEvent) -> None:
        """Note what its venue answered; that nobody knows, or that it never left, is no answer."""
        sent = self._sent.get(answer.client_order_id)
        told = getattr(answer, "sent", not isinstance(answer, OrderUnknown))
        if sent is not None and told:
            self._answered.put(self._steady() - sent[0])

    def lagged(self, late: int) -> None:
        """Note by how much a call came late that was due, ns.

        Args:
            late: How late; below 0 a timer came early, which is no lag.
        """
        self._lagged.put(max(late, 0))

    def measures(self) -> Sequence[Measure]:
        """Return what was measured so far."""
        spreads = (
            *(self._decided, self._left, self._answered, self._proved),
            *(self._committed, self._lagged, self._slipped),
        )
        agreed = self._steady() - (self._began if self._agreed is None else self._agreed)
        told: list[Measure] = [
            *(each.told() for each in spreads),
            Sample("engine_turn_age_seconds", self.turned / SECOND),
            Sample("reconcile_age_seconds", agreed / SECOND),
        ]
        told += [Sample(name, count, labels) for (name, labels), count in self._counts.items()]
        for probe in self._probes:
            told += probe()
        return told

    def _count(self, metric: str, *labels: str) -> None:
        key = (metric, labels)
        self._counts[key] = self._counts.get(key, 0) + 1

    def _tick(self, _event: Tick, _state: State) -> None:
        self._turned = self._steady()

    def _feed(self, event: FeedStatus, _state: State) -> None:
        if not event.alive:
            self._lost[event.venue] = None
        elif event.venue in self._lost:
            del self._lost[event.venue]
            self._count("feed_reconnects_total", event.venue)

    def _reconciled(self, event: Reconciled, state: State) -> None:
        if not event.differences:
            self._agreed = self._steady()
        for line in event.differences:
            known = state.instruments.get(line.partition(": ")[0])
            cash = known is None or known.kind is Kind.CASH
            self._count("reconcile_mismatch_total", _CASH if cash else _POSITION)

    def _fill(self, event: Fill, state: State) -> None:
        if state.ledger.version == self._booked:
            return  # told again, by a stream and an archive: it was booked before
        self._count("fills_total", event.account)
        name = event.client_order_id or ""
        sent = self._sent.get(name)
        if sent is not None and sent[1]:
            worse = float(event.price / sent[1]) - 1.0
            self._slipped.put((worse if event.quantity > 0 else -worse) * 1e4)
        self._follow(name, state)

    def _order(self, event: OrderAccepted, state: State) -> None:
        self._follow(event.client_order_id, state)

    def _reject(self, event: OrderRejected, state: State) -> None:
        order = state.orders.get(event.client_order_id)
        if order is not None and not event.sent and order.state is OrderState.REJECTED:
            self._sent.pop(event.client_order_id, None)
            self._count("orders_total", order.submit.account, "unsent")
        self._follow(event.client_order_id, state)

    def _follow(self, name: str, state: State) -> None:
        """Note where an order stands after what was said of it."""
        order = state.orders.get(name)
        if order is None:
            return
        if order.state is OrderState.UNKNOWN:
            since = order.unknown_since
            self._unknown.setdefault(name, self._now() if since is None else since)
        elif name in self._unknown:
            self._proved.put(self._now() - self._unknown.pop(name))
        if not order.open and self._sent.pop(name, None) is not None:
            self._count("orders_total", order.submit.account, str(order.state))
