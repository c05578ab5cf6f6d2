"""Rights on the socket: who may use which verb, by the kernel's word, with real other users."""

import asyncio
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from rebalancer.errors import ConfigError, Unavailable
from rebalancer.ops import protocol
from rebalancer.ops.control import ControlServer
from rebalancer.ops.places import EACH
from rebalancer.ops.rights import LADDER, Access, Peer, group_of, right, rights_of
from rebalancer.settings.control import Control
from rebalancer.settings.report import judge
from tests.end_to_end import scripted_book
from tests.ops.test_control import Book, ask

ROOT = Path(__file__).resolve().parents[2]
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
ALICE, BOB, OPS, MORE = 61_001, 61_002, 61_010, 61_020  # users and groups that own nothing here
RIGHTS = Control(group=str(OPS), read=(f"group:{OPS}",), kill=(str(ALICE),), all=(f"group:{MORE}",))
NEEDS = {
    **dict.fromkeys(protocol.READING, "read"),
    "pause": "pause",
    "kill": "kill",
    **dict.fromkeys(("resume", "reduce", "reconcile"), "operate"),
    **dict.fromkeys(("arm", "adopt", "set"), "all"),
}


def may(settings):
    """Return what says who may use which verb."""
    rights, _ = rights_of(settings)
    return lambda peer, verb: rights.has(peer, right(verb, reads=verb in protocol.READING))


def test_every_verb_has_a_right():
    """No verb is left out, and none that starts something is easier than those that stop it."""
    assert set(protocol.VERBS) == set(NEEDS)
    told = {verb: right(verb, reads=verb in protocol.READING) for verb in protocol.VERBS}
    assert NEEDS == told
    places = {verb: LADDER.index(each) for verb, each in told.items()}
    assert max(places["pause"], places["kill"]) < min(places[v] for v in ("arm", "adopt", "set"))
    assert places["kill"] < places["resume"]


@pytest.mark.parametrize("held", [None, *LADDER])
@pytest.mark.parametrize("verb", protocol.VERBS)
@pytest.mark.parametrize("by", ["user", "group", "further"])
def test_ladder(held, verb, by):
    """A right holds those before it and none after, by user, by group, by a further group."""
    name = str(ALICE) if by == "user" else f"group:{OPS}"
    settings = Control(group="1", **({held: (name,)} if held else {}))
    peer = {
        "user": Peer(1, ALICE, BOB),
        "group": Peer(1, BOB, OPS),
        "further": Peer(1, BOB, BOB, (OPS,)),
    }[by]
    expected = held is not None and LADDER.index(NEEDS[verb]) <= LADDER.index(held)

    assert expected == may(settings)(peer, verb)


@pytest.mark.parametrize("peer", [Peer(1, 0, 0), Peer(1, os.geteuid(), 1)])
def test_root_and_own(peer):
    """Root and the daemon's user need no line."""
    assert all(may(Control())(peer, verb) for verb in protocol.VERBS)


def test_nobody_is_nobody(monkeypatch):
    """The user and group that a sandbox makes of all others are never authorised."""
    everyone = Control(group="1", all=(str(ALICE), f"group:{OPS}"))
    rights, _ = rights_of(everyone)
    doctored = type(rights)(
        {each: frozenset({65534}) for each in LADDER}, {each: frozenset({65534}) for each in LADDER}
    )

    assert not doctored.has(Peer(1, 65534, 65534, (65534,)), "read")
    assert not doctored.has(Peer(1, ALICE, 65534, (65534,)), "read")
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    assert not rights.has(Peer(1, 65534, 1), "read")


@pytest.mark.parametrize(
    ("table", "path"),
    [
        ({"read": ["nobody"], "group": "ops"}, "control.read"),
        ({"kill": ["65534"], "group": "ops"}, "control.kill"),
        ({"all": ["group:nogroup"], "group": "ops"}, "control.all"),
        ({"read": ["Alice Smith"], "group": "ops"}, "control.read"),
        ({"read": "alice", "group": "ops"}, "control.read"),
        ({"read": ["alice", "alice"], "group": "ops"}, "control.read"),
        ({"read": ["alice"]}, "control.group"),
        ({"group": "group:ops"}, "control.group"),
        ({"reads": ["alice"], "group": "ops"}, "control.reads"),
    ],
)
def test_faults(table, path):
    """A right of anybody's, a name that is none, and rights that nobody could use are faults."""
    raw = {**scripted_book.table(), "control": table}

    assert [path] == [each.path for each in judge(raw, "file").faults]


def test_sound():
    """Users and groups by name or number are taken."""
    table = {"group": "ops", "read": ["group:ops", "alice", "1000", "group:4"], "all": []}

    assert () == judge({**scripted_book.table(), "control": table}, "file").faults


def test_names():
    """A name is looked up once, at the start; who is not known has no right."""
    rights, unknown = rights_of(Control(group="1", read=("root", "group:root", "no-such-user")))

    assert ("no-such-user",) == unknown
    assert (frozenset({0}), frozenset({0})) == (rights.users["read"], rights.groups["read"])


@pytest.mark.parametrize("group", ["no-such-group", "nogroup"])
def test_no_group(group):
    """A socket is not opened to a group that is not there, or that is anybody's."""
    with pytest.raises(ConfigError, match=r"control\.group"):
        group_of(Control(group=group))


# --- with other users --------------------------------------------------------------------------

SPEAKER = """
import json, os, sys
from pathlib import Path
from rebalancer.errors import RebalancerError
from rebalancer.ops.client import ControlClient
folder, uid, gid, groups, verbs = sys.argv[1], *map(json.loads, sys.argv[2:])
os.chdir(folder)
os.setgroups(groups), os.setgid(gid), os.setuid(uid)
told = {}
for verb in verbs:
    args = {"reason": "x", "key": "18211"} if verb in ("arm", "adopt", "why") else {}
    try:
        ControlClient(Path("control.sock")).call(verb, **args)
        told[verb] = "done"
    except RebalancerError as error:
        told[verb] = f"{error.exit_code} {'socket' if 'the socket' in str(error) else 'verb'}"
print(json.dumps(told))
"""


