"""Stories of a book whose deltas follow the smile."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core import inputs
from rebalancer.core.commands import Alert
from rebalancer.core.events import OptionMark, Tick
from rebalancer.core.params import SmileParams
from rebalancer.core.skewing import EVERY, PATIENCE
from rebalancer.core.smile import Regime
from rebalancer.exchange import black
from rebalancer.runtime import readings
from tests.scenarios.desk import (
    BTC,
    CALL,
    EXPIRY,
    LINEAR_CALL,
    PUT,
    SECOND,
    START,
    build,
    settings,
)

VOLS = {PUT: 0.70, LINEAR_CALL: 0.5601, CALL: 0.5179}  # on a line in ln strike, of slope …
SLOPE = -0.9075
ALL = tuple(VOLS)
TRAVELS = SmileParams(Regime.STICKY_MONEYNESS, ratio=0.0)
FITTED = SmileParams(Regime.MINIMUM_VARIANCE, 0.0, (-0.25, 0.4, -0.5))


def opened(smile):
    """Return a desk that is long ten puts and knows the smile about them, before it hedges."""
    desk = build(settings(smile=smile), holdings=[(PUT, "10")], active=False)
    desk.index()
    goes_on(desk, 2)
    return desk


def goes_on(desk, seconds, names=ALL):
    """Let time pass, some options being marked each second."""
    for _ in range(seconds):
        desk.now += SECOND
        for name in names:
            desk.option(name, VOLS[name])
        desk.market()
        desk.take(Tick(desk.now))


def worth(price, vol, now):
    """Return the worth of ten inverse puts by the exchange's own Black-76, USD."""
    years = (EXPIRY - now) / (365 * 86_400 * SECOND)
    return 10 * black.price(price, 90_000.0, vol * years**0.5, -1)


def bumped(turn, now):
    """Return the delta of ten puts whose vol moves by `turn` for each unit of the log price."""
    up, down = (worth(1e5 + move, VOLS[PUT] + turn * move / 1e5, now) for move in (10, -10))
    return (up - down) / 20


def test_hedged():
    """A smile that travels with the price is hedged by what the puts are then worth."""
    desk = opened(TRAVELS)
    desk.reconcile()
    desk.market()
    whole = bumped(-SLOPE, desk.now)

    assert desk.decision.net_delta == pytest.approx(whole, abs=1e-3)
    assert bumped(0.0, desk.now) < whole - 0.3
    assert float(desk.orders[0].quantity) == pytest.approx(-whole - 0.05, abs=2e-3)


@pytest.mark.parametrize("ratio", [0.5, 2.0])
def test_ratio(ratio):
    """Any skew stickiness turns the vols as far as it says."""
    desk = opened(SmileParams(Regime.STICKY_MONEYNESS, ratio=ratio))

    turn = (ratio - 1) * SLOPE
    assert desk.decision.net_delta == pytest.approx(bumped(turn, desk.now), abs=1e-3)


def test_minimum_variance():
    """Coefficients need no curve: one option is enough."""
    desk = build(settings(smile=FITTED), holdings=[(PUT, "10")], active=False)
    desk.index()
    goes_on(desk, 2, (PUT,))
    years = (EXPIRY - desk.now) / (365 * 86_400 * SECOND)
    delta = black.delta(1e5, 90_000.0, VOLS[PUT] * years**0.5, +1)
    turn = (-0.25 + 0.4 * delta - 0.5 * delta**2) / years**0.5

    assert desk.decision.net_delta == pytest.approx(bumped(turn, desk.now), abs=1e-3)
    assert {} == readings.smiles(desk.state, "BTC")


def test_cap():
    """No delta is moved by more than the cap."""
    desk = opened(SmileParams(Regime.STICKY_MONEYNESS, ratio=0.0, cap=0.01))

    moved = desk.decision.net_delta - bumped(0.0, desk.now)
    assert moved == pytest.approx(10 * 0.01, abs=1e-3)


