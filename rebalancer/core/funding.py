"""Funding: what a perpetual costs to hold, how sure that is, and when another costs less.

Venues charge a fraction of notional per interval of their own; here it is a
fraction per day, + where longs pay. A rate is believed to fall back from where
it is to its slow mean, and to stray about it as far as it did before. A hedge
moves to another instrument only where that is expected to save well more than
the move costs: most spikes of funding are over before they have paid for it.

Half-lives, horizon and penalty are near the best of the first halves of three
recorded stretches, whose second halves were only looked at:
`research/carry_tuning.py` ranks them again.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

HOUR = 3_600_000_000_000  # ns
DAY = 24 * HOUR
ABSURD = 0.04  # fraction of notional per interval: no venue charges more
STRAYS = 0.0005**2  # variance of a rate that is not known yet, (fraction per day)²


@dataclass(frozen=True, slots=True)
class Terms:
    """How the rate of a perpetual is believed to move, and what its venue lets it be."""

    forgets: int = 14 * DAY  # ns after which a rate counts half in the slow mean
    reverts: int = 8 * HOUR  # ns after which half of the distance to that mean is left
    floor: float | None = None  # fraction per interval; None: none known
    cap: float | None = None


@dataclass(slots=True)
class Track:
    """What is remembered of one perpetual's rate; written by `note` only."""

    terms: Terms = Terms()
    ts: int | None = None  # ns of the latest rate; None: nothing was told
    rate: float = 0.0  # latest, fraction per day, +: longs pay
    mean: float = 0.0  # slow mean, fraction per day
    variance: float = STRAYS  # of the rate about its slow mean, (fraction per day)²
    weight: float = 0.0  # how much of a whole memory the mean rests on, 0 … 1


@dataclass(frozen=True, slots=True)
class Expected:
    """What a long is expected to pay over a horizon; a short is paid it."""

    mean: float  # fraction of notional over the horizon
    deviation: float  # standard deviation of it, >= 0
    horizon: int  # ns


def per_day(rate: float, interval: int) -> float:
    """Return a rate per `interval` (ns, > 0) as a rate per day.

    >>> round(per_day(0.0001, 8 * HOUR), 9)
    0.0003
    """
    return rate * (DAY / interval)


def possible(rate: float, interval: int) -> bool:
    """Whether a rate per interval (ns) can be one at all."""
    return interval > 0 and math.isfinite(rate) and abs(rate) <= ABSURD


def note(track: Track, ts: int, rate: float, interval: int) -> bool:
    """Remember a rate; return False, and change nothing, where it cannot be true.

    Args:
        track: What is remembered of its perpetual.
        ts: When it held, ns; one from before the latest is refused.
        rate: Fraction of notional per interval, +: longs pay. Beyond the
            venue's cap or floor it counts as these: they are what is charged.
        interval: What it is charged for, ns.
    """
    if not possible(rate, interval):
        return False
    if track.ts is not None and ts < track.ts:
        return False
    terms = track.terms
    rate = rate if terms.cap is None else min(rate, terms.cap)
    rate = rate if terms.floor is None else max(rate, terms.floor)
    daily = per_day(rate, interval)
    # It stands for the time since the one before, but not for a silence.
    since = interval if track.ts is None else ts - track.ts
    fading = math.log(2) / terms.forgets  # per ns
    fresh = -math.expm1(-fading * min(since, interval))
    before = math.exp(-fading * since) * track.weight
    if track.ts is not None:
        away = (daily - track.mean) ** 2
        track.variance += (away - track.variance) * fresh
    track.mean = (before * track.mean + fresh * daily) / (before + fresh)
    track.ts, track.rate, track.weight = ts, daily, before + fresh
    return True


def expected(track: Track, horizon: int) -> Expected | None:
    """Return what a long pays over a horizon (ns, > 0); None when nothing was told.

    With m the slow mean, f the latest rate and k the speed of reversion the mean is
    m·H + (f − m)·(1 − e^{−kH})/k: a first-order reversion. Its variance is that of the
    integral of such a process, and that of m, which is only an average of the past.

    >>> day = Terms(reverts=round(2 * DAY * math.log(2)))  # k is 1 in two days
    >>> round(expected(Track(day, 0, 0.40 / 365, 0.08 / 365), 7 * DAY).mean, 8)
    0.00323472
    """
    if track.ts is None:
        return None
    days, speed, passing = _reversion(track.terms.reverts, horizon)
    lasting = days - passing  # days for which the mean does
    mean = track.mean * days + (track.rate - track.mean) * passing
    twice = -math.expm1(-2 * speed * days) / (2 * speed)
    around = 2.0 / speed * (days - 2 * passing + twice)  # days²
    forgetting = math.log(2) * DAY / track.terms.forgets  # per day
    least = forgetting / (forgetting + speed)  # share of the variance in a whole memory's mean
    share = least / max(track.weight, least)  # the shorter the memory, the more; at most all
    variance = track.variance * (max(around, 0.0) + share * lasting**2)
    return Expected(mean, math.sqrt(variance), horizon)


