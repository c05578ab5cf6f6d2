"""Stories of patience: what rests, what ends it, and that nothing is ever hedged twice for it."""

from collections import deque
from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core import hedger, ids
from rebalancer.core.commands import Cancel, Purpose, Style, Submit, TimeInForce
from rebalancer.core.decision import Action, Reason
from rebalancer.core.events import Ending, FeedStatus, FundingRate, OrderRejected, Quote, Tick, Verb
from rebalancer.core.margin.rungs import Rung
from rebalancer.core.memory import Climb
from rebalancer.core.orders import Order, OrderState
from rebalancer.core.params import AT_ONCE, BandKind, BandParams, ExecutionParams
from tests.scenarios import desk as desks
from tests.scenarios.desk import CALL, EXPIRY, LINEAR, MINUTE, SECOND, SPOT, build, settings

D = Decimal
BAND = BandParams(BandKind.FIXED, lower=-1.0, upper=1.0, reset=0.5)
RESTS = ExecutionParams(Style.POST_ONLY)
CHASES = ExecutionParams(Style.CHASE, reprice=3 * SECOND)
SLICES = ExecutionParams(Style.TWAP, slice=0.3, every=5 * SECOND)


def opened(execution=RESTS, spot="1.2", **changes):
    """Return a desk that is a fifth of a half-width outside its band, and hedges with patience."""
    return build(settings(BAND, execution=execution, **changes), [(SPOT, spot)])


def resting(execution=RESTS, spot="1.2"):
    """Return the same with its first order on the venue's book."""
    desk = opened(execution, spot)
    desk.accept(desk.orders[-1])
    return desk


def told(desk):
    """Return what a desk sent: quantity, lifetime and price of orders, reasons of cancels."""
    return [
        (each.quantity, each.time_in_force, each.price)
        if isinstance(each, Submit)
        else str(each.reason)
        for outcome in desk.outcomes
        for each in outcome.commands
        if isinstance(each, Submit | Cancel)
    ]


def reasons(desk):
    """Return why what rested was withdrawn, as it was decided."""
    return [each.reason for each in desk.decisions if each.action is Action.WITHDRAW]


@pytest.mark.parametrize(
    ("holding", "offset", "expected"),
    [
        ((SPOT, "1.2"), 0, (D("-0.700"), "100005.0")),  # sells at the best ask …
        ((LINEAR, "-1.2"), 0, (D("0.700"), "99995.0")),  # … and buys at the best bid
        ((SPOT, "1.2"), 3, (D("-0.700"), "100005.3")),  # or some ticks behind
        ((LINEAR, "-1.2"), 3, (D("0.700"), "99994.7")),
    ],
)
def test_joins_its_own_side(holding, offset, expected):
    """A patient hedge rests where it takes nothing."""
    execution = replace(RESTS, offset_ticks=offset)
    desk = build(settings(BAND, execution=execution), [holding])

    quantity, price = expected
    assert [(quantity, TimeInForce.POST_ONLY, D(price))] == told(desk)
    assert (Style.POST_ONLY, None) == (desk.decision.style, desk.decision.hurried)


def test_never_beyond_the_collar():
    """Where the best price of its side is beyond the collar, it rests at the collar's edge."""
    desk = opened(spot="0")
    desk.quote(LINEAR, bid=99_650, ask=99_750)
    desk.trade_by_hand(SPOT, "1.2")

    assert [] == desk.orders  # the bid that a seller would hit is outside
    desk.quote(LINEAR, bid=99_701, ask=99_702)

    assert D("99702.0") == desk.orders[-1].price
    assert desk.orders[-1].price >= D(99_700)


def test_a_book_with_one_side():
    """Nothing can join a side that is empty: it takes."""
    desk = opened(spot="0")
    empty = Quote(desk.now, desk.now, LINEAR, D("99995"), D(5), None, None)
    desk.take(empty)
    desk.trade_by_hand(SPOT, "1.2")

    assert [(D("-0.700"), TimeInForce.IOC, D("99700.0"))] == told(desk)
    assert (Style.IOC, Reason.NOTHING_RESTS) == (desk.decision.style, desk.decision.hurried)


