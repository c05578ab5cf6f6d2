"""Placement of a constant short: what each way of placing earns, pays and strays."""

import json

import numpy as np
import pytest

from rebalancer.core.funding import DAY, HOUR, Rule, Terms
from rebalancer.errors import UsageError
from rebalancer.research import placement, switching
from rebalancer.research.settlements import Prices, Settlements
from rebalancer.research.stretches import COINS, Read
from rebalancer.research.switching import Leg

EIGHT = 8 * HOUR
LEG = Leg(side=-1, cost=0.0005)
RULE = Rule(horizon=7 * DAY, factor=2.0, penalty=0.0)


def settled(*columns):
    """Return settlements of contracts every eight hours; a column each."""
    rate = np.array(columns, dtype=float).T
    names = ("binance", "bybit", "binance coin")[: rate.shape[1]]
    return Settlements(names, EIGHT * np.arange(len(rate)), rate, np.full(rate.shape, EIGHT))


def test_chase():
    """It stands where the last settlement paid most, a settlement late, and pays for each move."""
    told = settled([1e-4, 1e-4, 5e-4, 1e-4, 1e-4], [2e-4, 3e-4, 1e-4, 1e-4, 6e-4])
    walk = switching.chase(told, LEG)

    assert [0, 1, 0, 0, 1] == walk.held.tolist()
    assert [0.0, 1e-4, 1e-4, 1e-4, 1e-4] == walk.received.tolist()
    assert 3 * 2 * LEG.cost == pytest.approx(walk.paid.sum())


def test_chase_a_long():
    """A long runs to where it pays least."""
    told = settled([1e-4, 1e-4, 5e-4, 1e-4], [2e-4, 3e-4, 1e-4, 1e-4])

    assert [0, 0, 1, 1] == switching.chase(told, Leg(side=+1)).held.tolist()


def test_chase_minds_intervals():
    """A rate of an hour is held against an eighth of one of eight."""
    told = settled([2e-4] * 3, [1e-4] * 3)
    interval = told.interval.copy()
    interval[:, 1] = HOUR
    told = Settlements(told.venues, told.ts, told.rate, interval)

    assert [0, 1, 1] == switching.chase(told, LEG).held.tolist()


@pytest.mark.parametrize("inverse", [False, True])
def test_strays_by_the_basis(inverse):
    """Coin and contract stray by the change of the basis, in whatever the contract settles."""
    spot, perpetual = np.array([[100.0], [110.0]]), np.array([[101.0], [111.0]])
    error, coin = placement.strayed(
        Prices(spot, perpetual), np.zeros(2, dtype=np.int64), np.array([inverse])
    )
    earned = (1 / 111 - 1 / 101) * 101 * 110 / 100 if inverse else 1 - 111 / 101

    assert pytest.approx([0.1]) == coin
    assert pytest.approx([0.1 + earned]) == error


def test_a_fixed_basis_strays_nowhere():
    """A contract that keeps its share of the price hedges all of it, in dollars or in coins."""
    spot = np.array([[100.0, 100.0], [140.0, 140.0], [70.0, 70.0]])
    error, _ = placement.strayed(
        Prices(spot, 1.01 * spot), np.array([0, 1, 1]), np.array([False, True])
    )

    assert pytest.approx([0.0, 0.0], abs=1e-12) == error


def made_up():
    """Return a year of rates at which the second contract pays more and more, with prices."""
    rng = np.random.default_rng(4)
    count = 1_000
    rates = (
        rng.normal(1e-4, 2e-5, count),
        np.linspace(0.0, 4e-4, count) + rng.normal(0.0, 2e-5, count),
        rng.normal(0.5e-4, 2e-5, count),
    )
    spot = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, count)))
    spots = np.stack([spot] * 3, axis=1)
    basis = np.exp(rng.normal(0.0, 0.0002, spots.shape))
    told = settled(*rates)
    prices = Prices(spots, spots * basis)
    return Settlements(told.venues, told.ts, told.rate, told.interval, prices)


def test_study():
    """The rule moves once to what pays more, saves by it, and stays below hindsight."""
    told = Read(made_up(), 0, 500)
    found = placement.study(told, "BTC", RULE, LEG).placed["whole"]
    rule, chase, best = (found[way] for way in (placement.RULE, placement.CHASE, placement.BEST))

    assert 0.0 == found["always binance"].saved
    assert 1 <= rule.moves <= 3 < chase.moves
    assert 0 < rule.saved <= best.saved
    assert chase.saved < rule.saved
    assert pytest.approx(rule.usd_per_year - found["always binance"].usd_per_year) == rule.saved
    assert all(0.99 < each.effectiveness < 1 for each in found.values())
    assert all(pytest.approx(2.83, rel=0.1) == each.error_bp for each in found.values())


def test_ways():
    """Each contract stands there by itself, beside the rule, the chase and hindsight."""
    told = made_up()
    foreseen = switching.foresee(told, Terms(), RULE.horizon)
    names = [f"always {name}" for name in told.venues]

    expected = [*names, placement.RULE, placement.CHASE, placement.BEST]
    assert expected == [*placement.ways(told, foreseen, RULE, LEG)]


def test_no_folder(tmp_path, capsys):
    """The folder must be one."""
    assert UsageError.exit_code == placement.main([str(tmp_path / "none")])
    assert "FOLDER: must be a folder" in capsys.readouterr().err


def test_recorded(recordings, tmp_path, capsys):
    """Over eighteen months the rule moves a few times, and running after rates ruins a hedge."""
    file = tmp_path / "placement.json"

    assert 0 == placement.main([str(recordings), "--json", str(file)])

    told = json.loads(file.read_text())["coins"]
    assert list(COINS) == list(told)
    for parts in told.values():
        whole = parts["whole"]
        assert whole["our rule"]["moves"] <= 10
        assert whole["cheapest now"]["usd_per_year"] < 0 < whole["our rule"]["usd_per_year"]
        assert whole["our rule"]["usd_per_year"] <= whole["best in hindsight"]["usd_per_year"]
        assert all(each["effectiveness"] > 0.998 for each in whole.values())
    assert pytest.approx(105_175, abs=1) == told["BTC"]["whole"]["always binance"]["usd_per_year"]
    assert "cheapest now" in capsys.readouterr().out


def test_bars_of_the_panel_are_of_one_time(recordings):
    """What a contract's price and its spot's are of is one moment, at every venue."""
    for coin in COINS:
        prices = placement.read(recordings, coin).settlements.prices
        apart = np.nanmedian(np.abs(prices.perpetual / prices.spot - 1.0), axis=0)

        assert (apart < 0.0010).all()
        assert np.isfinite(prices.perpetual).mean() > 0.99
