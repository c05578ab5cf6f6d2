"""Adoption: what venues hold becomes the book's, at a first start or when an operator asks."""

from decimal import Decimal

from rebalancer.core.events import Adopted, Ending, Fill, Mark, PositionReport, Verb
from rebalancer.errors import Unavailable
from rebalancer.runtime.adoption import Adoption
from rebalancer.runtime.inbox import Inbox
from rebalancer.settings.catalogue import known
from tests.runtime.stage import Lines
from tests.scenarios import desk as desks

D = Decimal


class Told:
    """A venue that says what it holds."""

    account = "deribit"

    def __init__(self, *rows, silent=False):
        self.rows, self.silent = rows, silent

    async def positions(self):
        if self.silent:
            raise Unavailable("deribit does not answer")
        return [PositionReport(1, 1, "deribit", *row) for row in self.rows]


class Clock:
    def now(self):
        return desks.START


async def adopted(desk, venue):
    """Let a desk adopt; return whether it did and what it adopted."""
    inbox, log = Inbox(), Lines()
    done = await Adoption(desk.state, {"deribit": venue}, inbox, Clock(), log).adopt()
    found = [event for event in inbox.drain() if isinstance(event, Adopted)]
    for event in found:
        desk.take(event)
    return done, found, log


async def test_only_what_differs():
    """What the ledger explains is left as it is; the rest takes the entry that the venue tells."""
    desk = desks.build(holdings=[(desks.COINS, "10"), (desks.PERP, "-1000", "hedge")])
    venue = Told(
        (desks.COINS, D(10)), (desks.PERP, D(-1500), D(99_000)), (desks.CALL, D(-2), D("0.05"))
    )

    done, found, _ = await adopted(desk, venue)

    assert done
    assert {desks.PERP: D(99_000), desks.CALL: D("0.05")} == {e.instrument: e.entry for e in found}
    held = desk.state.ledger.position("deribit", desks.PERP)
    assert (D(-1500), D(-1000)) == (held.quantity, held.hedge)
    assert desk.alerts.count("position.adopted") == 2


async def test_what_the_venue_leaves_out():
    """A position that the venue does not name is held no more."""
    desk = desks.build(holdings=[(desks.PERP, "-1000", "hedge")])

    await adopted(desk, Told())

    assert D(0) == desk.state.ledger.position("deribit", desks.PERP).quantity


async def test_without_an_entry():
    """Where the venue tells no entry the mark stands for it."""
    desk = desks.build()
    desk.take(Mark(desk.now, desk.now, desks.PERP, D(101_000)))

    _, (found,), _ = await adopted(desk, Told((desks.PERP, D(-10))))

    assert D(101_000) == found.entry


async def test_silence_adopts_nothing():
    """A venue that does not answer, and what no setting describes, are not adopted."""
    desk = desks.build()

    assert (False, []) == (await adopted(desk, Told(silent=True)))[:2]
    done, found, log = await adopted(desk, Told(("deribit:NOTHING", D(1), D(1))))
    assert (True, []) == (done, found)
    assert ["reconcile.unanswered"] == log.events()


async def test_what_somebody_else_describes():
    """What no setting names is adopted where its terms are known all the same."""
    desk = desks.build()
    name = "deribit:BTC-25DEC26-90000-C"
    inbox, venue = Inbox(), Told((name, D(2), D("0.05")))
    await Adoption(desk.state, {"deribit": venue}, inbox, Clock(), Lines(), known).adopt()

    assert [(name, D(2))] == [(each.instrument, each.quantity) for each in inbox.drain()]


def test_an_operator_adopts_and_arms():
    """After a difference halted the book, adopting and arming lets it hedge what is there."""
    desk = desks.build(holdings=[(desks.COINS, "2"), (desks.PERP, "-20000", "hedge")])
    desk.reconcile("deribit:BTC: venue less ledger is 1")
    desk.operate(Verb.ADOPT)
    desk.take(Adopted(desk.now, desk.now, "deribit", desks.COINS, D(3), D(1)))
    assert [] == desk.orders

    desk.operate(Verb.ARM)
    desk.reconcile()
    desk.wait(2)

    assert D(3) == desk.state.ledger.balance("deribit", "BTC")
    assert desk.orders


def test_a_fill_that_was_adopted_already():
    """A fill that is told after its position was adopted ends its order and is not booked twice."""
    desk = desks.build(holdings=[(desks.SPOT, "2")])
    [order] = desk.orders
    desk.lose(order)
    asked = desk.now
    desk.wait(2)
    desk.reconcile("binanceusdm: venue less ledger is -1.95")
    desk.take(Adopted(desk.now, asked + 1, order.account, order.instrument, order.quantity, D(1)))
    late = Fill(
        *(desk.now, asked, order.account, order.instrument, "t1", order.client_order_id),
        *(order.quantity, order.price, D(0), "USDT"),
    )
    desk.take(late)
    desk.end(order, Ending.FILLED, order.quantity)

    assert order.quantity == desk.state.ledger.position(order.account, order.instrument).quantity
    assert [] == desk.state.open_orders()
