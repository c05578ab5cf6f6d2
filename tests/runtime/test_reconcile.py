"""Reconciliation: a difference must be seen twice, with nothing in between, to count."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core import adopting
from rebalancer.core import ledger as books
from rebalancer.core.events import (
    AccountRead,
    Ending,
    FeedStatus,
    Fill,
    OrderEnded,
    OrderUnknown,
    PositionReport,
    Reconciled,
    VenueHeld,
)
from rebalancer.core.ledger import Ledger
from rebalancer.core.positions import Position
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND
from rebalancer.runtime.reconcile import Reconciler, differences
from tests.runtime.stage import VENUE, ScriptedVenue, market, play
from tests.scenarios.desk import COINS, DOLLARS, ETHER, INSTRUMENTS, LINEAR, SPOT

D = Decimal


def reports(**rows):
    """Return what a venue says it holds."""
    names = {"linear": LINEAR, "dollars": DOLLARS, "ether": ETHER, "odd": f"{VENUE}:ODD"}
    return [PositionReport(0, 0, VENUE, names[name], D(held)) for name, held in rows.items()]


class Archives:
    """Archives that count what they are asked for."""

    def __init__(self, told=lambda: True):
        self.told, self.asked = told, 0

    def ask(self):
        self.asked += 1


def ledger(linear="0", dollars="0"):
    """Return a ledger with something in the account, and more in others."""
    made = Ledger()
    if D(linear):
        made.positions[VENUE, LINEAR] = Position(D(linear), D(1))
    if D(dollars):
        made.cash[VENUE, "USDT"] = D(dollars)
    made.positions["binance", SPOT] = Position(D(5), D(1))
    made.positions["outside", LINEAR] = Position(D(5), D(1))
    made.cash["outside", "USDT"] = D(5)
    return made


@pytest.mark.parametrize(
    ("own", "told", "count"),
    [
        ({}, {}, 0),
        ({"linear": "1"}, {"linear": "1"}, 0),
        ({"linear": "1"}, {"linear": "1.000"}, 0),
        ({"linear": "1"}, {"linear": "1.00000001"}, 1),  # contracts agree exactly
        ({"linear": "1"}, {"linear": "-1"}, 1),
        ({"linear": "1"}, {}, 1),  # a missing row is no flat
        ({}, {"linear": "1"}, 1),
        ({}, {"linear": "0"}, 0),
        ({"dollars": "100"}, {"dollars": "100.0001"}, 0),  # what rounding makes of many figures
        ({"dollars": "100"}, {"dollars": "100.000101"}, 1),
        ({"dollars": "100"}, {}, 1),
        ({"dollars": "0.0001"}, {}, 0),
        ({}, {"dollars": "0"}, 0),
        ({}, {"odd": "3"}, 1),  # held there, and described nowhere
        ({}, {"odd": "0"}, 0),
        ({}, {"odd": "0.000001"}, 0),
        ({}, {"odd": "0.0000011"}, 1),
        ({"dollars": "0.000101"}, {}, 1),
        ({"linear": "1", "dollars": "5"}, {"ether": "2"}, 3),
    ],
)
def test_differences(own, told, count):
    """Each holding that does not agree makes one line; other accounts make none."""
    assert count == len(differences(ledger(**own), VENUE, reports(**told), INSTRUMENTS))


def look(story):
    """Run a story with a reconciler; return what it said."""

    async def wrapped(stage):
        stage.reconciler = Reconciler(
            stage.state, {VENUE: stage.venue}, stage.inbox, stage.clock, stage.log
        )
        stage.heard = []

        async def once():
            await stage.reconciler.look()
            stage.heard.append([e.differences for e in stage.drained() if type(e) is Reconciled])

        stage.look = once
        await story(stage)

    return play(wrapped)


@pytest.mark.parametrize(
    ("amounts", "gap", "agrees"),
    [(1, "0.0000009", True), (1, "0.000003", False), (1_000, "0.000003", True)],
)
def test_roundings_add_up(amounts, gap, agrees):
    """Each amount that a venue rounds may move a balance by half a unit; after many they show."""
    book = Ledger()
    for _ in range(amounts):
        books.credit(book, "deribit", "BTC", D("0.001"))
    told = book.balance("deribit", "BTC") + D(gap)
    row = PositionReport(0, 0, "deribit", COINS, told)

    assert agrees is not bool(differences(book, "deribit", [row], INSTRUMENTS))

    adopting.adopt(book, row, INSTRUMENTS[COINS], D(1))
    assert ({}, {}) == (book.credits, differences(book, "deribit", [row], INSTRUMENTS))


def test_agreement_counts_at_once():
    """One look that finds nothing is enough."""

    async def story(stage):
        await stage.look()

    assert [[()]] == look(story).heard


def test_difference_needs_two_looks():
    """The same difference twice is one; every further look repeats it."""

    async def story(stage):
        stage.venue.held[LINEAR] = D(1)
        for _ in range(3):
            await stage.look()

    first, second, third = look(story).heard

    assert [] == first
    assert second == third
    assert 1 == len(second[0])


@pytest.mark.parametrize("between", ["other", "agreed"])
def test_passing_difference(between):
    """A difference that changed or went away in between begins anew."""

    async def story(stage):
        stage.venue.held[LINEAR] = D(1)
        await stage.look()
        if between == "other":
            stage.venue.held[LINEAR] = D(2)
        else:
            stage.venue.held.clear()
            await stage.look()
            stage.venue.held[LINEAR] = D(1)
        await stage.look()

    heard = look(story).heard

    assert [] == heard[0]
    assert [] == heard[-1]


@pytest.mark.parametrize(
    ("held", "told"),
    [
        ((1, 2, 3), [0, 0, 1]),  # never the same and never gone
        ((1, 2, 3, 3, 4), [0, 0, 1, 1, 1]),
        ((1, -1, 1, -1), [0, 0, 0, 0]),  # on this side and on that: something is on its way
        ((1, 2, 0, 1, 2), [0, 0, 0, 0, 0]),  # it was gone in between
        ((-1, -3, -2), [0, 0, 1]),
    ],
)
def test_a_difference_that_moves(held, told):
    """One that each look finds on the same side, however large, is told at the third."""

    async def story(stage):
        for each in held:
            stage.venue.held.clear()
            if each:
                stage.venue.held[LINEAR] = D(each)
            await stage.look()

    assert told == [sum(map(len, lines)) for lines in look(story).heard]


@pytest.mark.parametrize("after", [1, 2])
def test_a_difference_beside_a_silence(after):
    """A look that an account does not answer proves nothing of what the one before found."""

    async def story(stage):
        stage.venue.held[LINEAR] = D(1)
        await stage.look()
        stage.venue.positions_error = Unavailable("down")
        await stage.look()
        stage.venue.positions_error = None
        stage.venue.held[LINEAR] = D(after)
        await stage.look()
        await stage.look()

    told = [sum(map(len, lines)) for lines in look(story).heard]

    assert [0, 0, 1, 1] == told if after == 1 else [0, 0, 0, 1] == told


def test_nothing_counts_before_the_past_is_told():
    """What was booked while nobody listened is told first; until then nothing is compared."""

    async def story(stage):
        stage.venue.held[LINEAR] = D(1)
        stage.reconciler._archives = Archives(lambda: len(stage.heard) >= 3)
        for _ in range(5):
            await stage.look()

    assert [0, 0, 0, 0, 1] == [len(each) for each in look(story).heard]


def test_what_is_told_late_is_asked_for():
    """A difference has the archives asked again, and counts only once they have answered."""

    async def story(stage):
        stage.venue.held[LINEAR] = D(1)
        archives = stage.reconciler._archives = Archives()
        await stage.look()
        assert 1 == archives.asked
        archives.told = lambda: False
        await stage.look()
        assert [[], []] == stage.heard
        archives.told = lambda: True
        await stage.look()
        assert (1, 1) == (len(stage.heard[2]), archives.asked)

    look(story)


def test_bookings_do_not_hide_a_difference():
    """A book that trades between two looks is still found to differ by the same amount."""

    async def story(stage):
        stage.venue.held[LINEAR] = D(1)
        await stage.look()
        stage.state.ledger.version += 1
        await stage.look()

    assert 1 == len(look(story).heard[-1])


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ("0.5", [0, 0, 0]),
        ("1", [0, 0, 0]),  # all of it was filled, and nobody said so yet
        ("1.5", [0, 1, 1]),
        ("-0.5", [0, 1, 1]),
    ],
)
def test_order_in_flight_defers(part, told):
    """While an order is open a look proves nothing, but for what such an order cannot explain."""

    async def story(stage):
        for event in market()(stage.clock.now()):
            stage.engine.take(event)
        stage.venue.answer = stage.venue.never
        stage.activate()
        (order,) = stage.state.open_orders()
        assert LINEAR == order.submit.instrument
        stage.venue.held[LINEAR] = order.submit.quantity * D(part)
        for _ in range(3):
            await stage.look()

    assert told == [sum(map(len, lines)) for lines in look(story).heard]


def test_booking_during_a_look_defers():
    """A report taken while a fill was on its way proves nothing."""

    async def story(stage):
        told = stage.venue.positions

        async def positions():
            reports = await told()
            fill = Fill(
                *(0, 0, VENUE, LINEAR, "t1", None, D(1), D(100_000), D(0), "USDT"),
            )
            stage.engine.take(fill)
            return reports

        stage.venue.positions = positions
        stage.venue.held[LINEAR] = D(1)  # as if the report were younger than the ledger
        await stage.look()

    assert [[]] == look(story).heard


def lagging(story):
    """Run a story whose reconciler watches, and whose account trades two contracts at a time."""

    async def wrapped(stage):
        stage.engine.observe(stage.reconciler.notice)
        stage.trades = 0

        def trade(*, told=True):
            stage.trades += 1
            ts, key = stage.clock.now(), f"t{stage.trades}"
            stage.venue.held[LINEAR] = stage.venue.held.get(LINEAR, D(0)) + 2
            if told:
                stage.engine.take(
                    Fill(ts, ts, VENUE, LINEAR, key, None, D(2), D(100_000), D(0), "USDT")
                )

        stage.trade = trade
        await story(stage)

    return look(wrapped)


async def look_behind(stage, seconds):
    """Trade, and let the venue's report be from before, so many seconds later."""
    before = dict(stage.venue.held)
    stage.trade()
    await stage.settle(seconds * SECOND)
    stage.venue.held, now = before, stage.venue.held
    await stage.look()
    stage.venue.held = now
    await stage.settle((30 - seconds) * SECOND)


