"""A clock that stands where it is put, and a log that is read back."""

import io
import json

import pytest

from rebalancer.ops.log import configure

START = 1_767_597_738_500_000_000  # 2026-01-05 07:22:18.5 UTC


class StandingClock:
    """A clock for the parts of `ops`, which only ask for the time."""

    def __init__(self):
        self.ts = START

    def now(self):
        """Return ns since 1970."""
        return self.ts

    def monotonic(self):
        """Return ns that never jump."""
        return self.ts - START


@pytest.fixture
def clock():
    """Return a clock at 07:22:18.5."""
    return StandingClock()


class ReadLog:
    """A log in memory; `lines` are what it wrote."""

    def __init__(self, clock, **options):
        self.stream = io.StringIO()
        self.log = configure(self.stream, clock, **{"colour": False, "level": "debug", **options})

    @property
    def text(self):
        """Return all that was written."""
        return self.stream.getvalue()

    @property
    def lines(self):
        """Return each JSON line."""
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def read_log(clock):
    """Return a maker of logs that can be read back."""
    return lambda **options: ReadLog(clock, **options)
