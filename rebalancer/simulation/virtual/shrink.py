"""Shrinking: from a failing seed to the least that still fails, told so that a person can read it.

Faults are taken away one by one as long as the same invariant falls, then the
time in which they strike is cut short. Each stream of chance is its own, so
what is left happens as it did before.
"""

from collections.abc import Callable
from dataclasses import dataclass

from rebalancer.errors import UsageError
from rebalancer.ports import SECOND
from rebalancer.simulation.virtual import book, weather
from rebalancer.simulation.virtual.run import Outcome, length, run
from rebalancer.simulation.virtual.weather import Weather


@dataclass(frozen=True, slots=True)
class Case:
    """The least that fails."""

    seed: int
    weather: Weather
    seconds: int  # in which faults strike
    invariant: str  # that falls
    outcome: Outcome

    def as_toml(self) -> str:
        """Return the case as an entry of the list of found ones."""
        rates = ", ".join(f"{name} = {rate!r}" for name, rate in self.weather.rates.items())
        first = next(each for each in self.outcome.violations if each.invariant == self.invariant)
        return "\n".join(
            (
                "[[case]]",
                f"seed = {self.seed}",
                f"seconds = {self.seconds}",
                f'style = "{book.style(self.seed)}"',
                f"rates = {{ {rates} }}",
                f'was = "{self.invariant}: {first.text}"',
            )
        )

    def story(self) -> list[str]:
        """Return what happened, a line each, up to the first violation and a little further."""
        first = next(each for each in self.outcome.violations if each.invariant == self.invariant)
        told = [each for each in self.outcome.story if each[0] <= first.ts + SECOND]
        lines = [f"{(ts - book.START) / SECOND:10.3f} s  {text}" for ts, text in told]
        return [
            *lines,
            f"{(first.ts - book.START) / SECOND:10.3f} s  {first.invariant}: {first.text}",
        ]


def shrink(seed: int, told: Callable[[str], None] = lambda _: None) -> Case:
    """Return the least that fails of a failing seed.

    Args:
        seed: That fails.
        told: Hears of each step.

    Raises:
        UsageError: It does not fail.
    """
    least, seconds = weather.draw(seed), length(seed)
    outcome = run(seed, least, seconds)
    if not outcome.violations:
        raise UsageError(f"--shrink: must be a seed that fails, {seed} does not")
    invariant = outcome.violations[0].invariant

    def fails(drawn: Weather, lasts: int) -> Outcome | None:
        found = run(seed, drawn, lasts)
        return found if any(each.invariant == invariant for each in found.violations) else None

    for name in list(least.rates):
        found = fails(least.without(name), seconds)
        if found is not None:
            least, outcome = least.without(name), found
            told(f"without {name} it still fails")
    low, high = 0, seconds
    while low < high:
        middle = (low + high) // 2
        found = fails(least, middle)
        if found is None:
            low = middle + 1
        else:
            high, outcome = middle, found
    told(f"{high} of {seconds} seconds are enough")
    return Case(seed, least, high, invariant, outcome)
