"""Studies of the smile: moves, coefficients that are found again, and a gate that shuts."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rebalancer.core.smile import Terms
from rebalancer.errors import DataError, UsageError
from rebalancer.exchange import black
from rebalancer.research import smile_chains, smile_fits, smile_moves, smiles
from rebalancer.research.smile_chains import Chain
from rebalancer.research.smile_moves import HOUR, Moves

DAY = 24 * HOUR
TRUE = (-0.2, 0.3, -0.1)


def moves(days=60, coefficients=TRUE, noise=0.0001, seed=1):
    """Return moves whose vols follow coefficients, twenty options six hours apart."""
    draw = np.random.Generator(np.random.PCG64(seed))
    steps, each = 4 * days, 20
    moved = np.repeat(draw.normal(0, 0.02, steps), each)
    delta = np.tile(np.linspace(0.05, 0.95, each), steps)
    years, dense = np.full(len(delta), 30 / 365), 0.39 * np.exp(-8 * (delta - 0.5) ** 2)
    a, b, c = coefficients
    turn = (a + b * delta + c * delta**2) / np.sqrt(years)
    vega = dense * np.sqrt(years)
    error = vega * turn * moved + np.repeat(draw.normal(0, noise, steps), each)
    sign = np.where(delta < 0.5, 1.0, -1.0)
    ts = np.repeat(np.arange(steps) * 6 * HOUR, each)
    return Moves(ts, years * 365, delta, sign, error, moved, vega, turn * 0 - 0.5)


def test_found():
    """Coefficients that made the moves are found again, and hardly shrunk."""
    told = smile_fits.fit(moves())

    assert TRUE == pytest.approx(told.coefficients, abs=0.03)
    assert told.kept > 0.95
    assert 60 == told.days


def test_removed():
    """What the coefficients say is what the error loses."""
    told = moves(noise=0.0)

    assert np.abs(smile_fits.adjusted(told, Terms(1.0, coefficients=TRUE))).max() < 1e-12
    assert (told.error == smile_fits.adjusted(told, Terms(1.0))).all()


def test_gate_opens():
    """Vols that keep following the price open the gate."""
    told = smile_fits.gate(moves())

    assert told.open
    assert 0 < told.low < told.gain < told.high <= 1
    assert 60 - smile_fits.FIRST == told.days


@pytest.mark.parametrize(
    "told",
    [
        moves(coefficients=(0, 0, 0)),  # there is nothing to follow
        moves(days=10),  # nothing was judged
    ],
)
def test_gate_shut(told):
    """Where the past told nothing of what came, sticky strike remains."""
    assert not smile_fits.gate(told).open


def test_gate_turns():
    """Vols that turn the other way half way through shut the gate, however well both halves fit."""
    first, second = moves(), moves(coefficients=(0.2, -0.3, 0.1), seed=2)
    second = replace(second, ts=second.ts + 60 * DAY)
    names = Moves.__slots__
    told = Moves(*(np.concatenate((getattr(first, n), getattr(second, n))) for n in names))

    assert smile_fits.fit(first).kept > 0.9
    assert not smile_fits.gate(told, window=60).open


def test_past_only():
    """What a day is hedged by rests on nothing of that day or later."""
    told = moves()
    later = replace(told, error=np.where(told.ts >= 40 * DAY, -told.error, told.error))
    day = smile_fits.days(told)
    one, other = smile_fits.forward_walk(told), smile_fits.forward_walk(later)

    assert np.array_equal(one[day < 40], other[day < 40], equal_nan=True)
    at_40 = told.picked(day == 40)
    added = at_40.error - one[day == 40]  # what the coefficients of the days before took away
    assert added == pytest.approx(-at_40.error - other[day == 40])


def chain(ts, forward, vol=0.6, strikes=(80.0, 90.0, 100.0, 110.0, 120.0), bid=True):
    """Return a snapshot of one expiry of 30 days."""
    count = len(strikes)
    strike, expiry = np.array(strikes), np.full(count, 30 * DAY)
    sign = np.where(strike < 100.5, -1.0, 1.0)
    root = np.sqrt((expiry - ts) / (365 * DAY))
    worth = [
        black.price(forward, k, vol * r, int(s)) / forward
        for k, r, s in zip(strikes, root, sign, strict=True)
    ]
    mark = np.array(worth)
    sides = mark * 0.98 if bid else np.full(count, np.nan), mark * 1.02
    names = np.array([f"X-{k}" for k in strikes])
    known = np.full(count, vol), np.full(count, forward)
    return Chain(ts, names, expiry, strike, sign, *sides, mark, *known)


def test_moves():
    """An option's error is its worth less its delta times the forward's move."""
    told, _ = smile_moves.of_chains([chain(0, 100.0), chain(6 * HOUR, 101.0)])
    years = 30 / 365
    root, later = 0.6 * years**0.5, 0.6 * ((30 - 0.25) / 365) ** 0.5
    gained = black.price(101.0, 110.0, later, 1) - black.price(100.0, 110.0, root, 1)
    row = int(np.flatnonzero(told.sign > 0)[0])

    assert 0.01 == pytest.approx(told.moved[row])
    assert (gained - black.delta(100.0, 110.0, root, 1)) / 100 == pytest.approx(told.error[row])


def test_a_hole():
    """Snapshots with a hole of the recording between them are not compared."""
    with pytest.raises(DataError, match="within 14 h"):
        smile_moves.of_chains([chain(0, 100.0), chain(15 * HOUR, 101.0)])


def test_listed_no_more():
    """An option that the next snapshot does not list has no move."""
    later = chain(6 * HOUR, 101.0, strikes=(70.0, 110.0))
    told, _ = smile_moves.of_chains([chain(0, 100.0), later])

    assert 1 == len(told)


def test_unquoted():
    """A mark without a bid is a guess, and has no move."""
    first = chain(0, 100.0, bid=False)
    told, _ = smile_moves.of_chains([first, chain(6 * HOUR, 101.0)])

    assert 0 == len(told)


def test_no_chains(tmp_path):
    """A folder without chains says what must be there."""
    with pytest.raises(UsageError, match=r"deribit_chains_\*\.parquet"):
        smiles.sources(tmp_path)


def test_study():
    """The study holds every strategy against the plain delta, and its document is JSON."""
    told = smiles.study("BTC", moves(), {"svi": 1})
    document = json.loads(json.dumps(smiles.result([told])))
    late = told.parts["second half"]

    assert late["MV, first half's"].ratio < 0.5 < late["R = 0"].ratio
    assert document["coins"]["BTC"]["gate_open"]
    assert "R = 2" in smiles.page([told])
    assert 2 == len(smiles.drawn(told))


DATA = Path(os.environ.get("REBALANCER_DATA") or "../shared/data") / "options"
FILE = DATA / "deribit_chains_6h_2026-02.parquet"


@pytest.mark.skipif(not FILE.exists(), reason="recordings absent")
def test_recorded():
    """In February 2026 the smile's coefficients would have helped: its crash was of one kind."""
    chains = smile_chains.read([FILE], "ETH")
    told, _ = smile_moves.of_chains(chains[:40], slopes=False)
    fitted = smile_fits.fit(told)
    after = smile_fits.adjusted(told, Terms(0.1, coefficients=fitted.coefficients))

    assert 110 == len(chains)
    assert fitted.coefficients[0] < 0  # vols rose as the price fell
    assert (after**2).sum() < 0.85 * (told.error**2).sum()
