"""The inbox: the newest market word waits, every word of an account waits, in order."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core.events import (
    Fill,
    FundingRate,
    Index,
    InstrumentUnfit,
    Mark,
    Operator,
    OptionMark,
    OrderAccepted,
    OrderRejected,
    OrderUnknown,
    Quote,
    ShutOut,
    Tick,
    Trade,
    Unfit,
    VenueHeld,
    Verb,
)
from rebalancer.core.knobs import Tuned
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock, run_market
from rebalancer.runtime.inbox import Inbox

ONE = Decimal(1)
CONFLATED = (Quote, Mark, OptionMark, FundingRate, Index, Tick)
MAKERS = {
    "quote": lambda n, subject: Quote(n, n, subject, ONE, ONE, ONE, ONE),
    "mark": lambda n, subject: Mark(n, n, subject, ONE),
    "option": lambda n, subject: OptionMark(n, n, subject, ONE, 0.5, 1.0),
    "rate": lambda n, subject: FundingRate(n, n, subject, 0.0, 1, None),
    "index": lambda n, subject: Index(n, n, "x", subject, ONE),
    "tick": lambda n, subject: Tick(n),
    "trade": lambda n, subject: Trade(n, n, subject, ONE, ONE),
    "fill": lambda n, subject: Fill(n, n, "x", subject, str(n), None, ONE, ONE, ONE, "USDT"),
    "accepted": lambda n, subject: OrderAccepted(n, n, subject, str(n)),
    "rejected": lambda n, subject: OrderRejected(n, n, subject, str(n)),
}


def slot(event):
    """Return what an event replaces, None where it replaces nothing."""
    if not isinstance(event, CONFLATED):
        return None
    return type(event), getattr(event, "instrument", getattr(event, "underlying", ""))


words = st.lists(st.tuples(st.sampled_from(sorted(MAKERS)), st.sampled_from("ab")), max_size=40)


@given(words)
def test_what_waits(told):
    """Left over is the newest of each market word and all else, in the order of arrival."""
    inbox = Inbox()
    events = [MAKERS[kind](number, subject) for number, (kind, subject) in enumerate(told)]
    for event in events:
        inbox.put(event)
    newest = {slot(event): event for event in events}
    kept = [event for event in events if slot(event) is None or newest[slot(event)] is event]

    assert kept == list(inbox.drain())
    assert len(events) - len(kept) == inbox.conflated
    assert [] == list(inbox.drain())


@given(words, st.lists(st.integers(0, 3), max_size=40))
def test_reader_between(told, reads):
    """However reading and writing alternate, accounts lose nothing and nothing runs backwards."""
    inbox, seen, reader = Inbox(), [], None
    events = [MAKERS[kind](number, subject) for number, (kind, subject) in enumerate(told)]
    for number, event in enumerate(events):
        inbox.put(event)
        reader = reader or inbox.drain()
        for _ in range(reads[number] if number < len(reads) else 0):
            read = next(reader, None)
            if read is None:
                reader = inbox.drain()
                break
            seen.append(read)
    seen += inbox.drain()

    assert [e for e in events if slot(e) is None] == [e for e in seen if slot(e) is None]
    assert sorted(e.ts_local for e in seen) == [e.ts_local for e in seen]
    assert len(events) == len(seen) + inbox.conflated


def test_ticks_do_not_pile_up():
    """While the reader is away, one tick waits, not one for each second."""
    inbox = Inbox()
    for second in range(100):
        inbox.put(Tick(second))

    assert [Tick(99)] == list(inbox.drain())
    assert 99 == inbox.conflated


def test_one_instrument_is_two_words():
    """A mark does not replace the quote of its instrument, nor one venue's index another's."""
    inbox = Inbox()
    told = [
        *(MAKERS["quote"](1, "a"), MAKERS["mark"](2, "a")),
        *(Index(3, 3, "x", "BTC", ONE), Index(4, 4, "y", "BTC", ONE)),
    ]
    for event in told:
        inbox.put(event)

    assert told == list(inbox.drain())


def test_arrivals_while_draining():
    """What arrives while the reader works is read in the same go, after what waited."""
    inbox = Inbox()
    inbox.put(Tick(1))
    seen = []
    for event in inbox.drain():
        seen.append(event.ts_local)
        if len(seen) < 5:
            inbox.put(Tick(event.ts_local + 1))

    assert [1, 2, 3, 4, 5] == seen
    assert 0 == inbox.conflated


@pytest.mark.parametrize("abandoned", [False, True])
def test_wait(abandoned):
    """A reader sleeps until something arrives; what an abandoned reading left still wakes it."""
    clock = MarketClock(0)

    async def main():
        inbox = Inbox()
        clock.call_at(SECOND, lambda: inbox.put(MAKERS["fill"](1, "a")))
        clock.call_at(SECOND, lambda: inbox.put(MAKERS["fill"](2, "a")))
        await inbox.wait()
        await clock.sleep(0)
        if abandoned:
            next(inbox.drain())
            await inbox.wait()
        return len(list(inbox.drain())), clock.now()

    assert (1 if abandoned else 2, SECOND) == run_market(clock, main())


@pytest.mark.secures("secrets-stay")
@pytest.mark.parametrize(
    ("event", "word"),
    [
        (OrderRejected(1, None, "rb1", "who is canary-1?"), "reason"),
        (OrderUnknown(1, None, "rb1", "who is canary-1?"), "reason"),
        (ShutOut(1, "okx", "who is canary-1?"), "reason"),
        (VenueHeld(1, "okx", "who is canary-1?"), "reason"),
        (VenueHeld(1, "okx", None), "reason"),
        (InstrumentUnfit(1, "okx:X", Unfit.CHANGED, "who is canary-1?"), "what"),
        (Operator(1, Verb.KILL, "who is canary-1?", "1000"), "reason"),
        (Tuned(1, (), "who is canary-1?", "1000", "f"), "reason"),
    ],
)
def test_words_from_outside(event, word):
    """Words from outside lose what must not be kept, before anything remembers them."""
    inbox = Inbox(lambda text: text.replace("canary-1", "***"))
    inbox.put(event)
    (kept,) = inbox.drain()

    assert getattr(kept, word) in ("who is ***?", None)
    assert type(event) is type(kept)
