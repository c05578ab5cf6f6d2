"""Frontiers: what a policy says, what a market pays, and what is told of it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from rebalancer.core import pricing
from rebalancer.core.black import FloatArray
from rebalancer.recordings import bars
from rebalancer.recordings.bars import Bars
from rebalancer.recordings.funding import Funding
from rebalancer.research import (
    contest,
    frontier,
    frontier_page,
    judging,
    listed_straddles,
    policies,
    straddles,
)
from rebalancer.research.contest import CENTRE, EDGE, TIME, WW
from rebalancer.research.policies import Moment, Zone
from rebalancer.research.straddles import DAY, FRIDAY

BAR = 900_000_000_000  # ns
HOUR = 4 * BAR
NOTHING = Funding("x", np.array([], dtype=np.int64), np.array([]), np.array([], dtype=np.int64), ())


def moment(gamma=-4e-5):
    def delta_at(vol: FloatArray) -> FloatArray:
        return 0.1 + vol - 0.6

    values = (1e5, 0.1, gamma, 30 / 365, 0.6)
    return Moment(*(np.array([[each]]) for each in values), delta_at)


def series(closes, start=FRIDAY, jump=1.0):
    """Bars that open where the one before closed, times a jump."""
    closes = np.array(closes, dtype=float)
    opens = jump * np.concatenate((closes[:1], closes[:-1]))
    high, low = np.maximum(opens, closes), np.minimum(opens, closes)
    ts = start + BAR * np.arange(len(closes))
    return Bars("x", BAR, ts, opens, high, low, closes, None, ())


def walk(days, vol, seed=1):
    """Closes of a geometric walk of 15-minute bars."""
    steps = np.random.default_rng(seed).standard_normal(96 * days)
    return 1e4 * np.exp(np.cumsum(vol * np.sqrt(BAR / (365 * DAY)) * steps))


@pytest.fixture(scope="module")
def market():
    return straddles.synthetic("BTC", series(walk(75, 0.6)), NOTHING)


@pytest.fixture(scope="module")
def played(market):
    return contest.play(market, 0.0005, lambda _: None)


# --- policies -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "trigger", "reset"),
    [
        (policies.timed(moment(), np.array(True)), 0.0, 0.0),
        (policies.timed(moment(), np.array(False)), np.inf, 0.0),
        (policies.fixed(moment(), 0.08, 0.0), 0.08, 0.08),
        (policies.fixed(moment(), 0.08, 1.0), 0.08, 0.0),
        (policies.scaled(moment(), 0.01), 0.04, 0.04),
        (policies.whalley_wilmott(moment(), 0.0005, 1e-4), 0.10627, 0.10627),
        (policies.whalley_wilmott(moment(), 0.0005, 1e-4, 0.5), 0.10627, 0.05313),
        (policies.few(moment(), 0.0005, 1e-4, 0.0), 0.10627, 0.10627),
        (policies.looked_at(moment(), 0.0005, 1e-4, 0.0), 0.10627, 0.10627),
        (policies.looked_at(moment(), 0.0005, 1e-4, 1.0), 0.0, 0.0),
    ],
)
def test_zones(zone, trigger, reset):
    """Each policy says where a hedge is due and where it ends, around what the model wants."""
    assert 0.1 == zone.aim.item()
    assert pytest.approx(trigger, abs=1e-5) == zone.trigger.item()
    assert pytest.approx(reset, abs=1e-5) == zone.reset.item()


@pytest.mark.parametrize(("gamma", "higher"), [(-4e-5, True), (4e-5, False)])
def test_zakamouline_aims_elsewhere(gamma, higher):
    """The aim is the delta at the adjusted vol: a higher one for options sold."""
    zone = policies.zakamouline(moment(gamma), 0.0005, 1e-4)

    assert higher == (zone.aim.item() > 0.1)
    assert zone.trigger == zone.reset


@pytest.mark.parametrize(
    ("held", "after"),
    [(0.30, 0.15), (0.21, 0.15), (0.20, 0.20), (0.0, 0.0), (-0.01, 0.05)],
)
def test_moved(held, after):
    """Only what lies beyond the trigger moves, and it ends on its own side of the aim."""
    zone = Zone(np.array(0.1), np.array(0.1), np.array(0.05))

    assert pytest.approx(after) == policies.moved(zone, np.array(held)).item()


# --- markets ------------------------------------------------------------------


def test_realised():
    """The vol of the past is found again, and the latest weighs most."""
    closes = np.concatenate((walk(60, 0.3), walk(60, 0.9, seed=2)))
    ts = BAR * np.arange(len(closes))

    assert pytest.approx(0.3, rel=0.03) == straddles.realised(ts[:5760], closes[:5760])
    assert straddles.realised(ts[5700:], closes[5700:]) > straddles.realised(ts, closes) > 0.7


def test_nothing_is_known_early(market):
    """What comes later changes nothing of what is held before it: prices differ from then."""
    closes = walk(75, 0.6)
    other = np.concatenate((closes[:5000], closes[5000:] * 1.2))
    changed = straddles.synthetic("BTC", series(other), NOTHING)
    rules = contest.contestants(BAR)
    both = [contest.held(each, rules, 0.0005, lambda _: None) for each in (market, changed)]
    known = int(np.searchsorted(market.ts, FRIDAY + BAR * 5001))  # the close of bar 5000

    assert (both[0][:known] == both[1][:known]).all()
    assert (both[0][known] != both[1][known]).any()


def test_straddle(market):
    """It is struck at the price of its sale, lasts 30 days, and is worth what the model says."""
    leg, sold = market.leg, np.flatnonzero(np.diff(market.leg.expiry, prepend=0))

    assert 6 == len(sold)
    assert (market.close[sold] == leg.strike[sold]).all()
    assert (leg.expiry[sold] - market.ts[sold] == 30 * DAY).all()
    left = (leg.expiry[:2] - market.ts[:2]) / (365 * DAY)
    terms = (market.close[:2], leg.strike[:2], left, leg.call_vol[:2])
    worth = leg.coins[:2] * (pricing.price(*terms, +1) + pricing.price(*terms, -1))
    assert pytest.approx(worth[0] - worth[1]) == market.worth[1] - market.worth[0]


def test_charged():
    """A settlement falls on the close that it happens at, also where it comes a little late."""
    settled = replace(
        NOTHING, ts=np.array([4 * BAR + 7_000_000, 9 * BAR - 3]), rate=np.array([1.0, 2.0])
    )
    found = straddles.charged(BAR * np.array([2, 3, 4, 5, 10, 11]), settled)

    assert [0, 0, 1, 0, 2, 0] == found.tolist()


# --- contest ------------------------------------------------------------------


def test_still_market():
    """Where no price moves nobody hedges but for what time does to delta, and no gap earns."""
    still = straddles.synthetic("BTC", series([*walk(35, 0.6), *[9000.0] * 96 * 30]), NOTHING)
    played = contest.play(still, 0.0005, lambda _: None)
    late = played.days > still.ts[0] + 10 * DAY

    for scores in played.scores.values():
        assert pytest.approx(0.0, abs=1e-6) == np.abs(scores.gap[late]).max()
    wide = np.array(played.scores[EDGE].grid) > 0.05
    assert 0.0 == played.scores[EDGE].fees[late][:, wide].max()
    assert 0.0 < played.scores[EDGE].fees[:, wide].max()


def test_costless_and_continuous(market):
    """A free hedge at each bar leaves gamma's chance: half of it times squared moves."""
    played = contest.play(market, 0.0, lambda _: None)
    scores = played.scores[TIME]
    known = market.moment(slice(0, market.length))
    moves = np.diff(market.close)
    expected = 0.5 * known.gamma[:-1, 0] * moves**2
    deviation = np.std(expected[1:-200].reshape(-1)) * np.sqrt(96)

    assert 0.0 == scores.fees.max()
    assert pytest.approx(deviation, rel=0.25) == scores.profit[1:-1, 0].std()
    assert scores.profit[1:-1, 0].std() < scores.profit[1:-1, 7].std()


