"""The canonical line of a decision: what two runs have to agree on."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.decision import Action, Decision, Reason, canonical

D = Decimal

HOLD = Decision(7, 1_000, "BTC", Action.HOLD, Reason.INSIDE_BAND, 0.01, 0.0, 0.0, -0.05, 0.05)
ORDER = replace(
    HOLD,
    action=Action.ORDER,
    reason=Reason.OUTSIDE_BAND,
    net_delta=2.0,
    instrument="v:X",
    wanted=D("-1.950"),
    allowed=D("-1.000"),
    limit_price=D("99700.0"),
    client_order_id="rb1",
)


@pytest.mark.parametrize(
    ("decision", "line"),
    [
        (
            HOLD,
            (
                "7|1000|BTC|hold|inside_band|0.010000000|0.000000000|0.000000000"
                "|-0.050000000|0.050000000|-|-|-|-|-"
            ),
        ),
        (
            ORDER,
            (
                "7|1000|BTC|order|outside_band|2.000000000|0.000000000|0.000000000"
                "|-0.050000000|0.050000000|v:X|-1.950|-1.000|99700.0|rb1"
            ),
        ),
    ],
)
def test_canonical(decision, line):
    """A decision has one line, with every fact that two runs must share."""
    assert line == canonical(decision)


def test_last_bits():
    """What differs below a billionth of a coin is the same decision; a lot is not."""
    assert canonical(ORDER) == canonical(replace(ORDER, net_delta=2.0 + 1e-13))
    assert canonical(ORDER) != canonical(replace(ORDER, net_delta=2.0 + 1e-8))
