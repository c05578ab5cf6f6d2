"""What stands still is subscribed anew, then its socket rebuilt, then it is given up alone."""

import pytest

from rebalancer.venues.freezing import AGAIN, REBUILT, REPEATS, Asking, FreezeWatch, Thaw
from tests.runtime.stage import Lines

LIMIT = 10  # ns
RENEWED = [("leave", ("a",)), ("join", ("a",))]


class Stream:
    """A stream that says what it sends."""

    def __init__(self, spares=lambda _name, _ts: False, names=("a",)):
        self.sent, self.log, self.names = [], Lines(), names
        self.watch = FreezeWatch(LIMIT)
        self.watch.follow(dict.fromkeys(names, ()))
        asking = Asking("venue", self.send, "join", "leave")
        self.thaw = Thaw(self.watch, asking, self.log, spares)

    def send(self, word, names, _now):
        self.sent.append((word, names))

    def stand(self, ts, now):
        """Let the channel tell one venue time again and again, long enough to be frozen."""
        for _ in range(REPEATS + 1):
            self.watch.pulses["a"].beat(ts, now)
        return now + LIMIT

    def tell(self, now, *names):
        """Let channels tell something new."""
        for name in names:
            self.watch.pulses[name].beat(now, now)

    def reopen(self):
        """Begin on a new socket, on which nothing was told yet."""
        self.watch.pulses.clear()
        self.watch.follow(dict.fromkeys(self.names, ()))
        self.thaw.begin()

    def lasts(self, now, *names, for_=3 * LIMIT, silent=()):
        """Let names tell something every moment; return when, and why the socket must go."""
        for at in range(now + 1, now + for_ + 1):
            self.tell(at, *names)
            if why := self.thaw.judge(at, silent):
                return at, why
        return now + for_, None

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


# --- a channel that is gone for good ----------------------------------------------------


def lost(names=("a", "b"), told=("b",), silent=()):
    """Return a stream on its second socket, rebuilt because `a` stood still, and the time."""
    stream = Stream(names=names)
    stream.tell(5, *names)
    stream.stand(5, 5)
    now, why = stream.lasts(5, *told, silent=silent)
    assert "a is frozen" == why
    stream.reopen()
    return stream, now


@pytest.mark.parametrize("silent", [(), ("a",)])
def test_given_up(silent):
    """What a rebuild did not move is given up where others live: the socket stays, and is live."""
    stream, now = lost(silent=silent)
    assert not stream.thaw.done
    now, why = stream.lasts(now, "b", silent=silent)

    assert (None, True, ("a",)) == (why, stream.thaw.done, stream.thaw.missing)
    lines = [facts["channel"] for level, event, facts in stream.log.said if event == "feed.lost"]
    assert ["a"] == lines
    stream.sent.clear()
    assert (now + 20 * LIMIT, None) == stream.lasts(now, "b", for_=20 * LIMIT, silent=silent)
    assert [] == stream.sent


def test_several_at_once():
    """Contracts that end together cost one rebuild and not one each."""
    stream = Stream(names=("a", "b", "c"))
    stream.tell(5, "a", "b", "c")
    now, why = stream.lasts(5, "c", silent=("a", "b"))
    assert "a is frozen" == why
    stream.reopen()

    assert stream.lasts(now, "c", silent=("a", "b"))[1] is None
    assert {"a", "b"} == {*stream.thaw.missing}


def test_nobody_moves():
    """Where all of a socket stand still it is the socket that is at fault: rebuilt, every time."""
    stream, now = lost()
    for _ in range(5):
        now, why = stream.lasts(now, silent=("a", "b"))
        assert "a is frozen" == why
        stream.reopen()

    assert () == stream.thaw.missing
    assert not stream.thaw.done


def test_what_is_asked_proves_nothing():
    """An answer to a question of ours does not show that the socket's channels live."""
    stream = Stream(names=("a", "b"))
    asking = Asking("venue", stream.send, "join", "leave", asked="b")
    stream.thaw = Thaw(stream.watch, asking, stream.log)
    stream.tell(5, "a", "b")
    for _ in range(3):
        assert "a is frozen" == stream.lasts(5, "b", silent=("a",))[1]
        stream.reopen()


def test_asked_for_again():
    """What was given up is subscribed anew at a bounded pace, and is back once it speaks."""
    stream, now = lost()
    now, _ = stream.lasts(now, "b")
    given_up = next(at for at in (stream.thaw._missing["a"],))
    stream.sent.clear()

    stream.thaw.judge(given_up + AGAIN - 1)
    assert [] == stream.sent
    stream.thaw.judge(given_up + AGAIN)
    assert [("leave", ["a"]), ("join", ["a"])] == stream.sent

    stream.watch.pulses["a"].beat(given_up + AGAIN, given_up + AGAIN)
    assert stream.thaw.done
    assert () == stream.thaw.missing
    assert "feed.recovered" == stream.log.events()[-1]


def test_rebuilt_again_much_later():
    """A channel that came back and stands still another time may have its socket rebuilt."""
    stream, now = lost()
    now, _ = stream.lasts(now, "b")
    stream.tell(now + 1, "a", "b")
    later = now + REBUILT
    stream.tell(later, "a", "b")

    assert "a is frozen" == stream.lasts(later, "b", silent=("a",))[1]
