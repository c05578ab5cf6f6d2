"""What a book tells of itself leaves it once, is written once, and is counted once."""

import io
import json
from pathlib import Path

import pytest

from rebalancer.core.commands import Alert, Severity
from rebalancer.errors import ConfigError
from rebalancer.ops.log import configure
from rebalancer.ops.metrics.table import TABLE
from rebalancer.runtime.clock import MarketClock
from rebalancer.settings import load
from rebalancer.storage.memory import MemoryJournal
from rebalancer.wiring import Surrounding, outward
from rebalancer.wiring.measuring import measured
from rebalancer.wiring.outward import heard

PAPER = Path(__file__).parents[2] / "config" / "paper.toml"
HOOK = '[[alerts.channels]]\nkind = "webhook"\nloopback = "http://127.0.0.1:1/x"\n'


@pytest.fixture
def clock():
    """Return a clock that stands."""
    return MarketClock(0)


def settings(folder, more):
    """Return the desk on paper with a little more."""
    path = folder / "desk.toml"
    path.write_text(f"{PAPER.read_text()}\n{more}")
    return load(path)


@pytest.mark.parametrize("more", ["", HOOK], ids=["alone", "outward"])
def test_once(tmp_path, clock, more):
    """An alert and an error of the log are a line each, and leave where there is a channel."""
    book, stream = settings(tmp_path, more), io.StringIO()
    told = outward(book, configure(stream, clock, colour=False))
    around = Surrounding(clock, MemoryJournal(), told.written, None, "paper", outbox=told.outbox)
    around, meter = measured(book, around)
    around, alerts = heard(book.book.id, around)
    alerts.send(Alert(Severity.ERROR, "delta.unhedged", "BTC", "net delta 1.84"))
    around.log.error("clock.skewed", venue="deribit")
    told.log.error("daemon.failed")

    events = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    counts = {each.labels[0]: each.value for each in meter.measures() if len(each.labels) == 2}
    assert ["delta.unhedged", "clock.skewed", "daemon.failed"] == events
    assert [1, 1, 1] == [counts[each] for each in events]
    assert (None if not more else 3) == (told.outbox and told.outbox.waiting)


def test_measured(tmp_path, clock):
    """A book whose alerts leave is measured like any other: each of its metrics is in the table."""
    book = settings(tmp_path, HOOK)
    told = outward(book, configure(io.StringIO(), clock, colour=False))
    told.outbox.counts["webhook", "sent"] = 1
    around = Surrounding(clock, MemoryJournal(), told.written, None, "paper", outbox=told.outbox)
    _, meter = measured(book, around)

    found = {each.metric for each in meter.measures()}
    assert "alerts_sent_total" in found
    assert found <= set(TABLE)


def test_credential_missing(tmp_path, clock):
    """A channel whose credential is missing keeps the book from starting."""
    more = '[[alerts.channels]]\nkind = "telegram"\ncredentials = "canary-nowhere"\n'
    with pytest.raises(ConfigError, match=r"alerts\.channels\.0\.credentials"):
        outward(settings(tmp_path, more), configure(io.StringIO(), clock, colour=False))
