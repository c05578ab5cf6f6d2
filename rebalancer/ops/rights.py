"""Rights: who at the other end of the socket may use which verb.

The kernel tells user and groups of a peer; no directory of names is asked while
a book runs, as it may be slow to answer. A right holds those before it: what
stops is easier than what starts, and arm, adopt and set are the hardest. Root
and the daemon's own user may do all. The user 65534 is never anybody: it is
what a sandbox makes of every user that it does not know.
"""

import grp
import os
import pwd
import socket
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from rebalancer.core.events import Verb
from rebalancer.errors import ConfigError, Fault
from rebalancer.settings.control import GROUP, Control

UNKNOWN = 65534  # user or group that stands for any that a name space does not know
LADDER = ("read", "pause", "kill", "operate", "all")  # a right has those before it
_NEEDS: Mapping[str, str] = {
    Verb.PAUSE: "pause",
    Verb.KILL: "kill",
    Verb.RESUME: "operate",
    Verb.REDUCE: "operate",  # of a pause it is a loosening
    Verb.RECONCILE: "operate",
}
_PEER_GROUPS = 59  # SO_PEERGROUPS, which the socket module does not name
_MOST = 1024  # bytes that `getsockopt` takes: 256 groups


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, by the kernel's word."""

    pid: int
    uid: int
    gid: int
    groups: tuple[int, ...] = ()  # more than the one


Authorise = Callable[[Peer, str], bool]  # (who, verb) → may they


def own_or_root(peer: Peer, _verb: str) -> bool:
    """Allow everything to the daemon's own user and to root, nothing to others."""
    return peer.uid in (0, os.geteuid()) and peer.uid != UNKNOWN


@dataclass(frozen=True, slots=True)
class Access:
    """Who may open a socket, and use which verb on it."""

    authorise: Authorise = own_or_root
    group: int | None = None  # that it is open to beside its own user; None: to nobody


OWN = Access()


def right(verb: str, *, reads: bool) -> str:
    """Return the right that a verb needs."""
    return "read" if reads else _NEEDS.get(verb, "all")


@dataclass(frozen=True, slots=True)
class Rights:
    """Who has which right, by number."""

    users: Mapping[str, frozenset[int]]  # right → user ids
    groups: Mapping[str, frozenset[int]]

    def has(self, peer: Peer, wanted: str) -> bool:
        """Whether a peer has a right, or one that holds it."""
        if own_or_root(peer, wanted):
            return True
        if peer.uid == UNKNOWN:
            return False
        mine = {peer.gid, *peer.groups} - {UNKNOWN}
        higher = LADDER[LADDER.index(wanted) :]
        return any(peer.uid in self.users[each] or mine & self.groups[each] for each in higher)


def rights_of(settings: Control) -> tuple[Rights, tuple[str, ...]]:
    """Return who has which right, and the names that this machine does not know.

    What nobody knows has no right; it may be of another machine.
    """
    users, groups, unknown = dict[str, frozenset[int]](), dict[str, frozenset[int]](), list[str]()
    for each in LADDER:
        people: tuple[str, ...] = getattr(settings, each)
        found = {name: _number(name) for name in people}
        unknown += [name for name, number in found.items() if number is None]
        users[each] = frozenset(_of(found, group=False))
        groups[each] = frozenset(_of(found, group=True))
    return Rights(users, groups), tuple(dict.fromkeys(unknown))


def _of(found: Mapping[str, int | None], *, group: bool) -> Iterable[int]:
    for name, number in found.items():
        if number is not None and name.startswith(GROUP) is group:
            yield number


def _number(name: str) -> int | None:
    plain = name.removeprefix(GROUP)
    if plain.isdecimal():
        return int(plain)
    try:
        is_group = name.startswith(GROUP)
        return grp.getgrnam(plain).gr_gid if is_group else pwd.getpwnam(plain).pw_uid
    except KeyError:
        return None


def group_of(settings: Control) -> int | None:
    """Return the group that the socket is open to; None: to nobody else.

    Raises:
        ConfigError: There is none of that name, or it is anybody's.
    """
    if settings.group is None:
        return None
    number = _number(GROUP + settings.group)
    if number is None or number == UNKNOWN:
        must = "must be a group of this machine"
        raise ConfigError("control", [Fault("control.group", must, repr(settings.group))])
    return number


def peer_of(own: socket.socket) -> Peer:
    """Return who is at the other end; writing to another's socket does not change it."""
    told = own.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, gid = struct.unpack("3i", told)
    return Peer(pid, uid, gid, _groups(own))


def _groups(own: socket.socket) -> tuple[int, ...]:
    """Return the further groups of a peer; none where the kernel does not tell them."""
    try:
        told = own.getsockopt(socket.SOL_SOCKET, _PEER_GROUPS, _MOST)
    except OSError:
        return ()
    return struct.unpack(f"{len(told) // 4}I", told)