def test_accounts():
    """Profit, fees and gap of one fixed time are what a loop over bars counts up."""
    opens = series(walk(75, 0.6), jump=1.001)
    market = straddles.synthetic("BTC", opens, NOTHING)
    charged = replace(market, funding=np.where(market.ts % (32 * BAR) == 0, 1e-4, 0.0))
    scores = contest.play(charged, 0.0005, lambda _: None).scores[TIME]
    place = int(np.argmin(np.abs(np.array(scores.grid) * DAY - 4 * HOUR)))
    wanted = market.moment(slice(0, market.length)).delta[:, 0]
    held = wanted[0]
    fees = profit = gap = 0.0
    for i in range(market.length - 1):
        new = wanted[i] if market.ts[i] % (4 * HOUR) == 0 else held
        opened = market.following[i]
        fee = 0.0005 * abs(new - held) * opened
        move = held * (opened - market.close[i]) + new * (market.close[i + 1] - opened)
        before = wanted[max(i - 1, 0)]
        best = before * (opened - market.close[i]) + wanted[i] * (market.close[i + 1] - opened)
        paid = charged.funding[i + 1] * market.close[i + 1] * new
        fees, gap = fees + fee, gap + move - best
        profit += move - fee - paid + market.worth[i + 1] - market.worth[i]
        held = new

    assert pytest.approx(fees) == scores.fees[:, place].sum()
    assert pytest.approx(gap) == scores.gap[:, place].sum()
    assert pytest.approx(profit) == scores.profit[:, place].sum()