def test_patience():
    """It rests for as long as patience lasts, is withdrawn, and the rest is taken."""
    desk = resting()
    desk.wait(19)
    first = desk.orders[0]
    assert [first.client_order_id] == [each.client_order_id for each in desk.orders]
    assert [] == desk.cancels

    desk.wait(1)
    assert [first.client_order_id] == desk.cancels
    assert [Reason.PATIENCE_OVER] == reasons(desk)
    desk.wait(3)
    assert 1 == len(desk.orders)  # its end is not proved
    assert 1 == len(desk.cancels)

    desk.fill(first, "-0.200")  # on the way of the cancellation
    desk.end(first, Ending.CANCELED, "-0.200")

    assert [(D("-0.700"), TimeInForce.POST_ONLY, D("100005.0")), "patience_over"] == told(desk)
    assert Reason.INSIDE_BAND == desk.decision.reason  # 1.2 - 0.2: what is left may stay


def test_the_rest_is_taken():
    """Of what was filled in part only the rest is taken, and at once: no interval holds it back."""
    desk = build(
        settings(replace(BAND, min_interval=60 * SECOND), execution=RESTS), [(SPOT, "1.4")]
    )
    first = desk.orders[0]
    desk.accept(first)
    desk.wait(10)
    desk.fill(first, "-0.100")
    desk.wait(10)
    desk.end(first, Ending.CANCELED, "-0.100")

    taken = desk.orders[-1]
    assert (D("-0.800"), TimeInForce.IOC) == (taken.quantity, taken.time_in_force)
    assert (Style.IOC, Reason.PATIENCE_OVER) == (desk.decision.style, desk.decision.hurried)
    assert desk.decision.net_delta == pytest.approx(1.3)
    desk.execute(taken)
    desk.wait(30)

    assert 2 == len(desk.orders)
    assert 0.5 == pytest.approx(desk.decision.net_delta)


def test_fills_that_are_missing():
    """An end that tells of a fill nobody heard of lets nothing leave until it is heard of."""
    desk = resting()
    desk.wait(20)
    first = desk.orders[0]
    desk.end(first, Ending.CANCELED, "-0.100")
    desk.wait(2)
    assert 1 == len(desk.orders)

    desk.fill(first, "-0.100")
    assert (D("-0.600"), TimeInForce.IOC) == (
        desk.orders[-1].quantity,
        desk.orders[-1].time_in_force,
    )


# --- what ends the rest of an order ---------------------------------------------


def _came_back(desk):
    desk.trade_by_hand(SPOT, "-0.4")


def _turned(desk):
    desk.trade_by_hand(SPOT, "-3")


def _grew(desk):
    desk.trade_by_hand(SPOT, "0.4")


def _burst(desk):
    desk.trade_by_hand(SPOT, "1")


def _paused(desk):
    desk.operate(Verb.PAUSE)


def _reduced(desk):
    desk.operate(Verb.REDUCE)


def _silent(desk):
    desk.quiet |= {LINEAR}
    desk.wait(4)


def _blind(desk):
    desk.quiet |= {"index"}
    desk.wait(6)


def _deaf(desk):
    desk.take(FeedStatus(desk.now, "binanceusdm", alive=False))
    desk.take(Tick(desk.now))


def _fallen(desk):
    desk.index(99_000)  # the order to sell stays far above what anybody pays …
    desk.quote(LINEAR, bid=100_400, ask=100_402)  # … and the book does not follow


def _strained(desk):
    desk.state.ladders["binanceusdm:USDT"] = Climb(Rung.WIDEN)
    desk.take(Tick(desk.now))


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (_came_back, Reason.NEED_GONE),
        (_turned, Reason.NEED_GONE),
        (_grew, Reason.FAR_OUTSIDE),
        (_burst, Reason.LIMIT_EXCEEDED),
        (_paused, Reason.NOT_ACTIVE),
        (_reduced, Reason.NOT_ACTIVE),  # it would open a position
        (_silent, Reason.QUOTE_STALE),
        (_blind, Reason.INDEX_STALE),
        (_deaf, Reason.POSITIONS_MISSING),
        (_fallen, Reason.PRICE_OUTSIDE_COLLAR),
        (_strained, Reason.MARGIN_STRAINED),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_withdrawn(happens, reason):
    """What rests comes back as soon as it should not be there, once, and with its reason."""
    desk = resting()
    first = desk.orders[0]
    happens(desk)

    assert [reason] == reasons(desk)[:1]
    assert [first.client_order_id] == desk.cancels
    assert 1 == len(desk.orders)
    assert (first.client_order_id, D("-0.700")) == next(
        (each.client_order_id, each.wanted)
        for each in desk.decisions
        if each.action is Action.WITHDRAW
    )


