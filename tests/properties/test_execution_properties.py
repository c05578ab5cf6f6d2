"""Whatever happens to patient hedges, never can two of them trade, and none is sent too often.

The venue here is a few lines of its own: it holds what it was sent, fills what it
likes of it, loses answers and withdrawals, and knows what may still trade.
"""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from rebalancer.core.commands import Cancel, Purpose, Query, Style, Submit, TimeInForce
from rebalancer.core.events import Ending, FeedStatus, Verb
from rebalancer.core.params import BandKind, BandParams, ExecutionParams
from tests.scenarios import desk as desks
from tests.scenarios.desk import LINEAR, SECOND, SPOT, build

D = Decimal
BAND = BandParams(BandKind.FIXED, lower=-1.0, upper=1.0, reset=0.5)
DEEDS = st.sampled_from(
    [
        *("wait", "wait long", "up", "down", "buy", "sell", "buy much", "sell much"),
        *("fill part", "fill", "answer", "deaf", "hear", "venue cancels"),
        *("loses_answer", "loses_cancel", "rejects", "pause", "resume", "one side"),
    ]
)


class Venue:
    """What a desk's orders meet: truth that no event has to tell."""

    def __init__(self, desk):
        self.desk, self.seen = desk, 0
        self.live: dict[str, tuple[Submit, Decimal]] = {}  # what may trade, and what it filled
        self.ended: dict[str, tuple[Submit, Decimal]] = {}
        self.loses_answer = self.loses_cancel = self.rejects = False
        self.most = 0  # live at once

    def serve(self):
        """Take in all that was sent since the last time; answers may be lost."""
        while self.seen < len(self.desk.outcomes):
            outcome = self.desk.outcomes[self.seen]
            self.seen += 1
            for command in outcome.commands:
                match command:
                    case Submit():
                        self._taken(command)
                    case Cancel() if self.loses_cancel:
                        self.loses_cancel = False
                    case Cancel():
                        self._over(command.client_order_id, Ending.CANCELED)
                    case Query():
                        self._told(command.client_order_id)

    def _taken(self, order):
        if self.rejects:
            self.rejects = False
            self.desk.reject(order)
            return
        self.live[order.client_order_id] = (order, D(0))
        self.most = max(self.most, len(self.live))
        if self.loses_answer:
            self.loses_answer = False
            self.desk.lose(order)
        else:
            self.desk.accept(order)
        if order.time_in_force is TimeInForce.IOC:
            self._filled(order.client_order_id, whole=True)

    def _told(self, name):
        """Answer a question: accepted, and its end where it has one; fills come by themselves."""
        order, filled = self.live.get(name) or self.ended[name]
        self.desk.accept(order)
        if name in self.ended:
            self.desk.end(order, Ending.CANCELED, filled)

    def _over(self, name, how):
        if name in self.live:
            order, filled = self.ended[name] = self.live.pop(name)
            self.desk.end(order, how, filled)

    def _filled(self, name, *, whole):
        order, before = self.live[name]
        left = order.quantity - before
        lots = abs(left) // D("0.001")
        size = left if whole or lots <= 1 else (lots // 2 * D("0.001")).copy_sign(left)
        self.live[name] = (order, before + size)
        self.desk.fill(order, size)
        if before + size == order.quantity:
            self._over(name, Ending.FILLED)

    def strike(self, deed):
        """Let something happen."""
        desk, names = self.desk, list(self.live)
        match deed:
            case "wait" | "wait long":
                desk.wait(1 if deed == "wait" else 6)
            case "up" | "down":
                desk.market(desk.price * (1.0005 if deed == "up" else 0.9995))
            case "buy" | "sell" | "buy much" | "sell much":
                size = "1.5" if "much" in deed else "0.15"
                desk.trade_by_hand(SPOT, size if "buy" in deed else f"-{size}")
            case "fill" | "fill part" if names:
                self._filled(names[0], whole=deed == "fill")
            case "venue cancels" if names:
                self._over(names[0], Ending.CANCELED)
            case "deaf" | "hear":
                desk.take(FeedStatus(desk.now, "binanceusdm", alive=deed == "hear"))
                desk.read("binanceusdm")
            case "loses_answer" | "loses_cancel" | "rejects":
                setattr(self, deed, True)
            case "pause" | "resume":
                desk.operate(Verb.PAUSE if deed == "pause" else Verb.RESUME)
            case "one side":
                desk.take(desks.Quote(desk.now, desk.now, LINEAR, D(99_995), D(5), None, None))
            case _:
                desk.market()


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from([Style.POST_ONLY, Style.CHASE, Style.TWAP]),
    st.lists(DEEDS, min_size=5, max_size=40),
)
def test_never_two_live_orders(style, deeds):
    """At most one order may trade at any time, and the ledger ends with what was traded."""
    execution = ExecutionParams(style, patience=8 * SECOND, reprice=2 * SECOND, slice=0.3)
    desk = build(desks.settings(BAND, execution=execution), [(SPOT, "1.2")])
    venue = Venue(desk)
    venue.serve()
    for deed in deeds:
        venue.strike(deed)
        venue.serve()
        venue.serve()

    assert venue.most <= 1
    done = {**venue.ended, **venue.live}.values()
    assert sum((filled for _, filled in done), D(0)) == (
        desk.state.ledger.position("binanceusdm", LINEAR).quantity
    )
    assert all(order.purpose is Purpose.HEDGE for order, _ in done)


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from([Style.POST_ONLY, Style.CHASE, Style.TWAP]),
    st.lists(DEEDS, min_size=5, max_size=25),
)
def test_all_comes_to_rest(style, deeds):
    """Once nothing goes wrong any more, net delta is back, and nothing rests."""
    execution = ExecutionParams(style, patience=8 * SECOND, reprice=2 * SECOND, slice=0.3)
    desk = build(desks.settings(BAND, execution=execution), [(SPOT, "1.2")])
    venue = Venue(desk)
    venue.serve()
    for deed in deeds:
        venue.strike(deed)
        venue.serve()
    venue.loses_answer = venue.loses_cancel = False
    venue.strike("hear")
    venue.strike("resume")
    for _ in range(120):
        desk.wait(1)
        venue.serve()
    if desk.state.halted:
        return  # what stayed open for a minute waits for a person

    assert [] == desk.state.open_orders()
    assert {} == venue.live
    assert abs(desk.decision.net_delta) <= 1.0 + 1e-9