def test_wider_is_cheaper(played):
    """Along each grid of bands fees fall and the gap's variance grows."""
    for rule in (EDGE, CENTRE, WW):
        scores = played.scores[rule]
        order = np.argsort(scores.fees.sum(axis=0))
        gaps = scores.gap.var(axis=0)[order]

        assert (gaps[:-4] > gaps[4:]).all()


# --- what is told -------------------------------------------------------------


def test_page(played):
    """The page shows every rule, names synthetic options so, and loads nothing."""
    points = {name: judging.points(scores) for name, scores in played.scores.items()}
    outcome = frontier.Outcome(played, ("odd",), points, judging.verdicts(played, draws=20))
    shown = frontier_page.Shown(outcome.title, outcome.told, points, outcome.verdicts)
    text = frontier_page.page(("assumed",), [shown], frontier.summarised([outcome]))

    assert "SYNTHETIC options" in text
    assert all(f'"name":"{rule}"' in text for rule in points)
    assert "https://" not in text.partition("<script>")[0]
    json.dumps(frontier.result([outcome]), allow_nan=False)


# --- recorded -----------------------------------------------------------------


def test_listed(recordings):
    """A recorded month gives listed straddles, near their strikes, marked at every snapshot."""
    read = bars.read(recordings / "timeseries/binance_perp_BTCUSDT_15m.parquet")
    files = [recordings / frontier.CHAINS[0]]
    told = {"BTC": (read, NOTHING)}
    (found,) = listed_straddles.markets(told, files, recordings / frontier.PERPETUALS)
    sold = np.flatnonzero(np.diff(found.leg.strike, prepend=0))

    assert "BTC 2025-12 to 2026-01, kept a week" == found.name
    assert not found.synthetic
    assert 125 == np.isfinite(found.worth).sum()
    assert np.abs(found.leg.strike[sold] / found.close[sold] - 1).max() < 0.02
    assert np.isfinite(found.worth[1:][np.diff(found.leg.call_vol) != 0]).all()


def test_synthetic_is_said(played):
    """Every title of made-up options says so."""
    assert "SYNTHETIC" in frontier.Outcome(played, (), {}, ()).title
