"""Rooms: why nobody knows how an account stands, and what a trade on it is measured by."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core import rooms
from rebalancer.core.commands import Purpose
from rebalancer.core.decision import HedgeIntent, Reason
from rebalancer.core.events import Tick
from rebalancer.core.figures import MarginTold, PoolFigures
from rebalancer.core.guards.margin import Room
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.margin.schedule import flat
from rebalancer.core.memory import Climb
from rebalancer.core.params import AccountTerms
from tests.scenarios.desk import (
    COINS,
    LINEAR,
    MINUTE,
    PARAMS,
    PERP,
    SECOND,
    SPOT,
    WATCHED,
    Desk,
    build,
    margined,
)

D = Decimal
ACCOUNT = "binanceusdm"
DOLLAR_PERP = Instrument(
    "deribit:BTC_USDC-PERPETUAL",
    Kind.PERPETUAL,
    "BTC",
    "USDC",
    lot=D("0.0001"),
    minimum=D("0.0001"),
    tick=D("0.5"),
)


def intent(quantity="-0.1", closing="0", required="0", instrument=LINEAR):
    return HedgeIntent(
        purpose=Purpose.HEDGE,
        underlying="BTC",
        account=instrument.partition(":")[0],
        instrument=instrument,
        quantity=D(quantity),
        position=D(0),
        closing=D(closing),
        hedging=D(0),
        required=D(required),
        delta_per_contract=1.0,
        price=D(100_000),
    )


def measure(desk: Desk, order=None) -> Room | None:
    return rooms.measure(desk.state, desk.params, intent() if order is None else order)


def desk(balance=50_000.0, **terms) -> Desk:
    """Return a desk whose linear account holds nothing and told its figures."""
    made = build(margined(**terms))
    made.figures(balance)
    return made


def absurd(made: Desk) -> None:
    """Let the venue tell that less than nothing is asked."""
    numbers = (D(1), D(1), D(-1), D(0))
    pools = (PoolFigures("USDT", *numbers),)
    made.take(MarginTold(made.now, made.now, ACCOUNT, pools))


def booked(made: Desk) -> None:
    made.now += SECOND
    made.market()
    made.trade_by_hand(LINEAR, "0.001")


def aged(made: Desk) -> None:
    made.now += MINUTE
    made.market()


def unpriced(made: Desk) -> None:
    made.now += 20 * SECOND  # neither mark nor index is young enough
    made.take(Tick(made.now))


@pytest.mark.parametrize(
    ("happens", "reason", "subject"),
    [
        (None, None, f"{ACCOUNT}:USDT"),
        (absurd, Reason.MARGIN_ABSURD, ACCOUNT),
        (booked, Reason.MARGIN_STALE, ACCOUNT),
        (aged, Reason.MARGIN_STALE, ACCOUNT),
        (unpriced, Reason.MARGIN_MISSING, LINEAR),
    ],
)
def test_unknown(happens, reason, subject):
    """What is missing, too old or cannot be true is named."""
    made = desk()
    if happens is not None:
        happens(made)
    room = measure(made)

    assert (reason, subject) == (room.unknown, room.subject)


def test_never_told():
    """An account of which nobody told figures is unknown."""
    assert Reason.MARGIN_MISSING is measure(build(margined())).unknown


def test_no_tiers():
    """What nobody told the tiers of is unknown before the first of it is held."""
    made = build(replace(margined(), terms={}))
    made.figures(50_000.0)

    assert (Reason.TIERS_MISSING, ACCOUNT) == (measure(made).unknown, measure(made).subject)


def test_no_tiers_of_what_is_held():
    """What is asked of a position tells nothing of a larger one."""
    made = build(replace(margined(), terms={}), [(SPOT, "1"), (LINEAR, "-1", "hedge")])
    made.figures(50_000.0, 500.0, 5_000.0)

    assert (Reason.TIERS_MISSING, ACCOUNT) == (measure(made).unknown, measure(made).subject)


def test_one_order_at_a_time():
    """While an order of an account is open nothing more grows there: both would count one room."""
    made = build(margined(), [(SPOT, "1")])
    made.figures(400_000.0)
    before = len(made.orders)
    made.market()

    assert 1 == before
    assert Reason.MARGIN_AWAITED is measure(made).unknown
    assert Room() == measure(made, intent(closing="0.1"))


@pytest.mark.parametrize("params", [PARAMS, margined()])
def test_nobody_asks(params):
    """Where no margin is watched, or a thing is paid in full, there is no room to measure."""
    order = intent() if params is PARAMS else intent(instrument=SPOT)

    assert measure(build(params), order) is None


def test_what_closes():
    """What only closes needs no figures."""
    assert Room() == measure(build(margined()), intent("-0.1", closing="0.1"))


@pytest.mark.parametrize(
    ("balance", "quantity", "leverage", "payable"),
    [
        (51_000.0, "-1", 2.0, 1.0),  # 50 000 and 2 % more
        (25_500.0, "-1", 2.0, 0.5),
        (-1.0, "-1", 2.0, 0.0),
    ],
)
def test_payable(balance, quantity, leverage, payable):
    """An order is paid for out of what is free, with some more."""
    room = measure(desk(balance, leverage=leverage), intent(quantity))

    assert pytest.approx(payable) == room.payable


def test_required():
    """What is required is measured by the next rung too, unless the account was just relieved."""
    made = desk(10_000.0, leverage=20.0)
    order = intent("-0.6", required="0.6")
    far = measure(made, order)
    made.state.ladders[f"{ACCOUNT}:USDT"] = Climb(relieved=True)
    near = measure(made, order)

    assert far.wide == near.wide == near.far < far.far


def test_isolated():
    """An isolated position that is new stands on the margin that comes with it."""
    room = measure(desk(leverage=3.0, isolated=True))

    assert (1.0, LINEAR) == (room.wide, room.subject)
    assert 0.5 > measure(desk(leverage=20.0, isolated=True)).wide


def test_nothing_is_near_nothing():
    """Where nothing is held yet nothing has a distance to its liquidation."""
    assert None is measure(desk(leverage=3.0, isolated=True)).measured


def rivals(together: bool) -> Desk:
    """Return a desk with an order open on the inverse perpetual, and a USDC one beside it."""
    own = replace(PARAMS.underlyings["BTC"], hedge_buy=(PERP,), hedge_sell=(PERP,))
    shares = {"BTC": 1.0, "USDC": 1.0} if together else None
    terms = AccountTerms(leverage=10.0, schedule=flat(0.005), collateral=shares)
    params = replace(PARAMS, underlyings={"BTC": own}, margin=WATCHED, terms={"deribit": terms})
    made = build(params, [(COINS, "2")], active=False)
    made.state.instruments[DOLLAR_PERP.id] = DOLLAR_PERP
    made.market()
    made.mark(DOLLAR_PERP.id)
    numbers = (D(2), D(2), D(0), D(0)), (D(5_000), D(5_000), D(0), D(0))
    coins, dollars = PoolFigures("BTC", *numbers[0]), PoolFigures("USDC", *numbers[1])
    whole = PoolFigures("USD", D(200_000), D(200_000), D(0), D(0), together=True)
    pools = (whole,) if together else (coins, dollars)
    made.take(MarginTold(made.now, made.now, "deribit", pools))
    made.reconcile()
    assert [PERP] == [each.instrument for each in made.orders]
    return made


@pytest.mark.parametrize(("together", "reason"), [(False, None), (True, Reason.MARGIN_AWAITED)])
def test_orders_of_two_currencies(together, reason):
    """Money in another currency is not drawn on by an open order, unless all counts together."""
    order = intent("-0.01", instrument=DOLLAR_PERP.id)

    assert reason is measure(rivals(together), order).unknown
    assert Reason.MARGIN_AWAITED is measure(rivals(together), intent("-1", instrument=PERP)).unknown


@pytest.mark.parametrize(
    ("sold", "reason"),
    [("BTC", Reason.MARGIN_AWAITED), ("USDC", Reason.MARGIN_AWAITED), ("ETH", None)],
)
def test_spot_draws_on_both(sold, reason):
    """Coins that an open order may sell are no margin any more, nor is what it may pay with."""
    made = rivals(False)
    pair = Instrument("deribit:X", Kind.SPOT, sold if sold != "USDC" else "SOL", "USDC")
    settle = replace(pair, settle="USDT") if sold != "USDC" else pair
    made.state.instruments[pair.id] = settle
    (order,) = made.state.open_orders()
    made.state.orders[order.submit.client_order_id] = replace(
        order, submit=replace(order.submit, instrument=pair.id)
    )
    asks = PERP if sold == "BTC" else DOLLAR_PERP.id

    assert reason is measure(made, intent("-0.01", instrument=asks)).unknown


@pytest.mark.parametrize("together", [False, True])
def test_collateral_counted_otherwise(together):
    """Where the venue pools what the settings keep apart, or the reverse, nothing may grow."""
    made = rivals(together)
    made.execute(made.orders[0])
    made.now += SECOND
    made.market()
    whole = PoolFigures("USD", D(200_000), D(200_000), D(0), D(0), together=not together)
    made.take(MarginTold(made.now, made.now, "deribit", (whole,)))
    order = intent("-1", instrument=PERP)

    assert Reason.MARGIN_MODE is measure(made, order).unknown
