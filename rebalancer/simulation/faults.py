"""The fault script: what goes wrong, where, when and how often. What it did it writes down.

A plan strikes what its pattern names: a method (`private/buy`), a channel
(`ticker.BTC-PERPETUAL.raw`), or the opening of a websocket (`connect`, or
`connect/HOST` where one host of a venue refuses alone). Of
what matches, it leaves `first - 1` alone, strikes at most `times`, each by
`chance`; with `lasts` it also ends so long after it first struck.
"""

from collections.abc import Container
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fnmatch import fnmatchcase

import numpy as np

from rebalancer.ports import SECOND, Clock


class Kind(StrEnum):
    """What can go wrong."""

    # before a request is taken: it has no effect
    DROP_BEFORE = "drop_before"  # the connection is cut
    ERROR_BEFORE = "error_before"  # HTTP 5xx
    LIMIT = "limit"  # HTTP 429, too_many_requests
    CODE = "code"  # the venue refuses with an error code of its own
    LATE = "late"  # it is taken so many seconds later
    # after it was taken: its effect is in the books
    DROP_AFTER = "drop_after"
    ERROR_AFTER = "error_after"
    TRUNCATE = "truncate"  # half an answer, then the connection is cut
    HTML = "html"  # HTTP 200, and a page for people
    SLOW = "slow"  # answered so many seconds later
    # what queries see
    LAG = "lag"  # the state of so many seconds ago
    # what streams carry
    LOSE = "lose"
    DUPLICATE = "duplicate"
    REORDER = "reorder"  # it comes after the next message of its connection
    STALL = "stall"  # the channel says nothing, heartbeats go on
    FREEZE = "freeze"  # the channel keeps saying the same, heartbeats go on
    CLOSE = "close"  # the server closes the connection in order
    CUT = "cut"  # the connection is lost
    GARBAGE = "garbage"  # a frame that is no JSON comes first
    REPLAY = "replay"  # a new subscription hears old events of its account again
    # what connections do
    REFUSE = "refuse"  # no websocket: HTTP 503
    HALF_OPEN = "half_open"  # takes everything, never answers, no pong
    # what others do with the account
    FOREIGN = "foreign"  # an order that is not ours comes to rest
    MANUAL = "manual"  # somebody trades by hand
    # what the venue itself does
    MAINTENANCE = "maintenance"  # for so many seconds it answers nothing private, takes no order
    SETTLEMENT = "settlement"  # for so many seconds it takes no order, and is not locked
    CLOSING = "closing"  # a book is closed for good; who holds it still does
    DELISTING = "delisting"  # nobody knows the instrument any more


BEFORE = (Kind.DROP_BEFORE, Kind.ERROR_BEFORE, Kind.LIMIT, Kind.CODE, Kind.LATE)
AFTER = (Kind.DROP_AFTER, Kind.ERROR_AFTER, Kind.TRUNCATE, Kind.HTML, Kind.SLOW)
STREAM = (
    *(Kind.LOSE, Kind.DUPLICATE, Kind.REORDER, Kind.STALL, Kind.FREEZE),
    *(Kind.CLOSE, Kind.CUT, Kind.GARBAGE),
)
DEEDS = (Kind.FOREIGN, Kind.MANUAL)
VENUE = (Kind.MAINTENANCE, Kind.SETTLEMENT, Kind.CLOSING, Kind.DELISTING)


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody else does with the account."""

    account: str
    instrument: str  # id
    quantity: Decimal  # contracts, signed
    price: Decimal | None = None  # None: at the market
    label: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """One fault that shall happen."""

    kind: Kind
    where: str = "*"  # method, channel or `connect`; * and ? stand for anything
    first: int = 1  # which of what matches is the first that it may strike
    times: int | None = 1  # None: without end
    chance: float = 1.0  # of each
    seconds: float = 1.0  # of delay, lag or maintenance
    lasts: float | None = None  # seconds from its first strike on
    over: str = "*"  # rest or ws
    code: int | None = None  # HTTP status, or the venue's code
    deed: Deed | None = None
    instrument: str = ""  # id, of what is closed or delisted
    then: tuple["Plan", ...] = ()  # what may happen too from its first strike on


@dataclass(frozen=True, slots=True)
class Struck:
    """One fault that happened."""

    ts: int  # ns
    plan: Plan
    where: str


@dataclass(slots=True)
class _Progress:
    """How far a plan has come."""

    seen: int = 0
    struck: int = 0
    since: int | None = None  # ns


class Script:
    """The plans of one run, and what became of them.

    Args:
        clock: Time of the strikes.
        generator: Chance; needed where a plan has one.
    """

    def __init__(self, clock: Clock, generator: np.random.Generator | None = None) -> None:
        self.done: list[Struck] = []
        self.sent = 0  # websocket messages that left, spoilt or not
        self._clock, self._generator = clock, generator
        self._plans: list[tuple[Plan, _Progress]] = []

    def add(self, *plans: Plan) -> None:
        """Let these happen too; of two that could strike at once the earlier does."""
        self._plans.extend((plan, _Progress()) for plan in plans)

    def clear(self) -> None:
        """Let nothing go wrong any more; what was done stays written down."""
        self._plans.clear()

    def struck(self, kind: Kind) -> list[Struck]:
        """Return what happened of one kind."""
        return [each for each in self.done if each.plan.kind is kind]

    def missed(self) -> list[Plan]:
        """Return the plans that were certain to happen and never did."""
        return [
            plan for plan, progress in self._plans if plan.chance == 1.0 and not progress.struck
        ]

    def strike(self, kinds: Container[Kind], where: str, over: str = "ws") -> Plan | None:
        """Return the plan that strikes here and now, None when all goes well."""
        for plan, progress in self._plans:
            if plan.kind not in kinds or not fnmatchcase(where, plan.where):
                continue
            if not fnmatchcase(over, plan.over) or not self._due(plan, progress):
                continue
            progress.struck += 1
            if progress.struck == 1:
                self.add(*plan.then)
            self.done.append(Struck(self._clock.now(), plan, where))
            return plan
        return None

    def _due(self, plan: Plan, progress: _Progress) -> bool:
        progress.seen += 1
        now = self._clock.now()
        if progress.since is not None and plan.lasts is not None:
            return now < progress.since + int(plan.lasts * SECOND)
        if progress.seen < plan.first:
            return False
        if plan.times is not None and progress.struck >= plan.times:
            return False
        if plan.chance < 1.0 and not self._drawn(plan.chance):
            return False
        progress.since = now if progress.since is None else progress.since
        return True

    def _drawn(self, chance: float) -> bool:
        if self._generator is None:
            raise ValueError("a plan with a chance must have a generator, had none")
        return float(self._generator.random()) < chance
