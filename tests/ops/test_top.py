"""Top at a real terminal: what is seen, what keys do, and how the terminal is left."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rebalancer.errors import PermissionRefused, Unavailable
from rebalancer.ops.control import ControlServer
from rebalancer.ops.rights import Access
from rebalancer.ops.top.picture import SECTIONS, Picture, nearest, press, rows
from rebalancer.ops.top.screen import lines
from rebalancer.ops.top.session import Around, Session
from rebalancer.ops.top.tty import Key, keys
from tests.ops.emulator import Seat
from tests.ops.test_control import Book

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-c", "from rebalancer.cli import main; main()", "top"]
BTC = {"price": 100_000.0, "net_delta": 0.02, "pending": 0.0, "aim": 0.0, "lower": -0.1}
STATUS = {
    "book": "desk",
    "mode": "paper",
    "state": "active",
    "ts": 1_769_757_300_000_000_000,
    "underlyings": {"BTC": {**BTC, "upper": 0.1, "state": "active", "outside_seconds": 0}},
    "latches": [],
    "held": {},
    "tuned": [],
    "feeds": {"deribit": 0.2},
    "positions": [{"instrument": "deribit:BTC", "quantity": "10", "delta": 10.0}],
    "open_orders": [],
    "decisions": [
        {"seq": n, "ts": 0, "underlying": "BTC", "action": "order", "reason": "outside_band"}
        for n in (17, 18)
    ],
}
AWAITED = {"deribit": {"why": "no route", "seconds": 32, "again_in": None}}
GUARDS = [
    {"name": "margin_ratio", "scope": "deribit", "limit": 0.6, "measured": 0.2, "headroom": 0.4},
    {"name": "leverage", "scope": "BTC", "limit": 5.0, "measured": 4.5, "headroom": 0.5},
    {"name": "position_size", "scope": "BTC", "limit": 50.0, "measured": 10.0, "headroom": 40.0},
]


def seen(picture, width=80, height=24):
    """Return a screen as plain text."""
    return "\n".join(each.plain for each in lines(picture, width, height))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "ACTIVE"),
        ({"state": "halted", "latches": ["book: margin"]}, "!! HALTED: margin"),
        ({"latches": ["BTC: hedge missed"]}, "!! LATCHED BTC: hedge missed"),
        (
            {"open_orders": [{"client_order_id": "rb1", "state": "unknown"}]},
            "!! UNKNOWN 1: rb1",
        ),
        (
            {"underlyings": {"BTC": {**BTC, "upper": 0.01, "outside_seconds": 61}}},
            "!! OUTSIDE BTC for 61 s",
        ),
        ({"feeds": {"deribit": 12.0}}, "deribit 12.0 s LATE"),
        ({"held": {"deribit": "maintenance"}}, "waits for deribit: maintenance"),
        (
            {"awaited": AWAITED, "positions": None, "open_orders": None, "decisions": []},
            "!! NOT BEGUN for 32 s, nobody hedges: waits for deribit: no route",
        ),
        (
            {"tuned": [{"setting": "underlyings.BTC.target", "now": 0.5}]},
            "changed: underlyings.BTC.target 0.5",
        ),
    ],
)
def test_what_is_wrong_is_loud(changes, words):
    """What must not be overlooked stands on the screen in words, whatever the colours."""
    assert words in seen(Picture({**STATUS, **changes}, GUARDS))


def test_nobody_answers():
    """A daemon that is gone is loud, before and after it was heard."""
    assert "no daemon" in seen(Picture(silence="no daemon runs this book"))
    told = seen(Picture(STATUS, GUARDS, age=7.0, silence="/x/control.sock: no daemon runs"))
    assert "!! NOT CONNECTED for 7 s: no daemon runs" in told


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 12), (20, 5), (200, 60)])
@pytest.mark.parametrize("section", range(len(SECTIONS)))
def test_it_fits(width, height, section):
    """No line is wider, and no screen longer, than the terminal."""
    many = {**STATUS, "decisions": STATUS["decisions"] * 30, "latches": ["BTC: x" * 60] * 9}
    for status in (STATUS, many):
        told = lines(Picture(status, GUARDS, section=section), width, height)
        assert len(told) <= height
        assert max(each.cell_len for each in told) <= max(width, 60)


def test_the_nearest_limit_first():
    """What refuses comes first, then what has least of its limit left."""
    refuses = {"name": "funding", "reason": "funding_too_dear", "allows": "0", "limit": 0.1}

    assert ["funding", "leverage", "margin_ratio", "position_size"] == [
        each["name"] for each in nearest([*GUARDS, refuses])
    ]


def pressed(*names, picture=None):
    """Return what keys make of a picture, and the wishes that they were."""
    picture, wishes = picture or Picture(STATUS, GUARDS), []
    for name in names:
        picture, wish = press(picture, Key(name))
        wishes.append(wish)
    return picture, wishes[-1]


@pytest.mark.parametrize("verb", ["pause", "kill"])
def test_an_order_is_typed_out(verb):
    """The key alone does nothing; the whole word and Enter do."""
    assert "" == pressed(verb[0])[1].verb
    assert "" == pressed(verb[0], *verb[:-1], "enter")[1].verb
    assert "" == pressed(verb[0], *verb, "escape", "enter")[1].verb
    assert "" == pressed(verb[0], "delete", *verb, "x", "enter")[1].verb
    assert verb == pressed(verb[0], *verb, "enter")[1].verb
    assert verb == pressed(verb[0], "x", "delete", *verb, "enter")[1].verb


def test_moving():
    """Tab and arrows go round the sections, and up and down the rows."""
    assert [1, 0, 5, 0] == [
        pressed(*names)[0].section
        for names in (("tab",), ("tab", "back"), ("left",), ("right",) * 6)
    ]
    assert [1, 1, 0] == [
        pressed(*names)[0].place for names in (("down",), ("down",) * 5, ("down", "up"))
    ]
    assert [18, 17] == [each["seq"] for each in rows(pressed("left", "left")[0])]
    assert ["18", "17"] == [pressed(*names)[1].why for names in (("w",), ("down", "w"))]
    assert pressed("q")[1].leave


def test_keys():
    """What a terminal sends for keys is read, cut anywhere but within one."""
    told = b"\x1b[A\x1b[B\x1b[C\x1b[D\x1bOA\x1b[Z\t\r\x7f\x1b\xc3\xa4k"
    names = ["up", "down", "right", "left", "up", "back", "tab", "enter", "delete", "escape", "k"]

    assert names == [key.name for key in keys(told)]


class Asked:
    """A client that answers as it is told."""

    def __init__(self, answers):
        self.answers, self.calls = answers, []

    def call(self, verb, **args):
        """Answer, or raise."""
        self.calls.append((verb, args))
        answer = self.answers[verb]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Board:
    """A terminal whose keys are written down before."""

    def __init__(self, *told):
        self.told, self.drawn = list(told), []

    def size(self):
        """Return the usual size."""
        return 80, 24

    def draw(self, told):
        """Keep what is shown."""
        self.drawn.append("\n".join(told))

    def pressed(self, _seconds):
        """Return the next keys; at the end the terminal is gone."""
        return self.told.pop(0) if self.told else None


def session(answers, *told):
    """Run a session to its end; return what was drawn and asked."""
    asks, board, time = Asked(answers), Board(*told), iter(range(1000))
    Session(Around(asks, board, lambda: float(next(time)), lambda told, _: [str(told)]), 0.5).run()
    return board.drawn, asks.calls


def test_an_order_and_its_outcome():
    """What came of an order is on the screen; a refusal too."""
    word = [Key(each) for each in "kkill"]
    answers = {"status": STATUS, "guards": GUARDS, "kill": {"before": "active", "state": "halted"}}
    drawn, calls = session(answers, [*word, Key("enter")], [])
    assert ("kill", {"reason": "top"}) in calls
    assert "it is halted" in drawn[-1]

    answers["kill"] = PermissionRefused("kill: needs the right `kill`")
    drawn, _ = session(answers, [*word, Key("enter")], [])
    assert "NOT DONE: kill: needs the right" in drawn[-1]


def test_not_begun():
    """A book that waits for its venues is shown, though it has no guards to tell of."""
    waits = {**STATUS, "awaited": AWAITED, "positions": None, "open_orders": None}
    drawn, _ = session({"status": waits, "guards": Unavailable("has not begun")}, [], [])
    assert "NOT BEGUN" in drawn[-1]
    assert "NOT CONNECTED" not in drawn[-1]


def test_it_asks_again():
    """A daemon that does not answer is asked again; one that may not be read ends it."""
    drawn, calls = session({"status": Unavailable("gone"), "guards": ()}, [], [], [])
    assert 3 <= len([verb for verb, _ in calls if verb == "status"])
    assert "gone" in drawn[-1]

    with pytest.raises(PermissionRefused):
        session({"status": PermissionRefused("no")}, [])


# --- at a real terminal -------------------------------------------------------


class Serving:
    """A book that answers on a real socket, in a thread of its own."""

    def __init__(self, path, log):
        self.book = Book()
        self.book.status = lambda: STATUS
        self.book.guards = lambda: GUARDS
        self.book.operate = self.operate
        self.told = []
        self._path, self._log = path, log
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = None

    def operate(self, verb, reason, who, everything):
        """Remember an order."""
        self.told.append(str(verb))
        return {"verb": str(verb), "before": "active", "state": "halted"}

    def open(self):
        """Listen."""

        async def begin():
            self._server = ControlServer(self._path, self.book, self._log, access=Access())
            await self._server.start()

        asyncio.run_coroutine_threadsafe(begin(), self._loop).result(5)

    def shut(self):
        """Be gone."""
        asyncio.run_coroutine_threadsafe(self._server.close(), self._loop).result(5)

    def end(self):
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def serving(tmp_path, read_log):
    """Return a book on a socket."""
    made = Serving(tmp_path / "control.sock", read_log().log)
    made.open()
    yield made
    made.shut()
    made.end()


@pytest.fixture
def sit(tmp_path, serving):
    """Return a maker of seats at top; they are over at the end."""
    seats = []

    def begin(*arguments, **environment):
        own = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **environment}
        for name in ("COLUMNS", "LINES", *(() if "NO_COLOR" in environment else ("NO_COLOR",))):
            own.pop(name, None)
        seat = Seat([*COMMAND, "--state", str(tmp_path), "--every", "500ms", *arguments], own)
        seats.append(seat)
        return seat

    yield begin
    for seat in seats:
        seat.close()


@pytest.mark.waits(30)
def test_a_visit(sit, serving):
    """A person looks around, kills after typing it, and finds the terminal as it was."""
    seat = sit()
    told = seat.until(["desk", "ACTIVE", "[book]", "margin", "leverage"])
    assert "● inside" in told
    assert (True, False) == (seat.screen.second, seat.screen.cursor)
    assert seat.screen.colours

    seat.type("\t")
    seat.until(["[positions]", "deribit:BTC"])
    seat.type("k")
    seat.until(["type kill and Enter"])
    seat.type("kill\r")
    seat.until(["kill: done"])
    assert ["kill"] == serving.told

    seat.resize(120, 40)
    os.kill(seat.pid, signal.SIGWINCH)
    seat.until(["desk", "[positions]"])
    seat.type("q")
    code, modes = seat.end()
    assert 0 == code
    assert modes in (None, seat.before)
    assert (False, True) == (seat.screen.second, seat.screen.cursor)


@pytest.mark.waits(30)
def test_the_daemon_goes_and_comes_back(sit, serving):
    """While nobody answers that is loud; when somebody does again the picture goes on."""
    seat = sit()
    seat.until(["desk", "ACTIVE"])
    serving.shut()
    seat.until(["!! NOT CONNECTED", "no daemon runs this book"])
    serving.open()
    for _ in range(40):
        seat.read(0.2)
        if "NOT CONNECTED" not in seat.screen.text:
            break
    assert "NOT CONNECTED" not in seat.screen.text
    seat.type("q")
    assert 0 == seat.end()[0]


@pytest.mark.waits(20)
def test_no_colour(sit):
    """With NO_COLOR set no colour is spoken."""
    seat = sit(NO_COLOR="1")
    seat.until(["desk", "ACTIVE", "● inside"])

    assert 0 == seat.screen.colours
    seat.type("q")
    assert 0 == seat.end()[0]


@pytest.mark.waits(20)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_whatever_ends_it(sit, number):
    """A signal leaves the terminal as it was found."""
    seat = sit()
    seat.until(["desk", "ACTIVE"])
    code, modes = seat.end(number)

    assert (0 if number == signal.SIGINT else 128 + number) == code
    assert modes in (None, seat.before)
    assert (False, True) == (seat.screen.second, seat.screen.cursor)


def test_no_terminal(tmp_path):
    """Without a terminal it says what would do."""
    done = subprocess.run(
        [*COMMAND, "--state", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (64, True) == (done.returncode, "must have a terminal" in done.stderr)
