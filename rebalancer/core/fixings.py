"""Fixings: the mean index of a settlement that is being taken, as far as it was heard.

Options and dated futures end on the mean index of their last half hour. What of
it is over moves no more, wherever the index goes then: after a jump in the last
minutes an option is still worth what the half hour before the jump made it.

Each price counts for as long as it stood. What nobody here heard is known as
unheard: the time before a start within the window, a restart's, one in which a
feed was silent. There the price is taken to have gone from the last word straight
to the next: the straight line halves what either of the two would be off by. What
a venue's own mark of an option says of the mean goes before that guess.
"""

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass

from rebalancer.core.instruments import Instrument, Kind

AVERAGING = 30 * 60 * 1_000_000_000  # ns before expiry over which a settlement price is taken
STANDS = 60_000_000_000  # ns that a price may stand without another word: bars of a minute do
EARLY = 120_000_000_000  # ns before a window in which the last word is noted
LATE = 2 * 86_400_000_000_000  # ns after an expiry for which a delivery is waited for at most
NEVER = 1 << 63  # ns
SMALL = 90_000_000_000  # ns of a window that may be unheard: its prices hardly move the mean


@dataclass(slots=True)
class Fixing:
    """The index over one window so far; written by the functions below only."""

    since: int  # ns: when the window began
    ts: int  # ns: of the last price
    price: float  # then, USD per coin
    total: float  # USD per coin times ns of what was heard, up to `ts`
    unheard: int = 0  # ns of the window up to `ts` that nobody heard
    guess: float = 0.0  # what the mean of that is taken for, USD per coin
    until: int = 0  # ns: when the last of it ended
    restored: bool = False  # whether nothing was heard since a restart

    def mean(self, ts: int | None = None) -> float:
        """Return the mean up to a time (ns) until which the last price stood, USD per coin.

        Up to that price where none is given.
        """
        until = self.ts if ts is None else min(max(ts, self.ts), self.since + AVERAGING)
        span, stood = until - self.since, until - max(self.ts, self.since)
        if span <= 0:
            return self.price
        return (self.total + self.unheard * self.guess + max(stood, 0) * self.price) / span

    @property
    def known(self) -> bool:
        """Whether so much of it was heard that it is known without anybody else's word."""
        return self.unheard <= SMALL


@dataclass(frozen=True, slots=True)
class Ends:
    """Expiries that options of one underlying have."""

    count: int  # of instruments that were known when they were looked for
    since: int  # ns: no word of the index before counts into any of them
    expiries: tuple[int, ...]  # ns


def ends(known: Ends | None, coin: str, instruments: Mapping[str, Instrument], ts: int) -> Ends:
    """Return the expiries of whatever options may be held, looked for anew when there are more.

    Args:
        known: As it was found last.
        coin: The underlying.
        instruments: All that are known, by id.
        ts: ns; what is long over by then is left out.
    """
    if known is not None and known.count == len(instruments):
        return known
    found = [
        each.expiry
        for each in instruments.values()
        if each.kind is Kind.OPTION and each.underlying == coin and each.expiry is not None
    ]
    expiries = tuple(sorted(dict.fromkeys(e for e in found if e + LATE >= ts)))
    since = (expiries[0] if expiries else NEVER) - AVERAGING - EARLY
    return Ends(len(instruments), since, expiries)


def take(fixings: dict[int, Fixing], expiries: Iterable[int], ts: int, price: float) -> bool:
    """Note an index price for every settlement that is being averaged; False where none is.

    Args:
        fixings: By expiry, ns; is written.
        expiries: ns, of what may be held.
        ts: ns.
        price: USD per coin.
    """
    counts = False
    for expiry in expiries:
        if not expiry - AVERAGING - EARLY <= ts <= expiry + LATE:
            continue
        counts, now, known = True, min(ts, expiry), fixings.get(expiry)
        if known is None or known.ts - now > STANDS:  # a clock was set back: nothing holds
            for old in [each for each in fixings if each + LATE < ts]:
                del fixings[old]
            fixings[expiry] = _begun(expiry - AVERAGING, now, price)
        elif now >= known.ts:
            _go_on(known, now, price)
    return counts


def _begun(since: int, ts: int, price: float) -> Fixing:
    """Return what a first word tells: nothing of what was before."""
    return Fixing(since, ts, price, 0.0, max(ts - since, 0), price, ts)


def _go_on(known: Fixing, now: int, price: float) -> None:
    span, begins = now - known.ts, max(known.ts, known.since)
    counts = max(now - begins, 0)
    if counts and (known.restored or span > STANDS):
        share = (begins - known.ts) / span  # of the way that lies before the window
        middle = (known.price * (1 - share) + price * (1 + share)) / 2
        known.guess = (known.guess * known.unheard + middle * counts) / (known.unheard + counts)
        known.unheard, known.until = known.unheard + counts, now
    else:
        known.total += known.price * counts
    known.ts, known.price, known.restored = now, price, False


def settles(fixing: Fixing, ts: int, price: float) -> float:
    """Return what is settled on if the index stands at `price` from `ts` (ns) on, USD per coin."""
    end = fixing.since + AVERAGING
    ts = min(max(ts, fixing.ts), end)
    begins = max(fixing.ts, fixing.since)
    stood = max(ts - begins, 0) * fixing.price
    heard = fixing.total + fixing.unheard * fixing.guess + stood
    return (heard + (end - max(ts, fixing.since)) * price) / AVERAGING


def kept(fixings: Mapping[int, Fixing]) -> list[list[int | float]]:
    """Return fixings in JSON's types."""
    return [list(astuple(each)) for each in fixings.values()]


def restored(values: Iterable[Iterable[float]]) -> dict[int, Fixing]:
    """Return the fixings of which `values` were kept: what was meanwhile is not known.

    >>> restored(kept({AVERAGING: Fixing(0, 5, 9.0, 45.0)}))[AVERAGING].total
    45.0
    """
    found: dict[int, Fixing] = {}
    for since, ts, price, total, unheard, guess, until, *_ in values:
        told = Fixing(int(since), int(ts), price, total, int(unheard), guess, int(until), True)
        found[told.since + AVERAGING] = told
    return found