async def speak(folder, uid, gid=None, groups=(), verbs=("status",)):
    """Let somebody else ask."""
    told = (uid, gid or uid, list(groups), list(verbs))
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", SPEAKER, str(folder), *map(json.dumps, told)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "" == done.stderr
    return json.loads(done.stdout)


@pytest.fixture
async def served(tmp_path, read_log):
    """Return a folder whose socket is open to a group, its book and its log."""
    tmp_path.chmod(0o755)
    book, log = Book(), read_log()
    access = Access(may(RIGHTS), group_of(RIGHTS))
    server = ControlServer(tmp_path / "control.sock", book, log.log, access=access)
    await server.start()
    yield tmp_path, book, log
    await server.close()


@ROOT_ONLY
async def test_the_group_opens_the_socket(served):
    """The socket is its group's, and nobody else's: the kernel turns others away."""
    folder, book, _ = served
    found = (folder / "control.sock").stat()

    assert (0o660, OPS) == (stat.S_IMODE(found.st_mode), found.st_gid)
    assert {"status": "77 socket", "kill": "77 socket"} == await speak(
        folder, BOB, verbs=("status", "kill")
    )
    assert [] == book.told


@ROOT_ONLY
@pytest.mark.parametrize(
    ("uid", "gid", "groups", "done"),
    [
        (BOB, OPS, (), {"status", "why"}),  # by his own group
        (BOB, BOB, (OPS,), {"status", "why"}),  # by a further one
        (ALICE, OPS, (), {"status", "why", "pause", "kill"}),  # by name, the group besides
        (BOB, OPS, (MORE,), {"status", "why", "pause", "kill", "resume", "arm"}),
        (65534, OPS, (), set()),  # whatever his groups are
    ],
)
async def test_another_user(served, uid, gid, groups, done):
    """Who may open the socket is held to his rights, verb by verb."""
    folder, book, log = served
    verbs = ("status", "why", "pause", "kill", "resume", "arm")
    told = await speak(folder, uid, gid, groups, verbs)

    assert {verb: "done" if verb in done else "77 verb" for verb in verbs} == told
    assert [v for v in ("pause", "kill", "resume", "arm") if v in done] == [
        str(verb) for verb, _, _, _ in book.told
    ]
    assert {str(uid)} >= {who for _, _, who, _ in book.told}
    lines = [each for each in log.lines if each["event"] == "operator.refused"]
    assert (1 if len(done) < len(verbs) else 0) == len(lines)  # once a minute, however often


@ROOT_ONLY
async def test_a_socket_that_is_wide_open(tmp_path, read_log):
    """Were the file's mode wrong, the verb would still be denied."""
    tmp_path.chmod(0o755)
    book = Book()
    server = ControlServer(
        tmp_path / "control.sock", book, read_log().log, access=Access(may(Control()))
    )
    await server.start()
    (tmp_path / "control.sock").chmod(0o666)
    told = await speak(tmp_path, ALICE, OPS, (), ("status", "kill", "arm"))
    await server.close()

    assert dict.fromkeys(("status", "kill", "arm"), "77 verb") == told
    assert [] == book.told


@ROOT_ONLY
async def test_a_crowd_of_one_user(served):
    """However often a user holds on who only reads, root finds a place, and who kills does."""
    folder, _, _ = served
    crowd = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CROWD, str(folder), str(BOB), str(OPS), str(EACH + 4)),
        stdout=asyncio.subprocess.PIPE,
        stdin=asyncio.subprocess.PIPE,
    )
    told = json.loads(await crowd.stdout.readline())

    assert (EACH, 4) == (told["held"], told["turned away"])
    assert [] == await ask(folder / "control.sock", "orders")
    assert {"kill": "done"} == await speak(folder, ALICE, OPS, (), ("kill",))
    crowd.stdin.close()
    await crowd.wait()


CROWD = """
import json, os, socket, sys
folder, uid, gid, count = sys.argv[1], *map(int, sys.argv[2:])
os.chdir(folder)
os.setgroups([]), os.setgid(gid), os.setuid(uid)
peers = []
for _ in range(count):
    peer = socket.socket(socket.AF_UNIX)
    peer.connect("control.sock")
    peers.append(peer)
told = {"held": 0, "turned away": 0, "ended": 0}
for peer in peers:
    peer.settimeout(0.1)
    try:
        told["turned away" if peer.recv(1000) else "ended"] += 1
    except TimeoutError:
        told["held"] += 1
print(json.dumps(told), flush=True)
sys.stdin.read()
"""


async def test_a_group_that_cannot_be_given(tmp_path, read_log, monkeypatch):
    """A group that the daemon is not in keeps it from starting, and leaves no socket."""

    def refused(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refused)
    path = tmp_path / "control.sock"
    server = ControlServer(path, Book(), read_log().log, access=Access(group=OPS))
    with pytest.raises(Unavailable, match=r"control\.group"):
        await server.start()

    assert not path.exists()


async def test_a_group_that_it_has(tmp_path, read_log, monkeypatch):
    """A socket that has its group already is not given to it: the unit's sandbox forbids that."""

    def refused(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refused)
    path = tmp_path / "control.sock"
    server = ControlServer(path, Book(), read_log().log, access=Access(group=os.getegid()))
    await server.start()
    try:
        assert (os.getegid(), 0o660) == (path.stat().st_gid, path.stat().st_mode & 0o777)
    finally:
        await server.close()
