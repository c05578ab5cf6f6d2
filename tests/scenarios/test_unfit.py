"""An instrument that is gone, closed or changed halts its underlying; an expired one does not."""

from dataclasses import replace

import pytest

from rebalancer.core.events import InstrumentUnfit, Unfit, Verb
from rebalancer.core.guards.trading_state import TradingState
from tests.scenarios.desk import (
    CALL,
    ETHER,
    EXPIRY,
    LINEAR,
    PARAMS,
    PERP,
    PUT,
    SPOT,
    build,
    settings,
)


def tell(desk, instrument, how=Unfit.CLOSED):
    """Let an instrument be found unfit."""
    return desk.take(InstrumentUnfit(desk.now, instrument, how, "not traded any more"))


@pytest.mark.parametrize("how", list(Unfit))
@pytest.mark.parametrize("instrument", [LINEAR, CALL])
def test_it_halts(how, instrument):
    """A hedge instrument or a held option: the order on its way is withdrawn, none follows."""
    desk = build(holdings=[(CALL, "-1")])
    desk.option(CALL, 0.5)
    desk.wait(1)
    desk.trade_by_hand(SPOT, "1")
    before = len(desk.orders)
    desk.accept(desk.orders[-1])
    tell(desk, instrument, how)
    desk.wait(3)

    assert TradingState.HALTED is desk.state.mode_of("BTC")
    assert f"{instrument} is {how}" in desk.state.halted["BTC"]
    event = "instrument.changed" if how is Unfit.CHANGED else "instrument.closed"
    assert 1 == desk.alerts.count(event)
    assert before == len(desk.orders)
    assert [desk.orders[-1].client_order_id] == desk.cancels


def test_told_again_it_halts_once():
    """Each look tells it; a person hears it once, and of each instrument."""
    desk = build(holdings=[(CALL, "-1")])
    for _ in range(3):
        tell(desk, LINEAR)
        tell(desk, CALL)

    assert 2 == desk.alerts.count("instrument.closed")
    assert "; " in desk.state.halted["BTC"]


def test_only_arm_lets_go():
    """Neither time nor resume; after arm it halts again as long as it is so."""
    desk = build()
    tell(desk, LINEAR)
    desk.operate(Verb.RESUME)
    desk.wait(5)
    assert TradingState.HALTED is desk.state.mode_of("BTC")

    desk.operate(Verb.ARM)
    assert TradingState.ACTIVE is desk.state.mode_of("BTC")
    tell(desk, LINEAR)
    assert TradingState.HALTED is desk.state.mode_of("BTC")
    assert 2 == desk.alerts.count("instrument.closed")


@pytest.mark.parametrize(
    "instrument",
    [
        PUT,  # not held
        PERP,  # neither held nor a hedge
        ETHER,  # of an underlying that is not hedged
        "deribit:BTC-1JAN30-1-C",  # unknown
    ],
)
def test_what_the_book_does_not_rest_on(instrument):
    """It says nothing of this book."""
    desk = build(holdings=[(CALL, "-1")])
    tell(desk, instrument)

    assert {} == desk.state.halted
    assert not [each for each in desk.alerts if each.startswith("instrument.")]


def test_out_of_scope():
    """What is held and left out of the hedge is left out here too."""
    own = replace(settings().underlyings["BTC"], exclude=(CALL,))
    desk = build(replace(PARAMS, underlyings={"BTC": own}), [(CALL, "-1")])
    tell(desk, CALL)

    assert {} == desk.state.halted


@pytest.mark.parametrize(("before", "halts"), [(1, True), (0, False), (-1, False)])
def test_expired(before, halts):
    """An option that is gone at or after its expiry ended in the ordinary way."""
    desk = build(holdings=[(CALL, "-1")])
    desk.now = EXPIRY - before
    tell(desk, CALL, Unfit.GONE)

    assert halts == ("BTC" in desk.state.halted)
