"""Protecting: figures that the ledger cannot explain stop no step."""

import pytest

from tests.scenarios.desk import LINEAR, SECOND, build, margined


@pytest.mark.parametrize("maintenance", [0.0, 10.0])
def test_margin_of_nothing_that_is_known(maintenance):
    """A venue may ask margin for what the ledger does not hold; the step is taken all the same."""
    desk = build(margined())

    assert () == desk.figures(1_000.0, maintenance).decisions[0].verdicts


def test_closed_since_the_figures():
    """What a venue asked for a position that was closed since then stops no step either."""
    desk = build(margined(), [(LINEAR, "-0.123")])
    desk.figures(10_000.0, 62.0)  # by its own tiers, a little more than by ours
    desk.now += SECOND
    desk.market()
    desk.trade_by_hand(LINEAR, "0.123")
    desk.wait(1)

    assert not desk.state.ledger.position("binanceusdm", LINEAR).quantity