def daily(track: Track, horizon: int) -> float | None:
    """Return what `expected` expects, fraction per day, and not how surely."""
    if track.ts is None:
        return None
    days, _, passing = _reversion(track.terms.reverts, horizon)
    return track.mean + (track.rate - track.mean) * passing / days


@lru_cache(maxsize=64)
def _reversion(reverts: int, horizon: int) -> tuple[float, float, float]:
    """Return (days of a horizon, speed of reversion per day, days that the distance counts)."""
    days, speed = horizon / DAY, math.log(2) * DAY / reverts
    return days, speed, -math.expm1(-speed * days) / speed


def dated(forward: float, spot: float, remaining: int, horizon: int) -> Expected | None:
    """Return what a long of a dated future pays over a horizon: its basis melts away.

    Args:
        forward: Price of the future, USD per coin, > 0.
        spot: Index, USD per coin, > 0.
        remaining: To its expiry, ns.
        horizon: ns, > 0.

    Returns:
        The part of the basis that falls into the horizon, without deviation;
        None where it expires before: what follows nobody knows.
    """
    if remaining < horizon:
        return None
    return Expected((forward / spot - 1.0) * (horizon / remaining), 0.0, horizon)


# --- the choice ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rule:
    """When a move is worth its cost."""

    horizon: int = 60 * DAY  # ns over which it has to pay
    factor: float = 2.0  # times its cost that it has to save, >= 1
    penalty: float = 0.5  # standard deviations that are taken off what it saves, >= 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """An instrument that could carry the hedge."""

    instrument: str
    expected: Expected | None  # over the rule's horizon; None: unknown, so never moved to
    cost: float  # to enter or to leave it, fraction of notional: fee + half the spread


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the hedge stands now."""

    instrument: str | None = None  # None: nowhere yet
    interval: int = 8 * HOUR  # ns: its own, within which it moves at most once
    flipped: int | None = None  # ns of the last move; None: never


@dataclass(frozen=True, slots=True)
class Choice:
    """Which instrument shall carry the hedge, and what the best move looked like."""

    instrument: str | None  # None: nothing is known of any
    gain: float | None = None  # expected over the horizon, fraction of notional; None: no move
    cost: float | None = None  # of leaving the one and entering the other, alike
    uncertainty: float | None = None  # standard deviation of the gain


def choose(
    side: int, standing: Standing, candidates: Sequence[Candidate], now: int, rule: Rule
) -> Choice:
    """Return where the hedge shall stand, which mostly is where it stands.

    It moves where gain − penalty · uncertainty > factor · cost, to where most
    is left of it, and at most once in an interval. Where nothing is known of
    the present one, there is nothing to gain. Rates count as independent: those
    of two venues rise together, so the uncertainty is rather too large.

    Args:
        side: Of the hedge: +1 is long, −1 is short.
        standing: Where it stands now.
        candidates: What may carry it, the present one among them; the first of equals wins.
        now: ns.
        rule: What a move has to bring.
    """
    known = [(each, told) for each in candidates if (told := each.expected) is not None]
    if standing.instrument is None:
        entered = [(_entered(side, each, told, rule), each.instrument) for each, told in known]
        return Choice(max(entered, key=lambda each: each[0])[1] if entered else None)
    stays = Choice(standing.instrument)
    present = next((pair for pair in known if pair[0].instrument == standing.instrument), None)
    if present is None:
        return stays
    moves = [_move(side, present, other) for other in known if other is not present]
    if not moves:
        return stays
    best = max(moves, key=lambda each: _surplus(each, rule))
    resting = standing.flipped is not None and now - standing.flipped < standing.interval
    if not resting and _surplus(best, rule) > 0:
        return best
    return replace(best, instrument=standing.instrument)


def _entered(side: int, candidate: Candidate, told: Expected, rule: Rule) -> float:
    """Return what is left of entering a candidate from nowhere."""
    return -side * told.mean - rule.penalty * told.deviation - candidate.cost


def _move(
    side: int, present: tuple[Candidate, Expected], other: tuple[Candidate, Expected]
) -> Choice:
    (here, pays), (there, would) = present, other
    gain = side * (pays.mean - would.mean)
    apart = math.hypot(pays.deviation, would.deviation)
    return Choice(there.instrument, gain, here.cost + there.cost, apart)


def _surplus(move: Choice, rule: Rule) -> float:
    gain, cost, apart = move.gain or 0.0, move.cost or 0.0, move.uncertainty or 0.0
    return gain - rule.penalty * apart - rule.factor * cost
