"""The margin guard: what may grow, what is required, what can be paid, and what always passes."""

from decimal import Decimal

import pytest

from rebalancer.core.commands import Purpose
from rebalancer.core.decision import HedgeIntent, Reason
from rebalancer.core.guards import margin
from rebalancer.core.guards.margin import Room

D = Decimal


def intent(quantity, closing="0", required="0"):
    return HedgeIntent(
        purpose=Purpose.HEDGE,
        underlying="BTC",
        account="v",
        instrument="v:X",
        quantity=D(quantity),
        position=D(0),
        closing=D(closing),
        hedging=D(0),
        required=D(required),
        delta_per_contract=1.0,
        price=D(100),
    )


THIN, SHORT = Reason.MARGIN_TOO_THIN, Reason.COLLATERAL_SHORT


@pytest.mark.parametrize(
    ("order", "room", "allows", "reason"),
    [
        (intent("-4"), Room(), "4", None),
        (intent("+4"), Room(wide=0.5, far=0.5), "2", THIN),
        (intent("-4"), Room(wide=0.0, far=0.0), "0", THIN),
        # what is required may go on to the next rung, but not past it
        (intent("-4", required="3"), Room(wide=0.25, far=1.0), "3", THIN),
        (intent("-4", required="3"), Room(wide=0.25, far=0.5), "2", THIN),
        (intent("-4", required="1"), Room(wide=0.5, far=1.0), "2", THIN),
        (intent("-4", required="4"), Room(wide=0.25, far=1.0), "4", None),
        # it must be paid for
        (intent("-4"), Room(payable=0.5), "2", SHORT),
        (intent("-4"), Room(wide=0.25, far=0.25, payable=0.5), "1", THIN),
        (intent("-4"), Room(wide=0.5, far=0.5, payable=0.25), "1", SHORT),
        (intent("-4", required="4"), Room(wide=0.25, far=0.75, payable=0.5), "2", SHORT),
        # what closes passes before anything
        (intent("-4", closing="4"), Room(wide=0.0, far=0.0, payable=0.0), "4", None),
        (intent("-4", closing="1"), Room(wide=0.0, far=0.0, payable=0.0), "1", THIN),
        (intent("-4", closing="2"), Room(wide=0.5, far=0.5), "3", THIN),
        (intent("-4", closing="2"), Room(payable=0.5), "3", SHORT),
        (intent("-4", closing="1", required="3"), Room(wide=0.0, far=1.0), "3", THIN),
        (intent("-0.003"), Room(), "0.003", None),
        (intent("0"), Room(wide=0.0, far=0.0), "0", None),
    ],
)
def test_judge(order, room, allows, reason):
    """The least counts, and the reason names what it is."""
    verdict = margin.judge(order, room)

    assert (D(allows), reason) == (verdict.allows, verdict.reason)


@pytest.mark.parametrize("why", [Reason.MARGIN_MISSING, Reason.MARGIN_STALE, Reason.MARGIN_ABSURD])
def test_unknown(why):
    """Where nobody knows how an account stands only what closes passes, and it is said why."""
    room = Room(unknown=why, subject="v")
    mixed = margin.judge(intent("-4", closing="1", required="4"), room)

    assert (D(1), why, "v") == (mixed.allows, mixed.reason, mixed.subject)
    assert None is margin.judge(intent("-4", closing="4"), room).reason


def test_nobody_asks():
    """Where nobody asks an account for margin everything passes."""
    assert (D(4), None) == (
        margin.judge(intent("-4"), None).allows,
        margin.judge(intent("-4"), None).reason,
    )


def test_measured():
    """A verdict says how near the account is and where it may not go, whether it cuts or not."""
    room = Room(measured=0.3, limit=0.2, subject="v:USDT")
    told = [margin.judge(intent("-4"), each) for each in (room, room._replace(wide=0.5, far=0.5))]

    assert [(0.3, 0.2, "v:USDT")] * 2 == [(v.measured, v.limit, v.subject) for v in told]
    assert ["margin"] * 2 == [v.guard for v in told]
