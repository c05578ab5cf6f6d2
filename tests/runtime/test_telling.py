"""What the log hears of events and decisions: one line each, by the name that fits."""

from decimal import Decimal
from types import SimpleNamespace

import pytest

from rebalancer.core.decision import Action, Decision, Reason, Verdict
from rebalancer.core.events import (
    Ending,
    OrderAccepted,
    OrderEnded,
    OrderNotFound,
    OrderRejected,
    OrderUnknown,
    Reconciled,
)
from rebalancer.runtime.telling import tell, tell_decision, tell_latch

D = Decimal


class Heard:
    """A log that remembers."""

    def __init__(self):
        self.lines = []

    def __getattr__(self, level):
        return lambda event, **facts: self.lines.append((level, event, facts))

    @property
    def names(self):
        return [(level, event) for level, event, _ in self.lines]


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (OrderAccepted(1, None, "rb1", "v1"), ("info", "order.accepted")),
        (OrderRejected(1, None, "rb1", "no"), ("warning", "order.rejected")),
        (OrderRejected(1, None, "rb1", "killed", sent=False), ("warning", "hedge.discarded")),
        (OrderUnknown(1, None, "rb1", "timeout"), ("warning", "order.unknown")),
        (OrderEnded(1, None, "rb1", Ending.FILLED, D(2)), ("info", "order.ended")),
        (OrderNotFound(1, None, "rb1"), ("info", "order.missing")),
        (Reconciled(1, ()), ("debug", "reconcile.agreed")),
        (Reconciled(1, ("x",)), ("debug", "account.told")),
    ],
)
def test_events(event, said):
    """What became of an order has a name of its own; one that never left is no rejection."""
    heard = Heard()
    tell(heard, event)

    assert [said] == heard.names
    assert getattr(event, "client_order_id", None) == heard.lines[0][2].get("client_order_id")


def decided(**changes):
    """Return an order outside the band."""
    told = {
        "sequence": 7, "ts": 1, "underlying": "BTC", "action": Action.ORDER,
        "reason": Reason.OUTSIDE_BAND, "net_delta": 1.5, "pending": 0.0, "aim": 0.0,
        "lower": -1.0, "upper": 1.0, "instrument": "x:Y", "wanted": D(-5), "allowed": D(-5),
        "client_order_id": "rb7",
    }  # fmt: skip
    return Decision(**{**told, **changes})


CAP = Verdict("order_size", D(3), Reason.ORDER_TOO_LARGE, 5.0, 3.0)
LOOSER = Verdict("margin", D(4), Reason.MARGIN_TOO_THIN, 0.7, 0.6)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, [("info", "hedge.submitted")]),
        (
            {"allowed": D(-3), "verdicts": (LOOSER, CAP)},
            [("info", "hedge.submitted"), ("info", "hedge.capped")],
        ),
        ({"reason": Reason.MARGIN_RATIO}, [("warning", "protect.submitted")]),
        ({"reason": Reason.LIQUIDATION_NEAR}, [("warning", "protect.submitted")]),
        (
            {"action": Action.REFUSE, "reason": Reason.ORDER_TOO_LARGE, "verdicts": (CAP,)},
            [("warning", "hedge.refused")],
        ),
    ],
)
def test_decisions(changes, said):
    """A hedge, one that keeps the book alive, a refusal; and which guard cut a hedge."""
    heard = Heard()
    tell_decision(heard, decided(**changes))

    assert said == heard.names


def test_which_guard():
    """The guard that bound is named with its reading, in a cap and in a refusal."""
    heard = Heard()
    tell_decision(heard, decided(allowed=D(-3), verdicts=(LOOSER, CAP)))
    refused = {"action": Action.REFUSE, "reason": Reason.ORDER_TOO_LARGE, "verdicts": (CAP,)}
    tell_decision(heard, decided(**refused))

    told = [(facts["guard"], facts["measured"], facts["limit"]) for _, _, facts in heard.lines[1:]]
    assert [("order_size", 5.0, 3.0)] * 2 == told
    assert (D(-5), D(-3)) == (heard.lines[1][2]["wanted"], heard.lines[1][2]["allowed"])


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (False, True, [("warning", "state.changed"), ("error", "kill.engaged")]),
        (True, False, [("warning", "state.changed"), ("warning", "kill.cleared")]),
        (True, True, [("warning", "state.changed")]),
        (False, False, [("warning", "state.changed")]),
    ],
)
def test_kill(before, after, said):
    """A kill wakes a person once, and its end is told once."""
    heard = Heard()
    state = SimpleNamespace(mode="halted", reason="operator", killed=after)
    tell_latch(heard, state, killed=before)

    assert said == heard.names
