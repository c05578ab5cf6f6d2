"""Whatever happens, and in whatever order: what leaves is allowed, useful and alone."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import settings as amount
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rebalancer.core import ids
from rebalancer.core.band import SLACK
from rebalancer.core.commands import Submit
from rebalancer.core.decision import Action
from rebalancer.core.events import Ending, Verb
from rebalancer.core.exposure import delta_per_contract
from rebalancer.core.params import BandKind, Numeraire
from tests.scenarios.desk import (
    BAND,
    CALL,
    COINS,
    DOLLARS,
    INSTRUMENTS,
    LIMITS,
    LINEAR,
    PERP,
    SECOND,
    SETTLEMENT,
    SPOT,
    build,
    settings,
)

D = Decimal

HEDGES = st.sampled_from([(LINEAR,), (PERP,), (PERP, LINEAR)])
SECONDS = st.sampled_from([0, 1, 1, 2, 4, 6, 30])


class Market(RuleBasedStateMachine):
    """A desk to which anything may happen."""

    @initialize(
        conventions=st.tuples(
            st.sampled_from(Numeraire),
            st.sampled_from(BandKind),
            st.sampled_from([0.5, 1.0, 1.2]),
            st.sampled_from([0.0, 0.5, 1.0]),
        ),
        buy=HEDGES,
        sell=HEDGES,
        cap=st.sampled_from([0.3, 10.0]),
    )
    def open(self, conventions, buy, sell, cap):
        numeraire, kind, coverage, reset = conventions
        band = replace(BAND, kind=kind, lower=-0.04, upper=0.05, reset=reset)
        params = settings(
            band,
            replace(LIMITS, order=cap, position=5.0),
            numeraire=numeraire,
            coverage=coverage,
            hedge_buy=buy,
            hedge_sell=sell,
        )
        self.desk = build(params, [(COINS, "1"), (DOLLARS, "50000"), (CALL, "-2"), (SPOT, "0.5")])
        self.step, self.desk.take = self.desk.take, self.take
        self.settled = 0

    @rule(seconds=SECONDS, move=st.integers(-300, 300))
    def market(self, seconds, move):
        self.desk.now += seconds * SECOND
        self.desk.option(CALL, 0.6, self.desk.price * 1.01)
        self.desk.market(round(self.desk.price * (1 + move / 10_000), 1))

    @rule(seconds=SECONDS)
    def tick(self, seconds):
        self.desk.wait(min(seconds, 6))

    @rule(quiet=st.sets(st.sampled_from([LINEAR, PERP, "index"]), max_size=1))
    def silence(self, quiet):
        self.desk.quiet = quiet

    @rule(wide=st.integers(-400, 400), name=st.sampled_from([LINEAR, PERP]))
    def odd_quote(self, wide, name):
        price = self.desk.price
        self.desk.quote(name, price * (1 + wide / 10_000), price * (1 + wide / 20_000))

    @rule(quantity=st.integers(-20, 20).filter(bool), name=st.sampled_from([SPOT, LINEAR]))
    def by_hand(self, quantity, name):
        self.desk.trade_by_hand(name, str(D(quantity) / 10))

    @precondition(lambda self: self.desk.orders)
    @rule(
        news=st.sampled_from(["accept", "reject", "lose", "miss", "fill", "part", "end", "execute"])
    )
    def outcome(self, news):
        order = self.desk.orders[-1]
        filled = self.desk.state.orders[order.client_order_id].filled
        rest = order.quantity - filled
        half = (
            INSTRUMENTS[order.instrument].lot
            * (rest / INSTRUMENTS[order.instrument].lot / 2).to_integral_value()
        )
        if news in ("accept", "reject", "lose", "miss"):
            getattr(self.desk, news)(order)
        elif news == "end":
            self.desk.end(order, Ending.EXPIRED, filled)
        elif news == "part" and half:
            self.desk.fill(order, half)
        elif rest:
            self.desk.fill(order, rest)
            if news == "execute":
                self.desk.end(order, Ending.FILLED, order.quantity)

    @rule(verb=st.sampled_from(Verb))
    def operator(self, verb):
        self.desk.operate(verb)

    @rule()
    def settlement(self):
        self.desk.now = max(self.desk.now, SETTLEMENT)
        self.settled += 1
        for name in (PERP, LINEAR):
            self.desk.settle(name, f"s{self.settled}")

    @rule(differ=st.booleans())
    def reconcile(self, differ):
        self.desk.reconcile(*(["deribit:BTC"] if differ else []))

    def take(self, event):
        """Let an event happen, and look at once at what left."""
        outcome = self.step(event)
        sent = [c for c in outcome.commands if isinstance(c, Submit)]
        acting = [d for d in outcome.decisions if d.action is Action.ORDER]
        assert [d.client_order_id for d in acting] == [order.client_order_id for order in sent]
        for order, decision in zip(sent, acting, strict=True):
            self.check(order, decision)
        return outcome

    def check(self, order, decision):
        """One order: no guard refused it, and it brings the delta nearer to its goal."""
        instrument = INSTRUMENTS[order.instrument]
        mark = float(self.desk.state.markets.marks[order.instrument].price)
        after, net = decision.net_delta, decision.net_delta
        after += float(order.quantity) * delta_per_contract(instrument, mark, decision.price)
        edge = decision.lower if net < decision.lower else decision.upper
        goal = edge + self.desk.params.underlyings["BTC"].band.reset * (decision.aim - edge)

        assert all(abs(order.quantity) <= verdict.allows for verdict in decision.verdicts)
        assert abs(order.quantity) <= abs(decision.wanted)
        assert 0 == order.quantity % instrument.lot
        assert abs(order.quantity) >= instrument.minimum
        assert 0 == decision.pending
        assert not decision.lower <= net <= decision.upper
        assert abs(after - goal) < abs(net - goal)
        if net > decision.upper:
            assert after >= decision.lower - SLACK
        else:
            assert after <= decision.upper + SLACK
        assert abs(order.price / D(repr(mark)) - 1) <= D("0.003")

    @invariant()
    def one_at_a_time(self):
        assert len(self.desk.state.open_orders("BTC")) <= 1

    @invariant()
    def ids_are_new(self):
        told = [order.client_order_id for order in self.desk.orders]
        assert list(range(1, len(told) + 1)) == [ids.decode(each).sequence for each in told]


Market.TestCase.settings = amount(max_examples=150, stateful_step_count=30, deadline=None)
test_anything = Market.TestCase