def test_reports_that_lag():
    """Two reports behind fills of one size agree on a difference, and there is none."""

    async def story(stage):
        stage.venue.held[LINEAR] = D(0)
        for _ in range(4):
            await look_behind(stage, 5)
        await stage.look()

    assert [[], [], [], [], [()]] == lagging(story).heard


def test_a_report_may_not_lag_for_ever():
    """What the ledger held longer ago than any report may lag is a difference."""

    async def story(stage):
        stage.venue.held[LINEAR] = D(0)
        for _ in range(2):
            await look_behind(stage, 11)

    _, second = lagging(story).heard

    assert 1 == len(second[0])


def test_a_difference_behind_lagging_reports():
    """A fill that nobody told is found between fills that were, however the reports lag."""

    async def story(stage):
        stage.venue.held[LINEAR] = D(0)
        stage.trade(told=False)
        for _ in range(2):
            stage.trade()
            await stage.settle(5 * SECOND)
            await stage.look()
            await stage.settle(25 * SECOND)

    _, second = lagging(story).heard

    assert ["2"] == [line.rpartition(" ")[2] for line in second[0]]


def test_unanswered():
    """A venue that does not answer proves nothing, and is said."""

    async def story(stage):
        stage.venue.positions_error = Unavailable("down")
        await stage.look()
        stage.venue.positions_error = None
        await stage.look()

    stage = look(story)

    assert [[], [()]] == stage.heard
    assert ["reconcile.unanswered"] == stage.log.events()