@pytest.mark.parametrize(("happens", "taken"), [(_grew, D("-1.100")), (_burst, D("-1.700"))])
def test_hurries(happens, taken):
    """What hurries is taken whole as soon as what rested is proved to be gone."""
    desk = resting()
    happens(desk)
    desk.end(desk.orders[0], Ending.CANCELED, "0")

    assert (taken, TimeInForce.IOC) == (desk.orders[-1].quantity, desk.orders[-1].time_in_force)
    assert desk.decision.hurried in (Reason.FAR_OUTSIDE, Reason.LIMIT_EXCEEDED)


def test_need_that_flickers():
    """At the very edge it rests on: a need that is gone is further inside."""
    desk = resting()
    desk.trade_by_hand(SPOT, "-0.25")  # 0.95: inside, by half a tenth
    desk.wait(2)
    assert [] == desk.cancels

    desk.trade_by_hand(SPOT, "-0.1")
    assert [desk.orders[0].client_order_id] == desk.cancels


def test_its_own_fills_are_no_reason():
    """What brought net delta back inside was the order itself: its rest goes on to the goal."""
    desk = resting()
    desk.fill(desk.orders[0], "-0.400")
    desk.wait(5)
    assert [] == desk.cancels

    desk.trade_by_hand(SPOT, "-0.4")  # now it would not have been sent
    assert [Reason.NEED_GONE] == reasons(desk)
    assert D("-0.300") == desk.decisions[-1].wanted


@pytest.mark.parametrize(
    ("less", "seconds", "withdrawn"),
    [
        ("-0.009", 9, False),  # nine of the smallest orders are a crumb of this band
        ("-0.02", 1, False),  # it left just now
        ("-0.02", 2, True),
    ],
)
def test_a_guard_that_caps(less, seconds, withdrawn):
    """In a book that only closes what rests is not put anew for each crumb of net delta."""
    params = settings(replace(BAND, reset=1.0), execution=RESTS)
    desk = build(params, [(SPOT, "-1.3"), (LINEAR, "2.6")])
    desk.accept(desk.orders[0])
    assert D("-1.300") == desk.orders[0].quantity
    desk.operate(Verb.REDUCE)
    desk.trade_by_hand(SPOT, less)
    desk.wait(seconds)

    assert ([Reason.NOT_ACTIVE] if withdrawn else []) == reasons(desk)


def test_halt_and_kill():
    """A halt and a kill withdraw it, and go on until it is gone."""
    desk = resting()
    desk.operate(Verb.KILL)
    first = desk.orders[0].client_order_id
    assert [first] == desk.cancels

    desk.wait(4)
    assert [first] == desk.cancels
    desk.wait(2)
    assert [first, first] == desk.cancels


@pytest.mark.parametrize("verb", [Verb.KILL, Verb.PAUSE])
def test_withdrawn_before_it_was_there(verb):
    """A withdrawal that overtook its order is sent again as soon as the order is there."""
    desk = opened()
    first = desk.orders[0]
    desk.operate(verb)
    before = len(desk.cancels)
    desk.accept(first)
    if verb is Verb.PAUSE:
        desk.market()

    assert [first.client_order_id] == desk.cancels[before:]
    assert OrderState.ACKED == desk.state.orders[first.client_order_id].state
    desk.wait(1)
    assert 1 == len(desk.cancels[before:])


def test_jump():
    """A minute's move of three deviations hurries."""
    desk = opened(spot="0.5")
    desk.state.memory["BTC"].realised.seen = 3600 * SECOND
    desk.state.memory["BTC"].realised.squares = (0.25, 0.25)  # 50 % a year
    desk.state.memory["BTC"].realised.spans = (1.0, 1.0)
    desk.wait(30, 100_000)
    desk.trade_by_hand(SPOT, "0.7")
    desk.accept(desk.orders[-1])
    desk.wait(1, 100_150)  # 0.15 % is about two deviations
    assert [] == desk.cancels

    desk.wait(1, 100_250)
    assert [Reason.PRICE_JUMPED] == reasons(desk)


