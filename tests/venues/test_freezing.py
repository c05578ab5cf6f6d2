"""What stands still is subscribed anew, once a standstill; then its socket must be rebuilt."""

import pytest

from rebalancer.venues.freezing import REPEATS, Asking, FreezeWatch, Thaw
from tests.runtime.stage import Lines

LIMIT = 10  # ns
RENEWED = [("leave", ("a",)), ("join", ("a",))]


class Stream:
    """A stream of one channel that says what it sends."""

    def __init__(self, spares=lambda _name, _ts: False):
        self.sent, self.log = [], Lines()
        self.watch = FreezeWatch(LIMIT)
        self.watch.follow({"a": ()})
        asking = Asking("venue", self.send, "join", "leave")
        self.thaw = Thaw(self.watch, asking, self.log, spares)

    def send(self, word, names, _now):
        self.sent.append((word, names))

    def stand(self, ts, now):
        """Let the channel tell one venue time again and again, long enough to be frozen."""
        for _ in range(REPEATS + 1):
            self.watch.pulses["a"].beat(ts, now)
        return now + LIMIT

    def judge(self, now, silent=()):
        """Return what is said, and what was sent meanwhile."""
        self.sent.clear()
        return self.thaw.judge(now, silent), list(self.sent)


@pytest.fixture
def stream():
    return Stream()


def test_once_and_then_rebuilt(stream):
    """It is subscribed anew, given a limit of time, and then the socket must be rebuilt."""
    now = stream.stand(5, 5)

    assert (None, RENEWED) == stream.judge(now)
    assert (None, []) == stream.judge(now + LIMIT - 1)
    assert stream.thaw.done
    assert ("a is frozen", []) == stream.judge(now + LIMIT)
    assert not stream.thaw.done
    assert ["feed.stale"] == stream.log.events()


def test_another_standstill(stream):
    """A channel that moved and stands still again is subscribed anew again."""
    now = stream.stand(5, 5)
    stream.judge(now)
    now = stream.stand(6, now + LIMIT)

    assert (None, RENEWED) == stream.judge(now)


def test_a_new_socket(stream):
    """On a new socket it is subscribed anew before that is rebuilt too; it must still move."""
    now = stream.stand(5, 5)
    stream.judge(now)
    stream.judge(now + LIMIT)
    stream.thaw.begin()

    assert (None, RENEWED) == stream.judge(now + LIMIT)
    assert not stream.thaw.done
    stream.watch.pulses["a"].beat(6, now + LIMIT)
    assert stream.thaw.done


def test_nobody_follows_it(stream):
    """What is followed no more is not waited for; followed again, it begins anew."""
    now = stream.stand(5, 5)
    stream.judge(now)
    stream.judge(now + LIMIT)
    stream.thaw.forget("a")

    assert stream.thaw.done
    assert (None, RENEWED) == stream.judge(now + LIMIT)


def test_silent(stream):
    """A channel that stands still for another reason is treated alike, once a look."""
    assert (None, RENEWED) == stream.judge(5, ("a", "a"))
    assert ("a is frozen", []) == stream.judge(5 + LIMIT, ("a",))


def test_spared():
    """What a stream can do without is no reason to rebuild its socket."""
    spared = []
    stream = Stream(lambda name, ts: spared.append((name, ts)) or True)
    stream.judge(5, ("a",))

    assert (None, []) == stream.judge(5 + LIMIT, ("a",))
    assert [("a", 0)] == spared
    assert stream.thaw.done
