"""Found cases: the least that once failed, of faults that are mended, and never fails again.

`rebalancer simulate --shrink SEED` prints an entry of the list.
"""

import tomllib
from pathlib import Path
from types import MappingProxyType

import pytest

from rebalancer.core.commands import Style
from rebalancer.simulation.virtual.run import run
from rebalancer.simulation.virtual.weather import RATES, Weather

CASES = tomllib.loads(Path(__file__).with_name("found.toml").read_text())["case"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['seed']}")
def test_found(case):
    """What failed once holds now."""
    executes = Style(case.get("style", "ioc"))
    weather = Weather(MappingProxyType(case["rates"]))
    outcome = run(case["seed"], weather, case["seconds"], executes)

    assert [] == [f"{each.invariant}: {each.text}" for each in outcome.violations]


def test_every_fault_is_one():
    """A case names only faults that exist: a name that is gone would make it prove nothing."""
    assert [] == [name for case in CASES for name in case["rates"] if name not in RATES]
