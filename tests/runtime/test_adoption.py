"""Adoption: what venues hold becomes the book's, at a first start or when an operator asks."""

from decimal import Decimal

import pytest

from rebalancer.core.events import Adopted, Ending, Fill, FundingPaid, Mark, PositionReport, Verb
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND
from rebalancer.runtime.adoption import AT_START, Adoption
from rebalancer.runtime.inbox import Inbox
from rebalancer.settings.catalogue import known
from tests.runtime.stage import Lines
from tests.scenarios import desk as desks

D = Decimal


class Told:
    """A venue that says what it holds, one list after the other, the last for ever."""

    account = "deribit"

    def __init__(self, *rows, then=(), silent=False, meanwhile=lambda: None):
        self.lists, self.silent, self.meanwhile = [rows, *then], silent, meanwhile

    async def positions(self):
        if self.silent:
            raise Unavailable("deribit does not answer")
        rows = self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]
        self.meanwhile()
        return [PositionReport(1, 1, "deribit", *row) for row in rows]


class Clock:
    """A clock that moves when somebody waits."""

    def __init__(self):
        self.ts = desks.START

    def now(self):
        return self.ts

    async def sleep(self, duration):
        self.ts += duration


async def adopted(desk, venue, *before):
    """Let a desk adopt; return whether it did and what it adopted.

    Args:
        before: Events that wait in the inbox.
    """
    inbox, log = Inbox(), Lines()
    for event in before:
        inbox.put(event)
    adoption = Adoption(desk.state, {"deribit": venue}, inbox, Clock(), log)
    done = await adoption.adopt(4 * SECOND)
    found = [event for event in inbox.drain() if isinstance(event, Adopted)]
    for event in found:
        desk.take(event)
    return done, found, log


async def test_only_what_differs():
    """What the ledger explains is left as it is; the rest takes the entry that the venue tells."""
    held = [(desks.COINS, "10"), (desks.PERP, "-1000", "hedge")]
    desk = desks.build(holdings=held, active=False)
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
    desk = desks.build(holdings=[(desks.PERP, "-1000", "hedge")], active=False)

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


def by_hand(ts, quantity="-10", key="h1", price="100000"):
    """Return a fill of the perpetual that somebody made by hand."""
    return Fill(
        *(desks.START, ts, "deribit", desks.PERP, key, None, D(quantity), D(price)),
        *(D("0.001"), "BTC"),
    )


@pytest.mark.parametrize("story", ["order", "booked", "on its way", "lagging"])
async def test_nothing_is_adopted_while_something_moves(story):
    """An open order, a booking between the readings or a list that lags: all would count twice."""
    rows, then, before = ((desks.PERP, D(-10), D(100_000)),), (), ()
    desk = desks.build(holdings=[(desks.SPOT, "2")] if story == "order" else ())
    meanwhile = lambda: None  # noqa: E731
    if story == "booked":
        meanwhile = lambda: desk.take(by_hand(desk.now, key=f"h{len(desk.outcomes)}"))  # noqa: E731
    if story == "on its way":
        before = (by_hand(desk.now),)
    if story == "lagging":
        then = ((), ())

    done, found, log = await adopted(desk, Told(*rows, then=then, meanwhile=meanwhile), *before)

    assert (False, []) == (done, found)
    assert ["adoption.waits"] == log.events()


class Lagging(Told):
    """A venue whose lists tell a trade of the start only some seconds later."""

    def __init__(self, clock, *rows, lag):
        super().__init__(*rows)
        self.clock, self.lag = clock, lag

    async def positions(self):
        return await super().positions() if self.clock.ts - desks.START >= self.lag else []


async def test_lists_that_lag_behind_what_was_heard():
    """Where a trade was heard already, two lists near each other may both be of before it.

    They were adopted as the account without its trade, and hedged so.
    """
    desk, clock, log, inbox = desks.build(), Clock(), Lines(), Inbox()
    desk.take(by_hand(desk.now))
    venue = Lagging(clock, (desks.PERP, D(-10), D(100_000)), lag=8 * SECOND)
    adoption = Adoption(desk.state, {"deribit": venue}, inbox, clock, log)

    tries = [await adoption.adopt(AT_START) for _ in range(2)]

    assert [False, True] == tries
    assert ["adoption.waits"] == log.events()
    assert desks.PERP not in {each.instrument for each in inbox.drain()}


async def test_what_came_before_and_after():
    """What the venue dates before the moment of adoption is in it, what it dates after is not.

    So it is for every booking of the account: also for one of a holding that agreed, and for a
    position that the venue leaves out.
    """
    desk = desks.build(holdings=[(desks.COINS, "1"), (desks.CALL, "1"), (desks.PERP, "5")])
    told = Told((desks.COINS, D(2)), (desks.CALL, D(1)))  # it was paid, and the perpetual closed

    await adopted(desk, told)
    ledger, moment = desk.state.ledger, desks.START + 2 * SECOND
    for ts in (moment - SECOND, moment + SECOND):
        desk.take(FundingPaid(desk.now, ts, "deribit", desks.CALL, f"f{ts}", D("0.5"), "BTC"))
        desk.take(by_hand(ts, quantity="7", key=f"h{ts}"))

    assert D("2.499") == ledger.balance("deribit", "BTC")
    assert D(7) == ledger.position("deribit", desks.PERP).quantity


async def test_adopted_books_must_agree():
    """What was adopted is traded only after a look that agrees with it."""
    desk = desks.build(holdings=[(desks.COINS, "0.01")])
    await adopted(desk, Told((desks.COINS, D(3))))
    desk.wait(2)
    assert (TradingState.RECONCILING, []) == (desk.state.mode, desk.orders)

    desk.reconcile()
    assert desk.orders


async def test_what_somebody_else_describes():
    """What no setting names is adopted where its terms are known all the same."""
    desk = desks.build()
    name = "deribit:BTC-25DEC26-90000-C"
    inbox, venue = Inbox(), Told((name, D(2), D("0.05")))
    await Adoption(desk.state, {"deribit": venue}, inbox, Clock(), Lines(), known).adopt(1)

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