@pytest.mark.parametrize(
    ("held", "rate", "seconds", "hurries"),
    [
        ("2.2", +0.0001, 20, True),  # it is long and would pay, and the hedge sells
        ("2.2", +0.0001, 40, False),  # not yet
        ("2.2", -0.0001, 20, False),  # it would be paid
        ("-1.0", -0.0001, 20, False),  # it is short and would pay, and the hedge only adds
    ],
)
def test_funding_stamp(held, rate, seconds, hurries):
    """Nobody waits to close what is about to pay."""
    spot = D("1.2") - D(held)
    desk = build(settings(BAND, execution=RESTS), [(SPOT, "0.0"), (LINEAR, held)], active=False)
    desk.market()
    told_ = FundingRate(
        desk.now, desk.now, LINEAR, rate, 8 * 60 * MINUTE, desk.now + seconds * SECOND
    )
    desk.take(told_)
    desk.trade_by_hand(SPOT, str(spot))
    desk.reconcile()

    lifetime = TimeInForce.IOC if hurries else TimeInForce.POST_ONLY
    assert lifetime == desk.orders[0].time_in_force
    assert (Reason.FUNDING_NEAR if hurries else None) == desk.decision.hurried


@pytest.mark.parametrize(
    ("minutes", "calls", "hurries"),
    [(59, "-9", True), (61, "-9", False), (59, "-0.1", False)],
)
def test_last_hour(minutes, calls, hurries):
    """In the last hour of options that turn delta fast nothing rests; of others it does."""
    params = settings(BAND, execution=RESTS)
    desk = build(params, [(CALL, calls)], active=False)
    desk.now = EXPIRY - minutes * MINUTE
    desk.market(110_000)
    desk.option(CALL, 0.6)
    view = hedger.view_of(desk.state, params.underlyings["BTC"])
    desks.hold(desk.state, SPOT, str(round(1.2 - view.exposure.net, 3)))
    desk.reconcile()

    expected = (TimeInForce.IOC, Reason.EXPIRY_NEAR) if hurries else (TimeInForce.POST_ONLY, None)
    assert expected == (desk.orders[0].time_in_force, desk.decision.hurried)


# --- what becomes of the order ---------------------------------------------------


def test_would_have_crossed():
    """Rejected it is put anew at the price of now; twice in a row, and it is taken."""
    desk = opened()
    desk.reject(desk.orders[0])
    desk.market(100_100)
    desk.wait(1)
    assert (TimeInForce.POST_ONLY, D("100105.0")) == (
        desk.orders[1].time_in_force,
        desk.orders[1].price,
    )

    desk.reject(desk.orders[1])
    desk.wait(3)

    assert [TimeInForce.IOC] == [each.time_in_force for each in desk.orders[2:]]
    assert Reason.NOTHING_RESTS == desk.decisions[-1].hurried or Reason.NOTHING_RESTS in [
        each.hurried for each in desk.decisions
    ]


def test_what_would_have_crossed_in_another_hedge():
    """Hedges whose need goes away between two rejections come to one that takes; none halts."""
    params = settings(BAND, execution=RESTS)
    desk = build(replace(params, behaviour=desks.GUARDED.behaviour), [(SPOT, "0.9")])
    for number in range(12):
        desk.wait(20)
        desk.trade_by_hand(SPOT, "0.2")
        order = desk.orders[-1]
        if order.time_in_force is TimeInForce.POST_ONLY:
            desk.reject(order)
        else:
            desk.end(order, Ending.CANCELED, "0")
        desk.trade_by_hand(SPOT, "-0.2")
        assert min(number + 1, 3) <= len(desk.orders)

    assert TimeInForce.IOC == desk.orders[2].time_in_force
    assert {} == desk.state.halted


def test_what_rested_between_is_no_row():
    """Only rejections in a row count: between them one rested until it was withdrawn."""
    desk = opened(replace(CHASES, patience=50 * SECOND))
    desk.reject(desk.orders[0])
    desk.wait(1)
    desk.accept(desk.orders[1])
    desk.wait(5, desk.price - 5)
    desk.end(desk.orders[1], Ending.CANCELED, "0")
    desk.reject(desk.orders[2])
    desk.wait(4)

    assert [TimeInForce.POST_ONLY] * 4 == [each.time_in_force for each in desk.orders]


