"""What every test may ask for: the recorded markets, and a fixed amount of search."""

import gc
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]

# The default finds the same on every machine; `thorough` looks for what it missed.
# too_slow measures the machine, not the code.
settings.register_profile(
    "default",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "thorough",
    max_examples=5_000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


# Whose coverage counts: tests of the floors that have a floor of branches. Measuring the
# daemons and processes of the others too would take as long again and count nothing.
MEASURED = ("core", "exchange", "golden", "properties", "scenarios")


def pytest_collection_modifyitems(items):
    """Mark what is measured, which is run apart from the rest; let what waits begin."""
    for item in items:
        top, folder, *_ = (*item.path.relative_to(ROOT).parts, "")
        counts = top == "tests" and folder in MEASURED
        if counts and item.get_closest_marker("campaign") is None:
            item.add_marker(pytest.mark.measured)
    items.sort(key=waits, reverse=True)


def waits(item):
    """Return how long a test waits, s: what waits longest begins first, and ends beside others."""
    mark = item.get_closest_marker("waits")
    return 0 if mark is None else mark.args[0]


def pytest_collection_finish():
    """Spare the collector what stays: tests that call it do not go through all others."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def recordings():
    """Return the folder of recorded markets; skip where this machine has none."""
    folder = Path(os.environ.get("REBALANCER_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("recordings absent")
    return folder
