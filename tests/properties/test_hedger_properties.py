"""Whatever happens, and in whatever order: what leaves is allowed, useful and alone."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import settings as amount
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rebalancer.core import ids
from rebalancer.core.band import SLACK
from rebalancer.core.commands import Submit
from rebalancer.core.decision import Action
from rebalancer.core.events import Ending, FundingPaid, Index, Tick, Verb
from rebalancer.core.params import BandKind, Numeraire
from tests.scenarios.desk import (
    BAND,
    CALL,
    COINS,
    DOLLARS,
    FUTURE,
    INSTRUMENTS,
    LIMITS,
    LINEAR,
    LINEAR_FUTURE,
    PERP,
    SECOND,
    SETTLEMENT,
    SPOT,
    build,
    settings,
)

D = Decimal

HEDGES = st.sampled_from([(LINEAR,), (PERP,), (PERP, LINEAR), (LINEAR_FUTURE, LINEAR)])
EXCLUDED = FUTURE  # settles in coins, on the account of the coins that are hedged
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
            exclude=(EXCLUDED,),
        )
        held = [(COINS, "1"), (DOLLARS, "50000"), (CALL, "-2"), (SPOT, "0.5")]
        held += [(LINEAR_FUTURE, "0.3"), (EXCLUDED, "30000")]
        self.desk = build(params, held)
        self.step, self.desk.take = self.desk.take, self.take
        self.settled = 0

    @rule(seconds=SECONDS, move=st.integers(-300, 300))
    def market(self, seconds, move):
        self.desk.now += seconds * SECOND
        self.desk.option(CALL, 0.6, self.desk.price * 1.01)
        self.desk.mark(LINEAR_FUTURE, round(self.desk.price * 1.02, 1))
        self.desk.quote(LINEAR_FUTURE, self.desk.price * 1.0199, self.desk.price * 1.0201)
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

    @rule(factor=st.sampled_from([0.01, 0.5, 0.94, 0.97, 1.03, 1.06, 2.0, 100.0]))
    def false_index(self, factor):
        price = D(str(round(self.desk.price * factor, 1)))
        self.desk.take(Index(self.desk.now, self.desk.now, "deribit", "BTC", price))

    @rule(word=st.sampled_from([(60.0, 1.0), (10.1, 1.0), (0.6, 1e-3), (0.6, 300.0)]))
    def false_option_word(self, word):
        vol, factor = word
        before = dict(self.desk.state.markets.options)
        self.desk.option(CALL, vol, self.desk.price * factor)
        assert before == self.desk.state.markets.options or 1.0 != factor

    @rule(how=st.sampled_from(["settle", "fund", "trade"]), lots=st.integers(-9, 9).filter(bool))
    def excluded(self, how, lots):
        """Whatever happens to what is out of scope changes no number of any decision."""
        desk = self.desk
        before = desk.take(Tick(desk.now)).decisions[0]
        sent = len(desk.orders)
        self.settled += 1
        if how == "settle":
            desk.settle(EXCLUDED, f"s{self.settled}")
        elif how == "trade":
            desk.trade_by_hand(EXCLUDED, str(lots * 1_000))
        else:
            paid = D(lots) / 10
            key = f"f{self.settled}"
            desk.take(FundingPaid(desk.now, desk.now, "deribit", EXCLUDED, key, paid, "BTC"))
        after = desk.decision

        assert sent == len(desk.orders)
        for part in ("net_delta", "aim", "lower", "upper", "price"):
            assert getattr(before, part) == pytest.approx(getattr(after, part), abs=1e-9)

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
        state = self.desk.state
        told, quote = state.markets.marks[order.instrument], state.markets.quotes[order.instrument]
        young = state.now - told.ts_local <= 5 * SECOND
        mark = float(told.price) if young else decision.price
        size, net = float(order.quantity * instrument.size), decision.net_delta
        dated = instrument.expiry is not None
        after = net + (
            size / mark if instrument.inverse else size * (mark / decision.price if dated else 1)
        )
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
        assert abs(float(quote.bid + quote.ask) / 2 / decision.price - 1) <= 0.05
        assert EXCLUDED != order.instrument

    @invariant()
    def one_at_a_time(self):
        assert len(self.desk.state.open_orders("BTC")) <= 1

    @invariant()
    def ids_are_new(self):
        told = [order.client_order_id for order in self.desk.orders]
        assert list(range(1, len(told) + 1)) == [ids.decode(each).sequence for each in told]


Market.TestCase.settings = amount(max_examples=150, stateful_step_count=30, deadline=None)
test_anything = Market.TestCase