def test_lost():
    """Where the marks no longer draw a smile strikes are sticky again, and a person hears of it."""
    desk = opened(TRAVELS)
    followed = desk.decision.net_delta
    goes_on(desk, 31 + EVERY // SECOND, (PUT,))  # the others grow too old
    lost = desk.decision.net_delta

    assert followed == pytest.approx(bumped(-SLOPE, START), abs=0.01)
    assert lost == pytest.approx(bumped(0.0, desk.now), abs=1e-3)
    assert "smile.lost" not in desk.alerts
    assert [None] == [each["method"] for each in readings.smiles(desk.state, "BTC").values()]

    goes_on(desk, (PATIENCE + 2 * EVERY) // SECOND, (PUT,))
    assert 1 == desk.alerts.count("smile.lost")

    goes_on(desk, 2 + EVERY // SECOND)
    assert 1 == desk.alerts.count("smile.found")
    assert desk.decision.net_delta == pytest.approx(bumped(-SLOPE, desk.now), abs=1e-3)


def test_rough():
    """One mark that no curve can meet takes the smile away from its whole expiry."""
    desk = opened(TRAVELS)
    vols = VOLS | {LINEAR_CALL: 0.80}
    for _ in range(2 + EVERY // SECOND):
        desk.now += SECOND
        for name, vol in vols.items():
            desk.option(name, vol)
        desk.market()
        desk.take(Tick(desk.now))

    assert desk.decision.net_delta == pytest.approx(bumped(0.0, desk.now), abs=1e-3)


def test_told():
    """What a decision rests on names the curve of each expiry."""
    desk = opened(TRAVELS)
    told = inputs.of(desk.state, desk.params, desk.decision)
    rows = dict(zip(told.subjects, zip(told.kinds, told.values, strict=True), strict=True))
    kind, (points, worst, slope) = rows["deribit:BTC-27FEB26"]

    assert (inputs.Input.SMILE, 3.0) == (kind, points)
    assert worst < 0.1
    assert slope == pytest.approx(SLOPE, abs=0.01)
    assert BTC.smile is None  # the default: nothing follows anything


def test_off():
    """Without the setting the same marks leave the plain delta, and nothing is fitted."""
    desk = opened(None)

    assert desk.decision.net_delta == pytest.approx(bumped(0.0, desk.now), abs=1e-3)
    assert {} == readings.smiles(desk.state, "BTC")


def told(desk, own, seconds):
    """Let a venue tell a put's delta second by second."""
    vol = VOLS[PUT]
    for _ in range(seconds):
        desk.now += SECOND
        mark = OptionMark(desk.now, desk.now, PUT, _price(desk, vol), vol, desk.price, own)
        desk.take(mark)
        desk.market()
        desk.take(Tick(desk.now))


def _price(desk, vol):
    """Return the put's price in coin."""
    return Decimal(str(round(worth(desk.price, vol, desk.now) / 10 / desk.price, 4)))


def venue_delta(desk):
    """Return what the venue should tell."""
    years = (EXPIRY - desk.now) / (365 * 86_400 * SECOND)
    return black.delta(desk.price, 90_000.0, VOLS[PUT] * years**0.5, -1)


def lone(price=100_000.0):
    """Return a desk that holds ten puts, with a plain delta."""
    desk = build(settings(), holdings=[(PUT, "10")], active=False)
    desk.index(price)
    return desk


def test_a_venues_delta():
    """A told delta that is Black's is no news; one far off is told once, and used for nothing."""
    desk = lone()
    told(desk, venue_delta(desk), 90)
    plain = desk.decision.net_delta
    assert [] == [each for each in desk.alerts if each.startswith("delta.d")]

    told(desk, venue_delta(desk) + 0.05, 100)
    assert 1 == desk.alerts.count("delta.disagreed")
    assert desk.decision.net_delta == pytest.approx(plain, abs=1e-3)

    told(desk, venue_delta(desk), 11)
    assert 1 == desk.alerts.count("delta.agreed")


def test_a_delta_that_stands_still():
    """A told delta that does not move while the price does is old, and that is what is said."""
    desk = lone(96_000.0)
    told(desk, own := venue_delta(desk) + 0.015, 11)
    desk.price = 99_000.0
    told(desk, own, 90)

    (alert,) = (each for each in desk.all(Alert) if each.event == "delta.disagreed")
    assert "stands at" in alert.text


@pytest.mark.parametrize("own", [None, float("nan")])
def test_no_delta(own):
    """A venue that tells no delta, or none that is a number, is not held against ours."""
    desk = lone()
    told(desk, own, 90)

    assert [] == [each for each in desk.alerts if each.startswith("delta.d")]


def test_neighbours_draw_no_slope():
    """Two marks near one another, each true to a point, say nothing of how the smile leans."""
    desk = build(settings(smile=TRAVELS), holdings=[(PUT, "10")], active=False)
    desk.index()
    near = PUT.replace("90000", "90500")
    desk.state.instruments[near] = replace(
        desk.state.instruments[PUT], id=near, strike=Decimal(90_500)
    )
    for turn in range(40):
        desk.now += SECOND
        for name, vol in ((PUT, 0.70), (near, 0.70 + 0.002 * (turn % 2))):
            forward = desk.price
            told = desk.state.instruments[name]
            years = (EXPIRY - desk.now) / (365 * 86_400 * SECOND)
            worth_ = black.price(forward, float(told.strike), vol * years**0.5, -1) / forward
            price = Decimal(str(round(worth_, 6)))
            desk.take(OptionMark(desk.now, desk.now, name, price, vol, forward))
        desk.market()
        desk.take(Tick(desk.now))

    assert all(each.smile is None for each in desk.state.prices.curves.found["BTC"].values())
    assert "smile.lost" in desk.alerts


def test_what_is_bought_follows_at_once():
    """An option of an expiry whose smile is known is hedged by it with its first booking."""
    desk = opened(TRAVELS)
    desk.reconcile()
    desk.market()
    for order in desk.orders:
        desk.execute(order)
    before = desk.decision.net_delta
    desk.wait(1)
    desk.trade_by_hand(CALL, "5")
    sticky = desk.state.prices.inputs[CALL]

    assert sticky.turn == pytest.approx(-SLOPE, rel=0.05)
    assert abs(before) < 1.0