def test_what_never_left_is_no_rejection_of_the_venue():
    """Orders that our own last check held back do not make the next one take."""
    desk = opened()
    for number in (0, 1):
        name = desk.orders[number].client_order_id
        desk.take(OrderRejected(desk.now, None, name, "too old", sent=False))
        desk.wait(3)

    assert [TimeInForce.POST_ONLY] * 3 == [each.time_in_force for each in desk.orders]


def test_taken_off_by_the_venue():
    """Some venues accept what would cross and cancel it themselves: that is the same."""
    desk = opened()
    for number in (0, 1):
        desk.accept(desk.orders[number])
        desk.end(desk.orders[number], Ending.CANCELED, "0")
        desk.wait(3)

    assert [TimeInForce.POST_ONLY, TimeInForce.POST_ONLY, TimeInForce.IOC] == [
        each.time_in_force for each in desk.orders
    ]


def test_a_withdrawal_is_no_failure():
    """What came to nothing because we withdrew it bars nothing, and no leg loses its turn."""
    desk = resting()
    desk.wait(20)
    desk.end(desk.orders[0], Ending.CANCELED, "0")

    assert 2 == len(desk.orders)
    assert 0 == desk.state.memory["BTC"].failures


def test_unanswered_withdrawal():
    """A withdrawal of which nobody hears leaves the order unknown; it is asked after, and again."""
    desk = resting()
    desk.wait(20)
    first = desk.orders[0]
    asked = len(desk.queries)
    desk.wait(5)

    order = desk.state.orders[first.client_order_id]
    assert OrderState.UNKNOWN == order.state
    assert [first.client_order_id] * 2 == desk.cancels
    assert len(desk.queries) > asked
    assert Reason.OUTCOME_UNKNOWN in [each.reason for each in desk.decisions]

    for _ in range(4):  # it was accepted: that it is not found proves nothing
        desk.wait(6)
        desk.miss(first)
    assert OrderState.UNKNOWN == desk.state.orders[first.client_order_id].state
    assert 1 == len(desk.orders)

    desk.accept(first)  # a question found it: it rests
    desk.end(first, Ending.CANCELED, "0")
    assert (D("-0.700"), TimeInForce.IOC) == (
        desk.orders[-1].quantity,
        desk.orders[-1].time_in_force,
    )


def test_a_withdrawal_that_never_comes_through():
    """A minute after the first try somebody is woken, and the underlying is halted."""
    desk = resting()
    first = desk.orders[0]
    desk.wait(20)
    for _ in range(12):
        desk.wait(5)
        desk.accept(first)  # each question finds it resting

    assert "order.unproven" in desk.alerts
    assert "BTC" in desk.state.halted
    assert 1 == len(desk.orders)
    assert len(desk.cancels) > 8


def test_rests_unseen():
    """An order whose answer is lost and that may rest is withdrawn while it is asked after."""
    desk = opened()
    first = desk.orders[0]
    desk.lose(first)
    desk.take(Tick(desk.now))

    assert [first.client_order_id] == desk.cancels
    assert [Reason.OUTCOME_UNKNOWN] == reasons(desk)
    assert [first.client_order_id] == desk.queries


def test_asked_after_while_it_rests():
    """What rests is no unknown order, and is asked after now and then all the same."""
    patient = replace(RESTS, patience=50 * SECOND)
    desk = resting(patient)
    desk.wait(40)

    assert OrderState.ACKED == desk.state.orders[desk.orders[0].client_order_id].state
    assert 8 == len(desk.queries)
    assert "order.unproven" not in desk.alerts


def test_the_alarm_does_not_wait():
    """A gap that stays open for a minute wakes a person, whatever rests."""
    desk = resting(replace(RESTS, patience=300 * SECOND))
    desk.wait(59)
    assert "delta.unhedged" not in desk.alerts

    desk.wait(2)
    assert "delta.unhedged" in desk.alerts


def _left(epoch=2, underlying="BTC"):
    name = ids.encode(ids.ClientOrderId(1, epoch, 9))
    quantity, price = D("-0.5"), D(101_000)
    told_ = (name, "binanceusdm", LINEAR, quantity, price, TimeInForce.POST_ONLY, False)
    submit = Submit(*told_, Purpose.HEDGE, underlying, desks.START)
    return Order(submit, OrderState.UNKNOWN, desks.START, 1.0, unknown_since=desks.START)


