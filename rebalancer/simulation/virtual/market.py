"""The market of a simulated run: one coin, its index, marks, books and two options, each second.

The exchanges are told the truth. What the daemon is told can be late, frozen
or absurd; what it is told otherwise is what the exchanges were.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from rebalancer.core.events import FundingRate, Index, Mark, MarketEvent, OptionMark, Quote
from rebalancer.core.instruments import Instrument
from rebalancer.exchange import black, fixing
from rebalancer.ports import SECOND
from rebalancer.simulation.virtual.book import (
    CALL,
    COIN,
    INVERSE,
    LINEAR,
    PRICE,
    PUT,
    VOL,
    instruments,
)
from rebalancer.simulation.virtual.dice import Dice
from rebalancer.venues.paper import Delivery, Depth, FundingStamp, MarketItem, SessionEnd

YEAR = 365 * 86_400 * SECOND
DAILY = 0.5  # volatility per year of the coin, many times as wild within a run
WILD = 10.0  # times that
HALF_SPREAD = 0.00005
THIN = 500  # times less than usual in a thin book
MARKS = 4  # times that perpetuals are told until they are marked again: each every four seconds
OPTIONS = 8  # times that a perpetual is told until options are again
SETTLEMENT = 1_769_760_000 * SECOND  # ns: 08:00 UTC of the day
EXPIRY = SETTLEMENT + 7 * 86_400 * SECOND  # ns: of the options
INSIDE = 107_000.0  # USD: where the call is worth something at its end
FUNDING = 0.0001  # fraction per eight hours
ALIKE = 0.2  # of the logarithms of two vols, within which the one might confirm the other
HOURS = 8 * 3_600 * SECOND


class Market:
    """The price of one coin and all that follows from it.

    Args:
        dice: Of the price.
        start: ns.
        settled: Tells what an option would be delivered at as far as it is known, USD.
    """

    def __init__(
        self, dice: Dice, start: int, settled: Callable[[str], Decimal | None] = lambda _: None
    ) -> None:
        ends = 0 <= EXPIRY - start < HOURS
        self.price = INSIDE if ends and dice.chance(0.5) else PRICE
        self.funding = FUNDING  # fraction per eight hours
        self.dear: dict[int, None] = {}  # to which side funding was ever wild: 1: longs paid
        self.stands = 0  # ns until when the price does not move
        self._dice, self._last, self._settled = dice, start, settled
        self._told = 0  # how often it was told
        self._thin = 0  # ns until when little stands in the books
        self._false = 0.0  # vol of the last word of one that was not true; 0: there was none

    def move(self, ts: int) -> None:
        """Let the price go on until `ts`, ns."""
        span, self._last = max(ts - self._last, 0), ts
        if ts >= self.stands:
            step = DAILY * WILD * math.sqrt(span / YEAR) * self._dice.normal()
            self._set(self.price * math.exp(step))

    def leap(self, fraction: float) -> None:
        """Let the price leave a gap behind."""
        self._set(self.price * (1 + fraction))

    def fund(self, rate: float) -> None:
        """Let funding cost a fraction per eight hours that no book bears for long."""
        self.funding = rate
        self.dear[1 if rate > 0 else -1] = None

    def rest(self, ts: int) -> None:
        """Let nothing move any more from `ts` (ns) on."""
        self.stands, self.funding, self._thin = ts + YEAR, FUNDING, 0

    def thin(self, until: int) -> None:
        """Let little stand in the books until then, ns."""
        self._thin = until

    def _shares(self, ts: int) -> int:
        return THIN if ts < self._thin else 1

    def _set(self, price: float) -> None:
        self.price = min(max(price, PRICE / 3), PRICE * 3)

    def told(self, ts: int) -> Iterable[MarketItem]:
        """Yield what the exchanges show at `ts`, ns: one, then the other, options now and then.

        Books come before what is marked by them.
        """
        listed, first = instruments(), not self._told
        turn, self._told = self._told, self._told + 1
        for name in (INVERSE, LINEAR) if first else ((INVERSE, LINEAR)[turn % 2],):
            bid, ask = self._sides(listed[name])
            size = (Decimal(400_000) if name == INVERSE else Decimal(20)) / self._shares(ts)
            deep = (
                tuple((price, size) for price in (bid,)),
                tuple((price, size) for price in (ask,)),
            )
            yield Depth(name, *deep)
            price = Decimal(str(round(self.price, 1)))
            yield Index(ts, ts, listed[name].venue, COIN, price)
            if first or turn % MARKS in (0, 1):
                yield Mark(ts, ts, name, price)
            yield Quote(ts, ts, name, bid, size, ask, size)
        for name in (CALL, PUT) if not turn % OPTIONS and ts < EXPIRY else ():
            yield self._option(ts, listed[name])

    def _sides(self, instrument: Instrument) -> tuple[Decimal, Decimal]:
        tick = instrument.tick
        low = Decimal(str(self.price * (1 - HALF_SPREAD))) // tick * tick
        high = -(-Decimal(str(self.price * (1 + HALF_SPREAD))) // tick) * tick
        return low, max(high, low + tick)

    def _option(self, ts: int, option: Instrument) -> OptionMark:
        """Return an option's mark; while its settlement is averaged, of what that will be."""
        assert option.expiry is not None
        assert option.strike is not None
        share, known = fixing.open_share(option.expiry, ts), self._settled(option.id)
        fixed = self.price if known is None else float(known)
        forward = share * self.price + (1 - share) * fixed
        deviation = VOL * math.sqrt((option.expiry - ts) / YEAR)
        if share < 1:  # the rest of a mean has a third of the variance of its end
            deviation *= share / math.sqrt(3)
        value = black.price(forward, float(option.strike), deviation, option.sign)
        price = Decimal(str(round(value / forward, 4)))
        return OptionMark(ts, ts, option.id, price, VOL, forward)

    def due(self, before: int, ts: int) -> Iterable[MarketItem]:
        """Yield what falls between two moments (ns): funding, the end of a session, of options."""
        for moment in (SETTLEMENT, EXPIRY):
            if before < moment <= ts:
                yield FundingStamp(LINEAR, self.funding)
                yield SessionEnd(INVERSE, Decimal(str(round(self.price, 1))))
        if before < EXPIRY <= ts:
            yield Delivery(CALL)
            yield Delivery(PUT)

    def rates(self, ts: int) -> Iterable[FundingRate]:
        """Yield the funding of both perpetuals."""
        stamp = SETTLEMENT if ts < SETTLEMENT else EXPIRY
        yield FundingRate(ts, ts, LINEAR, self.funding, HOURS, stamp)
        yield FundingRate(ts, ts, INVERSE, self.funding / 2, HOURS, ts + HOURS)

    def absurd(self, ts: int) -> MarketEvent:
        """Return one word that cannot be true, or is not."""
        price = Decimal(str(round(self.price * 1.3, 1)))
        vol = 1.5 + 7 * self._dice.share()
        if self._false and abs(math.log(vol / self._false)) < ALIKE:  # false words come alone
            vol = self._false * (1.3 if self._false < 5 else 1 / 1.3)
        tick, size = Decimal("0.5"), Decimal(1)
        words: Sequence[MarketEvent] = (
            Index(ts, ts, "deribit", COIN, price),
            Index(ts, ts, "binanceusdm", COIN, price),
            Mark(ts, ts, INVERSE, Decimal("NaN")),
            Mark(ts, ts, INVERSE, price),
            Quote(ts, ts, INVERSE, price, size, price - tick, size),
            OptionMark(ts, ts, CALL, Decimal("0.01"), vol, self.price),
        )
        word = self._dice.pick(words)
        if isinstance(word, OptionMark):
            self._false = vol
        return word
