"""Tests of the settlement price: the index over exactly the last half hour, weighted by time."""

import pytest

from rebalancer.errors import DataError
from rebalancer.exchange.fixing import Trail, average, open_share
from tests.exchange.listing import CALL, EXPIRY, FUTURE, LINEAR, D, open_exchange

MINUTE = 60_000_000_000  # ns


def trail(*told):
    """Return a trail of prices, each with the minute to expiry (< 0) at which it was told."""
    found = Trail()
    for minute, price in told:
        found.add(EXPIRY + minute * MINUTE, D(price))
    return found


def told(*prices):
    """Return an exchange that holds a call and was told these index prices."""
    exchange = open_exchange(positions=[(CALL, "2", "0.05")])
    for minute, price in prices:
        exchange.set_index(EXPIRY + minute * MINUTE, "BTC", D(price))
    return exchange


UNEVEN = ((-60, "100"), (-20, "130"), (-5, "160"))


@pytest.mark.parametrize(
    ("prices", "now", "expected"),
    [
        ([(-100, "100")], 0, "100"),  # one price, standing since long before
        ([(-60, "100"), (-15, "200")], 0, "150"),
        (UNEVEN, 0, "125"),  # (10 x 100 + 15 x 130 + 5 x 160) ÷ 30
        ([(-31, "1"), (-30, "100")], 0, "100"),  # not a moment more than half an hour
        ([(-31, "1"), (-29, "91")], 0, "88"),  # (1 x 1 + 29 x 91) ÷ 30
        ([(-60, "100"), (0, "900")], 0, "100"),  # what is told at expiry stood for no time
        ([(-60, "100"), (1, "900")], 5, "100"),
        (UNEVEN, 20, "125"),  # late: the same
        (UNEVEN, -10, "115"),  # (10 x 100 + 10 x 130) ÷ 20 so far
        (UNEVEN, -25, "100"),
        ([(-10, "100"), (-5, "110")], 0, "105"),  # nothing is known before
        ([(-60, "100"), (-10, "101")], 0, "100.333333333333"),  # to 1e-12
        (UNEVEN[:1], -30, None),  # the window has not begun
        (UNEVEN[:1], -45, None),
        ([(0, "100")], 0, None),
        ([(3, "100")], 5, None),
        ([], 0, None),
    ],
)
def test_average(prices, now, expected):
    """Each price counts for as long as it stood within the half hour before expiry."""
    found = average(trail(*prices), EXPIRY, EXPIRY + now * MINUTE)

    assert (None if expected is None else D(expected)) == found


def test_last_word_of_a_moment():
    """Of two prices at the same time the second is the price."""
    assert D(200) == average(trail((-60, "100"), (-60, "200")), EXPIRY, EXPIRY)


@pytest.mark.parametrize(
    ("due", "first"),
    [
        (None, -30),  # nothing to deliver: the window that ends now
        (0, -30),
        (-45, -75),  # what should have been delivered is waited for
        (-3000, -1440 - 30),  # a day at most
        (500, -30),  # what is due later needs nothing yet
    ],
)
def test_trail_forgets(due, first):
    """A trail keeps the window of what is due, and forgets what was before."""
    found = Trail()
    for minute in range(-2000, 1):
        ends = None if due is None else EXPIRY + due * MINUTE
        found.add(EXPIRY + minute * MINUTE, D(100), ends)

    assert EXPIRY + first * MINUTE == found.told[0][0]
    assert 1 - first == len(found.told)


@pytest.mark.parametrize(
    ("minute", "expected"), [(-500, 1.0), (-30, 1.0), (-15, 0.5), (-3, 0.1), (0, 0.0), (9, 0.0)]
)
def test_open_share(minute, expected):
    """The share of the average that is still open falls from one to nothing in the window."""
    assert pytest.approx(expected, abs=1e-12) == open_share(EXPIRY, EXPIRY + minute * MINUTE)


@pytest.mark.parametrize(
    ("prices", "late"),
    [
        ([(-60, "120000"), (-10, "135000")], 0),
        ([(-60, "120000"), (-10, "135000"), (1, "50000")], 5),  # late, and the index went on
        ([(-60, "120000"), (-10, "135000"), (1, "50000"), (25, "1")], 30),
    ],
)
def test_delivery_at_the_average(prices, late):
    """Without a price a contract is delivered at the average, however the index went on."""
    exchange = told(*prices)

    (delivered,) = exchange.deliver(EXPIRY + late * MINUTE, CALL.id)

    assert D(125_000) == delivered.price  # (20 x 120,000 + 10 x 135,000) ÷ 30
    assert D("0.4") == delivered.amount  # 2 x 25,000 ÷ 125,000


def test_delivery_at_a_price():
    """A price that is given goes before the average."""
    (delivered,) = told((-60, "120000")).deliver(EXPIRY, CALL.id, D(200_000))

    assert D(200_000) == delivered.price


@pytest.mark.parametrize("prices", [[], [(0, "100000")], [(5, "100000")]])
def test_delivery_without_an_index(prices):
    """Without a price and without an index in the half hour nothing is delivered."""
    with pytest.raises(DataError, match="index in its last half hour"):
        told(*prices).deliver(EXPIRY + 10 * MINUTE, CALL.id)


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        ([], None),
        ([(-90, "100000")], "100000"),  # before the window: the index
        ([(-90, "100000"), (-40, "90000")], "90000"),
        ([(-90, "100000"), (-15, "90000")], "100000"),  # 15 minutes at 100,000 and none yet at 90
        ([(-90, "100000"), (-15, "90000"), (-5, "1")], "96000"),  # (15 x 100 + 10 x 90) ÷ 25
        ([(-90, "100000"), (-15, "90000"), (0, "1")], "95000"),
        ([(-90, "100000"), (-15, "90000"), (9, "1")], "95000"),  # done: what follows is not in it
        ([(9, "1")], None),  # nothing was known while it counted
    ],
)
def test_delivery_price(prices, expected):
    """A delivery price is the index at first, the average so far in the window, then final."""
    exchange = told(*prices)
    price = None if expected is None else D(expected)

    assert price == exchange.delivery_price(CALL.id)
    assert price == exchange.delivery_price(FUTURE.id)


def test_delivery_price_of_a_perpetual():
    """What never ends stands at its index."""
    assert D(100_000) == told((-5, "100000")).delivery_price(LINEAR.id)