@pytest.mark.parametrize("underlying", ["BTC", "SOL"])
def test_of_an_earlier_start(underlying):
    """What an earlier start left resting is withdrawn, of an underlying that is gone as well."""
    desk = build(settings(BAND, execution=AT_ONCE), [(SPOT, "0.5")], active=False)
    order = _left(underlying=underlying)
    desk.state.put(order)
    desk.take(Tick(desk.now))
    assert [order.submit.client_order_id] == desk.cancels

    desk.now += 6 * SECOND
    desk.take(Tick(desk.now))
    assert [order.submit.client_order_id] * 2 == desk.cancels


# --- what is due inside the band -----------------------------------------------------


def _after_an_interval(execution):
    """Return a desk that hedges inside its band for the first time, by its interval."""
    band = replace(BAND, lower=-2.0, upper=2.0, max_interval=600 * SECOND)
    desk = build(settings(band, execution=execution), [(SPOT, "1.5")])
    desk.wait(600)
    return desk


def test_the_rest_of_a_hedge_inside_the_band():
    """A hedge that its interval asked for goes on to the aim after its first fill."""
    desk = _after_an_interval(RESTS)
    first = desk.orders[0]
    desk.accept(first)
    desk.wait(10)
    desk.fill(first, "-0.100")
    desk.wait(10)
    desk.end(first, Ending.CANCELED, "-0.100")

    taken = desk.orders[-1]
    assert (D("-1.400"), TimeInForce.IOC) == (taken.quantity, taken.time_in_force)
    assert Reason.MAX_INTERVAL == desk.decision.reason
    desk.execute(taken)
    desk.wait(60)
    assert 2 == len(desk.orders)
    assert 0 == pytest.approx(desk.decision.net_delta)


def test_what_took_the_rest_ends_a_hedge_inside_the_band():
    """What the order that took the rest left over waits for the next interval."""
    desk = _after_an_interval(RESTS)
    first = desk.orders[0]
    desk.accept(first)
    desk.fill(first, "-0.100")
    desk.wait(20)
    desk.end(first, Ending.CANCELED, "-0.100")
    desk.end(desk.orders[1], Ending.CANCELED, "0")
    desk.wait(2)
    assert 3 == len(desk.orders)  # it took nothing: the next one does

    desk.fill(desk.orders[2], "-0.500")
    desk.end(desk.orders[2], Ending.CANCELED, "-0.500")
    desk.wait(60)
    assert 3 == len(desk.orders)
    assert Reason.INSIDE_BAND == desk.decision.reason


def test_slices_inside_the_band():
    """Slices of a hedge that an interval asked for go on, and end at the aim."""
    desk = _after_an_interval(replace(SLICES, slice=0.4))
    for _ in range(30):
        if desk.state.open_orders():
            desk.execute(desk.orders[-1])
        desk.wait(1)

    assert [D("-0.400")] * 3 + [D("-0.300")] == [each.quantity for each in desk.orders]
    assert Reason.INSIDE_BAND == desk.decision.reason


# --- chase -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "seconds", "withdrawn"),
    [
        (100_005.0, 9, False),  # where it is
        (100_008.0, 9, False),  # it is alone in front
        (100_004.9, 2, False),  # a tick behind, for now
        (100_004.9, 3, True),
        (100_004.0, 2, False),  # ten ticks
        (100_003.9, 1, False),  # more …
        (100_003.9, 2, True),  # … and it did not leave just now
    ],
)
def test_chase(ask, seconds, withdrawn):
    """It follows the best price: far behind at once, a little behind after a while."""
    desk = resting(CHASES)
    for _ in range(seconds):
        desk.now += SECOND
        desk.market()
        desk.quote(LINEAR, bid=99_995, ask=ask)
        desk.take(Tick(desk.now))

    assert ([Reason.FELL_BEHIND] if withdrawn else []) == reasons(desk)
    if withdrawn:
        desk.end(desk.orders[0], Ending.CANCELED, "0")
        last = desk.orders[-1]
        assert (TimeInForce.POST_ONLY, D(str(ask))) == (last.time_in_force, last.price)