def test_silence_is_told_once_an_episode():
    """Not at each look, and anew once the account had answered."""

    async def story(stage):
        for error in (Unavailable("down"), Unavailable("down"), None, Unavailable("down")):
            stage.venue.positions_error = error
            await stage.look()

    told = [row for row in look(story).log.said if row[1] == "reconcile.unanswered"]

    assert ["warning", "debug", "warning"] == [level for level, *_ in told]


def test_a_venue_that_is_held_is_not_compared():
    """It may be booking: what it shows meanwhile is no difference, however often; later it is."""

    async def story(stage):
        stage.venue.held[LINEAR] = D(1)
        stage.state.accounts.held[VENUE] = "settlement"
        for _ in range(4):
            await stage.look()
        assert [] == [each for each in stage.heard if each]
        del stage.state.accounts.held[VENUE]
        for _ in range(2):
            await stage.look()

    stage = look(story)

    assert 1 == len([each for each in stage.heard if each and each[0]])


def test_looks_do_not_overlap():
    """A look that an earlier one still waits for is left out, so no difference counts twice."""

    async def story(stage):
        stage.venue.held[LINEAR] = D(1)
        told = stage.venue.positions

        async def slow():
            await stage.clock.sleep(60 * SECOND)
            return await told()

        stage.venue.positions = slow
        for _ in range(3):
            stage.tasks.spawn("look", stage.look())
        await stage.settle(61 * SECOND)

    stage = look(story)

    assert [] == [each for heard in stage.heard for each in heard]
    assert 1 == stage.trace.count("positions")
    assert 2 == stage.log.events().count("reconcile.unanswered")


def test_foreign_position_halts():
    """Something held that no setting describes halts the book; it does not end the daemon."""

    async def story(stage):
        stage.venue.held[f"{VENUE}:ODD"] = D(1)
        await stage.daemon.run(100 * SECOND)

    stage = look(story)

    assert "halted" == stage.state.mode
    assert "ODD" in stage.state.mode_reason


