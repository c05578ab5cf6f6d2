"""Snapshots: a book that is frozen and thawed at any moment decides as one that never was."""

from dataclasses import replace

import pytest

from rebalancer.core import hedger, orders
from rebalancer.core.commands import Alert
from rebalancer.core.events import Tick
from rebalancer.core.knobs import Change, Knob, Tuned
from rebalancer.ports import SECOND
from rebalancer.storage.flight import snapshot
from rebalancer.storage.flight.reader import Reel
from rebalancer.storage.flight.recorder import FlightRecorder, Label, Limits, files
from tests.runtime.stage import Alerts
from tests.scenarios import desk as desks
from tests.scenarios.desk import CALL, EXPIRY, LINEAR, LINEAR_CALL, MINUTE, PUT, SPOT, margined


class Thawed(desks.Desk):
    """A desk that knows before each step only what a snapshot holds."""

    def take(self, event):
        self.state = snapshot.thaw(snapshot.freeze(self.state))
        return super().take(event)


def opened(kind, params, holdings):
    """Return a desk of a kind with its holdings, its markets told."""
    made = kind(params, desks.State(desks.INSTRUMENTS, params, desks.START))
    for instrument, quantity, *role in holdings:
        desks.hold(made.state, instrument, quantity, hedge=bool(role))
    made.market()
    made.reconcile()
    return made


def squeezed(kind):
    """Tell of an account that nears its liquidation, is relieved, and hedges on."""
    wide = desks.settings(limits=desks.replace(desks.LIMITS, net_delta=20.0))
    desk = opened(kind, margined(wide, leverage=20.0), [(SPOT, "10"), (LINEAR, "-10", "hedge")])
    desk.figures(255_000, 5_000, 50_000)
    for price in (100_000.0, 101_000.0, 104_000.0, 108_000.0, 111_000.0):
        desk.wait(3, price)
        for order in desk.orders:
            if desk.state.orders[order.client_order_id].open:
                desk.execute(order)
        if price > 105_000:
            desk.figures(140_000, 4_000, 40_000)
    return desk


def expiring(kind):
    """Tell of options through the half hour in which their settlement price is taken."""
    desk = opened(kind, margined(), [(SPOT, "2"), (CALL, "10"), (PUT, "-5"), (LINEAR_CALL, "-4")])
    desk.figures(300_000)
    desk.now = EXPIRY - 33 * MINUTE
    for minute in range(35):
        desk.now += MINUTE
        desk.market(104_000.0 + 300 * (minute % 7))
        desk.figures(300_000)
        for name in (CALL, PUT, LINEAR_CALL):
            desk.option(name, 0.5 + minute / 1000)
        desk.take(Tick(desk.now))
        for order in desk.orders:
            if desk.state.orders[order.client_order_id].open:
                desk.execute(order)
    return desk


@pytest.mark.parametrize("story", [squeezed, expiring])
def test_the_same_decisions(story):
    """Nothing that is kept between steps is lost in a snapshot, or is another one after it."""
    plain, thawed = story(desks.Desk), story(Thawed)

    assert plain.orders
    assert [repr(each) for each in plain.outcomes] == [repr(each) for each in thawed.outcomes]
    assert snapshot.freeze(plain.state)  # as it stands, all caches full


class Sketched(desks.Desk):
    """A desk on whose sketch each step is tried first: a change of the aim, as `set` shows it."""

    spared, awaited = 0, 0  # steps without an order that is over, and with one whose effect is due

    def take(self, event):
        change = Tuned(self.now, (Change("BTC", Knob.TARGET, 0.0, 0.3),), "", "", "")
        whole, lean = snapshot.thaw(snapshot.freeze(self.state)), snapshot.sketch(self.state)
        self.spared += len(lean.orders) < len(whole.orders)
        self.awaited += any(not each.open for each in lean.orders.values())
        assert repr(whole.open_orders()) == repr(lean.open_orders())
        full, told = (hedger.step(each, change, self.params) for each in (whole, lean))
        assert repr(full) == repr(told)
        assert repr(whole.behaviour) == repr(lean.behaviour)  # what a hedge did is looked at
        return super().take(event)


@pytest.mark.parametrize(("story", "awaits"), [(squeezed, False), (expiring, True)])
def test_a_sketch_decides_alike(story, awaits):
    """Without the orders that are over a change is decided as it will be with them."""
    desk = story(Sketched)

    assert desk.spared
    assert awaits == bool(desk.awaited)


def test_a_sketch_does_not_grow():
    """In a book of ten thousand orders a sketch holds no more than in one of none."""
    desk = squeezed(desks.Desk)
    young, last = len(snapshot.freeze(snapshot.sketch(desk.state))), desk.orders[-1]
    for n in range(orders.REMEMBERED):
        name = f"rb{n:015d}"
        told = replace(last, client_order_id=name)
        desk.state.put(orders.Order(told, orders.OrderState.CANCELED, 0, 1.0))

    assert orders.REMEMBERED == len(desk.state.orders)
    assert young == len(snapshot.freeze(snapshot.sketch(desk.state)))


def test_the_margin_story_tells():
    """The story above does reach the ladder."""
    assert "margin.warned" in [each.event for each in squeezed(desks.Desk).all(Alert)]


def test_fixings_are_kept():
    """The story above does average settlements."""
    state = expiring(Thawed).state

    assert EXPIRY in state.prices._valuation.fixings["BTC"]


def test_a_margined_book_rotates(tmp_path):
    """Files of a book whose margin is watched follow one another, and any can be gone on from."""
    desk, alerts = squeezed(desks.Desk), Alerts()
    label, limits = Label("desk", 1, "0.1.0", "f" * 16), Limits(1 << 30, 10 * SECOND)
    recorder, told = FlightRecorder(tmp_path / "flight", label, limits, alerts), {}
    for _ in range(35):
        desk.now += SECOND
        event = desks.Index(desk.now, desk.now, "deribit", "BTC", desks.Decimal(111_500))
        step = desk.state.sequence + 1
        recorder.note(step, event, desk.state)
        told[step] = repr(desk.take(event))
        recorder.settle(desk.state.now)
    recorder.close(whole=True)

    assert [] == alerts.sent
    assert 4 == len(files(tmp_path / "flight"))
    for path in files(tmp_path / "flight"):
        header = Reel(path).header()
        state = snapshot.thaw(header.snapshot)
        at = header.step + 1
        ts = desk.now - (len(told) - 1 - list(told).index(at)) * SECOND
        event = desks.Index(ts, ts, "deribit", "BTC", desks.Decimal(111_500))
        assert told[at] == repr(hedger.step(state, event, desk.params))