def test_chase_has_one_patience():
    """Each new price is of the same hedge: patience counts from the first of them."""
    desk = resting(CHASES)
    price = 100_000
    for _ in range(20):
        price -= 10
        desk.wait(1, price)
        for order in desk.state.open_orders():
            if order.withdrawn_at is not None:
                desk.end(order.submit, Ending.CANCELED, "0")
                desk.accept(desk.orders[-1])

    lifetimes = [each.time_in_force for each in desk.orders]
    assert TimeInForce.IOC == lifetimes[-1]
    assert {TimeInForce.POST_ONLY} == set(lifetimes[:-1])
    assert Reason.PATIENCE_OVER == reasons(desk)[-1]
    assert 5 < len(lifetimes)


def test_the_throttle_leaves_a_slot_to_what_takes():
    """A chase that used up its orders of a minute is ended by one that takes, in time."""
    chases = replace(CHASES, patience=20 * SECOND)
    params = settings(BAND, execution=chases)
    params = replace(params, behaviour=replace(desks.GUARDED.behaviour, hedges_per_minute=5))
    desk = build(params, [(SPOT, "1.2")])
    desk.accept(desk.orders[0])
    for _ in range(21):
        desk.wait(1, desk.price - 5)
        for order in desk.state.open_orders():
            if order.withdrawn_at is not None:
                desk.end(order.submit, Ending.CANCELED, "0")
            elif order.state is OrderState.SENDING:
                desk.accept(order.submit)

    assert Reason.TOO_MANY_HEDGES in [each.reason for each in desk.decisions]
    seconds = [(each.decided_at - desks.START) // SECOND for each in desk.orders]
    lifetimes = [each.time_in_force for each in desk.orders]
    assert [TimeInForce.POST_ONLY, TimeInForce.POST_ONLY, TimeInForce.IOC] == lifetimes
    assert 20 == seconds[-1]


def test_patience_runs_while_the_throttle_waits():
    """Where patient orders may not even begin, what takes leaves once patience is over."""
    params = settings(BAND, execution=RESTS)
    params = replace(params, behaviour=replace(desks.GUARDED.behaviour, hedges_per_minute=5))
    desk = build(params, [(SPOT, "0.5")])
    desk.state.behaviour.ordered["BTC"] = deque([desk.now, desk.now])
    desk.trade_by_hand(SPOT, "0.7")
    assert Reason.TOO_MANY_HEDGES == desk.decision.reason
    desk.wait(19)
    assert [] == desk.orders
    desk.wait(1)

    assert [TimeInForce.IOC] == [each.time_in_force for each in desk.orders]


# --- twap ----------------------------------------------------------------------------


def test_slices():
    """A slice now and then, each taken; it ends inside the band."""
    desk = opened(SLICES, "1.45")
    desk.execute(desk.orders[0])
    assert [(D("-0.300"), TimeInForce.IOC, D("99700.0"))] == told(desk)
    assert Style.TWAP == next(e for e in desk.decisions if e.action is Action.ORDER).style

    desk.wait(4)
    assert Reason.SLICE_WAITS == desk.decision.reason
    desk.wait(1)
    desk.execute(desk.orders[1])
    desk.wait(30)

    assert [D("-0.300"), D("-0.300")] == [each.quantity for each in desk.orders]
    assert Reason.INSIDE_BAND == desk.decision.reason


def test_slices_take_a_share_of_the_book():
    """A slice is no larger than its share of the book, nor smaller than the venue takes."""
    desk = opened(replace(SLICES, participation=0.02), "1.45")
    assert D("-0.100") == desk.orders[0].quantity  # of five that are shown

    desk = opened(replace(SLICES, participation=0.0), "1.45")
    assert D("-0.001") == desk.orders[0].quantity


def test_the_last_slice():
    """When patience is over the rest is taken whole."""
    desk = opened(replace(SLICES, slice=0.1), "1.45")
    for _ in range(20):
        if desk.state.open_orders():
            desk.execute(desk.orders[-1])
        desk.wait(1)

    sizes = [each.quantity for each in desk.orders]
    assert [D("-0.100")] * 4 == sizes[:4]
    assert desk.decisions[-1].reason is Reason.INSIDE_BAND or D("-0.550") == sizes[4]