def read(stage):
    """Return the accounts whose reading was good, and what the whole look proved."""
    told = stage.drained()
    accounts = [each.account for each in told if isinstance(each, AccountRead)]
    return accounts, [each.differences for each in told if isinstance(each, Reconciled)]


def test_a_reading_is_dated_by_its_begin():
    """Each account is told by itself, as of when its reading began."""

    async def story(stage):
        told = stage.venue.positions

        async def slow():
            await stage.clock.sleep(3 * SECOND)
            return await told()

        stage.venue.positions = slow
        began = stage.clock.now()
        await stage.reconciler.look()
        (first, _) = stage.drained()
        assert AccountRead(began + 3 * SECOND, began, VENUE) == first

    look(story)


def test_an_open_order_hides_only_what_it_touches():
    """While an order is open the rest of its account is read, and differences there are found."""

    async def story(stage):
        for event in market()(stage.clock.now()):
            stage.engine.take(event)
        stage.venue.answer = stage.venue.never
        stage.activate()
        (order,) = stage.state.open_orders()
        stage.venue.held[LINEAR] = order.submit.quantity
        stage.venue.held[DOLLARS] = D(5)
        await stage.reconciler.look()
        assert ([VENUE], []) == read(stage)

        stage.venue.held[ETHER] = D(1)
        await stage.reconciler.look()
        assert ([], []) == read(stage)
        await stage.reconciler.look()
        assert ([], [(f"{ETHER}: venue less ledger is 1",)]) == read(stage)

    look(story)


def test_a_silent_account_does_not_hide_the_others():
    """Where one account does not answer, what the others hold is known all the same."""

    async def story(stage):
        silent, other = stage.venue, ScriptedVenue(stage.clock, stage.inbox.put, [])
        silent.positions_error = Unavailable("down")
        accounts = {"deribit": silent, VENUE: other}
        reconciler = Reconciler(stage.state, accounts, stage.inbox, stage.clock, stage.log)
        await reconciler.look()
        assert ([VENUE], []) == read(stage)

    look(story)


def test_when_it_is_time():
    """After a proof half a minute; sooner after a look in vain, and not while one still waits."""

    async def story(stage):
        reconciler = stage.reconciler

        async def due_in():
            for second in range(100):
                if reconciler.due:
                    return second
                await stage.settle(SECOND)
            return None

        assert 0 == await due_in()
        await reconciler.look()
        assert 30 == await due_in()
        stage.venue.held[LINEAR] = D(1)
        await reconciler.look()
        assert 15 == await due_in()
        stage.venue.held.clear()
        stage.venue.positions_error = Unavailable("down")
        await reconciler.look()
        assert 15 == await due_in()
        stage.venue.positions_error = None
        told = stage.venue.positions

        async def slow():
            stage.state.ledger.version += 1
            assert not reconciler.due
            return await told()

        stage.venue.positions = slow
        await reconciler.look()
        assert 2 == await due_in()

    look(story)


def test_a_look_after_an_unknown_outcome():
    """Once what nobody knew of an order is known, the accounts are read at once."""

    async def story(stage):
        stage.engine.observe(stage.reconciler.notice)
        stage.activate()
        for event in market()(stage.clock.now()):
            stage.engine.take(event)
        (order,) = stage.state.open_orders()
        name = order.submit.client_order_id
        stage.engine.take(OrderUnknown(stage.clock.now(), None, name, "lost"))
        await stage.reconciler.look()
        await stage.settle()
        assert not stage.reconciler.due
        stage.engine.take(OrderEnded(stage.clock.now(), None, name, Ending.EXPIRED, D(0)))
        assert stage.reconciler.due

    look(story)


@pytest.mark.parametrize(
    ("lost", "back"),
    [
        (FeedStatus(0, VENUE, alive=False), FeedStatus(0, VENUE, alive=True)),
        (VenueHeld(0, VENUE, "maintenance"), VenueHeld(0, VENUE, None)),
    ],
)
def test_a_look_once_it_is_back(lost, back):
    """A stream or a venue that is back has the accounts read within a second, a loss does not."""

    async def story(stage):
        def tell(event):
            stage.inbox.put(replace(event, ts_local=stage.clock.now()))

        stage.clock.call_at(stage.clock.now() + 10 * SECOND, lambda: tell(lost))
        stage.clock.call_at(stage.clock.now() + 12 * SECOND, lambda: tell(back))
        looks = []
        for second in (11, 13):
            stage.clock.call_at(
                stage.clock.now() + second * SECOND,
                lambda: looks.append(stage.trace.count("positions")),
            )
        await stage.daemon.run(20 * SECOND)
        assert [1, 2] == looks

    look(story)
