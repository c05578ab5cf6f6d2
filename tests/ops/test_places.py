"""Places on the control socket: who holds on keeps out only those like himself."""

import pytest

from rebalancer.ops.places import CLIENTS, EACH, OTHERS, READERS, Places
from rebalancer.ops.rights import Peer

OWN, READER, KILLER = 0, 1_000, 2_000  # from which user ids on


def peer(uid, pid=1):
    """Return a peer."""
    return Peer(pid, uid, uid)


def made():
    """Return places of which none is taken."""
    return Places(lambda who: who.uid < READER, lambda who: who.uid >= KILLER)


def filled(places, uids):
    """Return how many clients found a place, each by its user."""
    return sum(places.take(peer(uid, n)) is None for n, uid in enumerate(uids))


@pytest.mark.parametrize(
    ("uids", "most"),
    [
        ([READER] * 20, EACH),
        ([KILLER] * 20, EACH),
        ([READER + n for n in range(20)], READERS),
        ([KILLER + n for n in range(20)], OTHERS),
        ([READER + n for n in range(20)] + [KILLER + n for n in range(20)], OTHERS),
        ([OWN] * 20, CLIENTS),
        ([KILLER + n for n in range(20)] + [OWN] * 20, CLIENTS),
    ],
)
def test_no_more_than(uids, most):
    """One user, those who read, other users, and all together have so many at most."""
    assert most == filled(made(), uids)


@pytest.mark.parametrize("uid", [OWN, KILLER])
def test_whoever_reads_keeps_nobody_out_who_kills(uid):
    """Any number of users who read, each as often as he likes, leave a place."""
    places = made()
    filled(places, [READER + n % 10 for n in range(100)])

    assert places.take(peer(uid)) is None


def test_a_place_that_is_left_is_free():
    """Whoever leaves makes room for his own kind; who was turned away has none to leave."""
    places = made()
    filled(places, [READER] * EACH)
    assert f"at most {EACH} clients of one user" in (places.take(peer(READER, 9)) or "")
    places.leave(peer(READER, 2))

    assert places.take(peer(READER, 9)) is None
    assert places.take(peer(READER, 10)) is not None
