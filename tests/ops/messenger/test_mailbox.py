"""What one channel is told: a matter once a minute, louder at once, bundled, limited."""

import pytest

from rebalancer.core.commands import Severity
from rebalancer.ops.messenger.lines import Notice
from rebalancer.ops.messenger.mailbox import BUNDLE, BURST, ENDS, MOST, REFILL, Mailbox
from rebalancer.ops.vocabulary import EVENTS

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


def notice(severity=ERROR, event="delta.unhedged", scope="BTC", text="net delta 1.84"):
    """Return an alert."""
    return Notice(severity, event, scope, text)


def told(box, now):
    """Return (text, more) of all that leaves now."""
    return [(each.text, each.more) for each in box.take(now)]


def test_once_a_minute():
    """Within a minute a matter is told once; at its end the last word of it, and how many more."""
    box = Mailbox(WARNING)
    left = []
    for second in range(130):
        box.put(notice(text=f"for {second} s"), second)
        left += told(box, second)

    assert [("for 0 s", 0), ("for 60 s", 59), ("for 120 s", 59)] == left


def test_the_last_word():
    """What was held back is told when its minute is over, though nothing more comes."""
    box = Mailbox(WARNING)
    for second in (0, 10, 20):
        box.put(notice(text=f"at {second}"), second)

    assert [("at 0", 0)] == told(box, 20)
    assert [] == told(box, 59.9)
    assert [("at 20", 1)] == told(box, 60)


@pytest.mark.parametrize(
    ("severities", "leave"),
    [
        ((WARNING, ERROR), [True, True]),
        ((ERROR, WARNING), [True, False]),
        ((WARNING, ERROR, WARNING, ERROR), [True, True, False, False]),
    ],
)
def test_louder(severities, leave):
    """What gets louder is told at once; what gets milder waits."""
    box = Mailbox(WARNING)

    assert leave == [box.put(notice(each), 1.0) for each in severities]


@pytest.mark.parametrize(
    ("least", "severity", "leaves"),
    [
        (WARNING, INFO, False),
        (WARNING, WARNING, True),
        (ERROR, WARNING, False),
        (ERROR, ERROR, True),
    ],
)
def test_least(least, severity, leaves):
    """A channel hears what is loud enough for it; what is only history never leaves."""
    assert leaves is Mailbox(least).put(notice(severity), 0.0)


@pytest.mark.parametrize("least", [WARNING, ERROR])
def test_over(least):
    """Whoever heard that something is wrong hears that it is over, and only he."""
    box, over = Mailbox(least), notice(INFO, "delta.restored", text="inside")

    assert not box.put(over, 0.0)
    assert box.put(notice(), 1.0)
    assert not box.put(notice(INFO, "delta.restored", scope="ETH"), 2.0)
    assert box.put(over, 3.0)
    assert not box.put(over, 70.0)


def test_over_while_held_back():
    """What is over is not told afterwards, and what is back again is not called over."""
    box, over = Mailbox(WARNING), notice(INFO, "delta.restored", text="inside")
    box.put(notice(text="first"), 0.0)
    box.put(notice(text="second"), 10.0)
    box.put(over, 20.0)
    assert [("first", 0), ("inside", 0)] == told(box, 20.0)
    assert [] == told(box, 100.0)

    box.put(notice(text="third"), 101.0)
    box.put(over, 102.0)
    box.put(notice(text="fourth"), 103.0)
    box.put(over, 104.0)
    box.put(notice(text="fifth"), 105.0)
    assert [("third", 0), ("inside", 0)] == told(box, 105.0)
    assert [("fifth", 0)] == told(box, 161.0)
    assert [] == told(box, 400.0)


def test_limit():
    """What comes faster than a channel may be told leaves as one message, all of it."""
    box = Mailbox(WARNING)
    sizes = []
    for number in range(60):  # one each tenth of a second
        box.put(notice(scope=f"rb{number}"), number / 10)
        sizes.append(len(box.take(number / 10)))
    sizes += [len(box.take(6 + REFILL * turn)) for turn in range(5)]

    assert 60 == sum(sizes)
    assert BURST + 1 == sum(bool(each) for each in sizes[:60])
    assert max(sizes) <= BUNDLE


def test_loudest_first():
    """In a bundle the loudest come first, else as they came; what does not fit waits its turn."""
    box = Mailbox(WARNING)
    for number in range(3):
        box.put(notice(WARNING, "feed.lost", f"venue{number}", "x" * 900), 0.0)
    box.put(notice(), 0.0)

    first, second = box.take(0.0), box.take(0.0)
    assert ["BTC", "venue0", "venue1"] == [each.scope for each in first]
    assert ["venue2"] == [each.scope for each in second]


def test_room():
    """A channel that takes nothing loses the mildest and oldest, and counts them."""
    box = Mailbox(WARNING)
    box.put(notice(WARNING, "feed.lost", "first"), 0.0)
    for number in range(MOST):
        box.put(notice(scope=f"rb{number}"), 0.0)
    box.put(notice(scope="last"), 0.0)
    left = [each.scope for turn in range(60) for each in box.take(REFILL * turn)]

    assert 2 == box.lost
    assert ["rb1", "last"] == [left[0], left[-1]]


def test_endings():
    """What says that something is over, and what was wrong until then, are in the vocabulary."""
    for ending, events in ENDS.items():
        assert EVENTS[ending].severity is INFO
        assert all(EVENTS[each].severity is not INFO for each in events)
