"""A jump of the price makes nobody take the next hour for another hundred of its kind."""

import pytest

from rebalancer.core.decision import Reason
from tests.scenarios.desk import LIMITS, LINEAR, MINUTE, SPOT, WATCHED, build, margined, settings


@pytest.mark.parametrize(("balance", "grows"), [(2_000_000, True), (60_000, False)])
def test_hedges_after_a_crash(balance, grows):
    """After a fall of 30 % an account with ten times its notional hedges; one with a third not.

    The return would count as a volatility of 10,700 % a year, three deviations of which within
    an hour are a price 30 times as high; at 1,000 % they are 38 % more.
    """
    desk = build(margined(settings(limits=LIMITS)), [(SPOT, "1"), (LINEAR, "-1", "hedge")])
    for price in [*[100_000] * 11, 70_000, 70_000, 70_000]:
        desk.now += MINUTE
        desk.figures(balance, 500)
        desk.market(price)
    assert desk.state.margins.vol("BTC", WATCHED) == WATCHED.most_vol
    desk.trade_by_hand(SPOT, "2")

    assert grows is (abs(desk.orders[0].quantity) > 1)
    binding = {each.reason for told in desk.decisions for each in told.verdicts}
    assert grows is (Reason.MARGIN_TOO_THIN not in binding)
