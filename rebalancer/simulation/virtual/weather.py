"""Weather: which faults exist in a run and how often each strikes, drawn from its seed.

A swarm: in each run most faults do not exist, so that those which do meet one
another more often than if all always did. In some runs a plot is played: faults
that only together show something. What a run may assume of its venues
stands here too: an order is believed absent after ten seconds or a little more, so
a request is nowhere longer on its way than ARRIVES, and no list lags more than LAGS.
No account tells too little twice in a row and says nothing of it: an adoption
rests on two readings, and a look at the past goes behind the last one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from rebalancer.ports import SECOND
from rebalancer.simulation.virtual.dice import Dice

MILLISECOND = 1_000_000  # ns
ARRIVES = 1_500 * MILLISECOND  # ns: most that a request travels
LAGS = 8 * SECOND  # ns: most that a list is behind

# fault → its highest rate, of each occasion: a request, an event of a stream, a second, or a run
RATES: Mapping[str, float] = MappingProxyType(
    {
        # of orders
        "request_lost": 0.25,
        "answer_lost": 0.25,
        "error_before": 0.2,
        "error_after": 0.2,
        "limited": 0.2,
        "rejected": 0.2,
        "slow_answer": 0.3,
        "late_arrival": 0.3,
        "overfilled": 0.05,
        # of the account's stream
        "event_lost": 0.4,
        "event_twice": 0.3,
        "event_late": 0.4,
        # of what is asked
        "query_failed": 0.4,
        "query_behind": 0.5,
        "positions_failed": 0.3,
        "positions_behind": 0.3,
        "margin_failed": 0.3,
        "history_failed": 0.3,
        "history_behind": 0.5,
        "row_missing": 0.2,
        "time_failed": 0.3,
        # of the whole run
        "poor": 1.0,
        "tight": 1.0,
        # of the market, a second
        "feed_frozen": 0.03,
        "feed_late": 0.02,
        "feed_absurd": 0.03,
        "gap": 0.006,
        "crash_of_price": 0.006,
        "price_stands": 0.02,
        "funding_wild": 0.02,
        "stream_dead": 0.02,
        "maintenance": 0.01,
        "stream_again": 0.02,
        "stream_mute": 0.01,
        "key_barred": 0.004,
        # of the account, a second
        "traded_by_hand": 0.01,
        "traded_unlisted": 0.002,
        "deposit": 0.01,
        # of the process, a second
        "crash": 0.03,
        "disk_failed": 0.005,
        "disk_short": 0.006,
        "halt_crash": 0.5,
        "killed_before_write": 0.01,
        "killed_after_write": 0.01,
        "stopped": 0.01,
        "clock_wrong": 0.01,
        # of the operator, a second
        "paused": 0.01,
        "reduced": 0.005,
        "killed": 0.003,
        "reconciled": 0.02,
        # of cancellations; what came later is last, so that seeds keep what they drew before
        "cancel_late": 0.6,
        # of what a venue says of itself, of its contracts and of us, a second
        "held": 0.005,
        "contract_held": 0.005,
        "banned": 0.002,
        "contract_closed": 0.001,
        "leverage_set": 0.005,
        # of a write, and of what an operator sets, a second
        "slow_write": 0.02,
        "tuned": 0.01,
        "armed": 0.05,
        # of the market, the account and the operator, a second
        "slide": 0.003,
        "book_thin": 0.02,
        "withdrawn": 0.004,
        "killed_begun": 0.002,
        # of what is asked, and of the machine, a second
        "history_part": 0.3,
        "history_cut": 0.2,
        "clock_drifts": 0.02,
        # of what is asked
        "list_slow": 0.2,
    }
)
EXISTS = 0.3  # of runs: that a fault exists in it
# What shows something only where all of it comes together, at these rates.
PLOTS: Sequence[Mapping[str, float]] = (
    # a book that was killed begins again, and its margin asks for a cut, which must not leave
    {"killed_begun": 0.04, "withdrawn": 0.05},
    # what stands against us is liquidated while orders of ours are on their way
    {"slide": 0.02, "late_arrival": 0.8},
    # a disk fails again and again, also while a process begins
    {"disk_failed": 0.08, "crash": 0.08},
)
PLOTTED = 0.1  # of runs: that one of them is played, beside all else


@dataclass(frozen=True, slots=True)
class Weather:
    """What goes wrong in one run."""

    rates: Mapping[str, float]  # of the faults that exist

    def rate(self, fault: str) -> float:
        """Return how often a fault strikes; 0: it does not exist here."""
        return self.rates.get(fault, 0.0)

    def without(self, fault: str) -> "Weather":
        """Return the same without one fault."""
        return Weather({name: rate for name, rate in self.rates.items() if name != fault})


CALM = Weather(MappingProxyType({}))


def draw(seed: int) -> Weather:
    """Return the weather of a seed; its draws take nothing from any other stream."""
    dice, found = Dice(seed, "weather"), {}
    for name, most in RATES.items():
        exists, share = dice.chance(EXISTS), dice.share()
        if exists:
            found[name] = most * (0.1 + 0.9 * share)
    plot = Dice(seed, "plot")
    if plot.chance(PLOTTED):
        found |= plot.pick(PLOTS)
        found.pop("poor", None)  # there is something to take
    return Weather(found)
