"""Health: whether a book lives, and whether it is ready to hedge; each no with its reason.

A reason is a word, then what was measured and its limit, for a machine to read:
`input_stale subject=deribit:BTC age_seconds=7.1 limit_seconds=5`. To live asks for
nothing outside this process: a venue that is down must not have the book restarted.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from rebalancer.core.guards.trading_state import TradingState
from rebalancer.ports import Condition, StatusSource

TURNS = 5.0  # s within which the engine must have taken a tick of the clock
READY = (TradingState.ACTIVE, TradingState.STANDBY)
TOLD = 8  # inputs that are named one by one; how many more there are is a number


@dataclass(frozen=True, slots=True)
class Health:
    """Whether all is well, and every reason why not."""

    ok: bool
    reasons: tuple[str, ...] = ()


def livez(source: StatusSource) -> Health:
    """Return whether the engine still turns."""
    return _health(_stands(source.health()))


def readyz(source: StatusSource) -> Health:
    """Return whether the book hedges: it turns, is reconciled, sees, and may send."""
    return _health(_unready(source.health()))


def _health(found: Iterator[str]) -> Health:
    reasons = tuple(found)
    return Health(not reasons, reasons)


def _stands(told: Condition) -> Iterator[str]:
    if told.turned is None:
        yield "engine_unwatched"
    elif told.turned > TURNS:
        yield f"engine_stopped age_seconds={told.turned:.1f} limit_seconds={TURNS:g}"


def _unready(told: Condition) -> Iterator[str]:
    yield from _stands(told)
    if told.state not in READY:
        yield f"state_not_ready state={told.state} must={'|'.join(READY)}"
    for name, seconds in told.awaited:
        yield f"venue_unreached venue={name} age_seconds={seconds:.1f}"
    if told.reconciled is None:
        yield "never_reconciled"
    if not told.open:
        yield "journal_closed"
    for name, seconds in told.lost:
        yield f"stream_lost account={name} age_seconds={seconds:.1f}"
    stale = [each for each in told.inputs if each.seconds is None or each.seconds > each.limit]
    for each in stale[:TOLD]:
        limit = f"limit_seconds={each.limit:g}"
        if each.seconds is None:
            yield f"input_missing subject={each.subject} {limit}"
        else:
            yield f"input_stale subject={each.subject} age_seconds={each.seconds:.1f} {limit}"
    if len(stale) > TOLD:
        yield f"more_inputs count={len(stale) - TOLD}"
