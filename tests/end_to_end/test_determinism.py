"""The same book in the same market decides the same, at any pace, in any process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end import scripted_book as book

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def first():
    """Return the outcome of the book, as fast as it goes."""
    return book.run(book.table())


def told(outcome):
    """Return all that two runs must agree on, as text."""
    return json.dumps(outcome.told(), default=str)


def test_it_does_something(first):
    """The run hedges, is filled, settles, delivers and pays funding; no order stays open."""
    types = {entry.payload.get("type") for entry in first.journal.read("event")}

    assert {"Fill", "Settled", "Delivered", "FundingPaid", "OrderEnded", "Reconciled"} <= types
    assert first.running.engine.tally.orders >= 10
    assert [] == first.running.engine.state.open_orders()
    assert [] == first.running.status.status()["latches"]


def test_again(first):
    """A second run in the same process tells the same, to the last byte."""
    assert told(first) == told(book.run(book.table()))


def test_paced(first):
    """At fifty times the wall clock's pace nothing else happens than at full speed."""
    assert told(first) == told(book.run(book.table(), speed=50.0))


def test_processes(first):
    """Nor does it in other processes, however they hash."""
    ran = [
        subprocess.run(
            [sys.executable, "-W", "error", "-m", "tests.end_to_end.scripted_book", "0", "0.05"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("0", "1", "4294967295")
    ]

    assert [told(first)] * 3 == ran


def test_another_band(first):
    """Another band is another digest; the market does not depend on it."""
    assert first.digest != book.run(book.table(upper=0.06)).digest


def test_ledger_agrees_with_the_exchange(first):
    """Ledger and exchange model, which share no arithmetic, agree to the last unit."""
    assert [] == book.disagreements(first)
    assert 0 == first.running.exchanges[book.VENUE].imbalance("BTC")


@pytest.mark.parametrize("length", [1, 41, 119, 120, 121, 163])
def test_ledger_agrees_whenever_it_stops(length):
    """They agree wherever the run is cut, orders in flight or not."""
    outcome = book.run(book.table(), length=length)

    assert [] == book.disagreements(outcome)
    assert [] == outcome.running.engine.state.open_orders()
