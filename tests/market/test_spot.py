"""The price of a coin moves like one: fat tails, clusters, jumps, company."""

import math

import numpy as np
import pytest

from rebalancer.market.params import Dynamics, Jumps, standard_params
from rebalancer.market.spot import Coin, MarketFactor, diffusion_vol
from tests.market.worlds import DAY, HOUR, MINUTE, streams

MINUTES_A_YEAR = 365 * 1440


def walk(seed, count, step):
    """Return log returns of BTC and ETH and the stress of BTC, shape (count, 3)."""
    params = standard_params(0)
    factor = MarketFactor(params.dynamics, streams(seed))
    coins = [Coin(each, params.dynamics, streams(seed)) for each in params.underlyings]
    rows = []
    for _ in range(count):
        market = factor.draw(step)
        spots = [coin.move(market, step) for coin in coins]
        rows.append([*(spot.change for spot in spots), spots[0].stress])
    return np.array(rows)


def memory(values, lag):
    """Return the autocorrelation at a lag."""
    apart = values - values.mean()
    return float((apart[lag:] * apart[:-lag]).mean() / apart.var())


@pytest.fixture(scope="module")
def days():
    """Return two days of minutes from each of twelve seeds."""
    return [walk(seed, 2 * 1440, MINUTE) for seed in range(12)]


@pytest.mark.parametrize(("coin", "low", "high"), [(0, 0.60, 0.90), (1, 0.76, 1.14)])
def test_volatility(days, coin, low, high):
    """Over many seeds a coin moves about as much as it was told to (75 % and 95 %)."""
    square = np.mean([np.mean(path[:, coin] ** 2) for path in days])

    assert low < math.sqrt(square * MINUTES_A_YEAR) < high


def test_volatility_for_a_long_time():
    """Diffusion, clusters and jumps add up to the vol asked for; hours, many seeds."""
    paths = [walk(seed, 24 * 60, HOUR)[:, 0] for seed in range(20)]

    assert 0.75 == pytest.approx(math.sqrt(np.mean(np.square(paths)) * 365 * 24), rel=0.08)


def test_tails(days):
    """Minute returns have fatter tails than a normal distribution, on every path."""
    excess = []
    for path in days:
        returns = path[:, 0] - path[:, 0].mean()
        excess.append(np.mean(returns**4) / np.mean(returns**2) ** 2 - 3)

    assert min(excess) > 1
    assert np.median(excess) > 4


@pytest.mark.parametrize(("lag", "least"), [(1, 0.15), (5, 0.1), (15, 0.06), (60, 0.0)])
def test_clusters(days, lag, least):
    """Large moves follow large moves, for an hour."""
    assert np.mean([memory(np.abs(path[:, 0]), lag) for path in days]) > least


def test_direction_is_not_remembered(days):
    """The next move's direction cannot be told from the last one's."""
    assert 0 == pytest.approx(np.mean([memory(path[:, 0], 1) for path in days]), abs=0.03)


def test_company(days):
    """BTC and ETH move together, and not as one."""
    together = [np.corrcoef(path[:, 0], path[:, 1])[0, 1] for path in days]

    assert 0.7 < np.mean(together) < 0.92


def test_no_drift():
    """A price is a martingale: jumps with a mean are paid for."""
    finals = np.array([math.exp(walk(seed, 48, HOUR)[:, 0].sum()) for seed in range(300)])

    assert abs(finals.mean() - 1) < 3 * finals.std() / math.sqrt(len(finals))


def test_jump_excites():
    """A jump lifts volatility at once, and an hour later little of it is left."""
    dynamics = Dynamics(
        market_jumps=(), own_jumps=Jumps(1e-9, 1e-9), slow_sd=1e-9, fast_sd=1e-9, excited=1.0
    )
    factor = MarketFactor(dynamics, streams(1))
    coin = Coin(standard_params(0).underlyings[0], dynamics, streams(1))
    calm = coin.move(factor.draw(1), 1)
    market = factor.draw(1)
    jumped = type(market)(market.price, market.slow, market.fast, -0.2, market.skew)

    after = coin.move(jumped, 1)

    assert after.price < 0.995 * calm.price
    assert after.vol > 1.5 * calm.vol
    assert coin.move(factor.draw(HOUR), HOUR).vol < 1.02 * calm.vol


def test_factor_is_the_same_for_all():
    """What hits the market does not depend on which coins there are."""
    params = standard_params(0)
    both = [Coin(each, params.dynamics, streams(4)) for each in params.underlyings]
    alone = Coin(params.underlyings[1], params.dynamics, streams(4))
    first, second = (MarketFactor(params.dynamics, streams(4)) for _ in range(2))
    for _ in range(50):
        market, again = first.draw(MINUTE), second.draw(MINUTE)
        for coin in both:
            coin.move(market, MINUTE)
        alone.move(again, MINUTE)

    assert both[1].spot == alone.spot


def test_too_many_jumps():
    """Jumps that alone exceed the vol asked for are refused."""
    with pytest.raises(ValueError, match="room for a diffusion"):
        diffusion_vol(0.7, Dynamics(own_jumps=Jumps(DAY / MINUTE, 0.1)))
