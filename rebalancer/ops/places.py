"""Places on the control socket: how many clients there are at a time, and whose.

Whoever holds on to connections keeps others out only of places that are theirs
to fill: no user has more than a few, those who may not kill have some together,
and those of other users than the daemon's own and root leave a few to these.
"""

from collections.abc import Callable

from rebalancer.ops.rights import Peer

CLIENTS = 16
OTHERS = 12  # of them that may be of other users: the daemon's own and root always find a place
READERS = 8  # of those that may be of users who cannot kill: who can finds a place beside them
EACH = 4  # of those that may be of one user


class Places:
    """Gives out places and takes them back.

    Args:
        own: Whether a peer is the daemon's own user or root.
        kills: Whether a peer may kill.
    """

    def __init__(self, own: Callable[[Peer], bool], kills: Callable[[Peer], bool]) -> None:
        self._own = own
        self._kills = kills
        self._taken: list[tuple[Peer, bool, bool]] = []  # who, other user, who cannot kill

    def take(self, peer: Peer) -> str | None:
        """Give a peer a place, which it gives back by `leave`; or return why it has none."""
        other = not self._own(peer)
        reads = other and not self._kills(peer)
        if other:
            beside = [each for each in self._taken if each[1]]
            mine = sum(each[0].uid == peer.uid for each in beside)
            if mine >= EACH:
                return f"at most {EACH} clients of one user are served at a time; try again"
            if reads and sum(each[2] for each in beside) >= READERS:
                return f"at most {READERS} clients who only read are served at a time; try again"
            if len(beside) >= OTHERS:
                return f"at most {OTHERS} clients are served at a time; try again"
        if len(self._taken) >= CLIENTS:
            return f"at most {CLIENTS} clients are served at a time; try again"
        self._taken.append((peer, other, reads))
        return None

    def leave(self, peer: Peer) -> None:
        """Free a place that a peer took."""
        self._taken.remove(next(each for each in self._taken if each[0] == peer))
