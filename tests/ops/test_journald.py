"""Lines go to the system's journal with fields to search by, and no text can forge one."""

import base64
import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.ops import journald
from rebalancer.ops.log import LINE_LIMIT, configure
from rebalancer.ops.redaction import Redactor
from tests.ops.conftest import StandingClock

REMOTE = Path("/lib/systemd/systemd-journal-remote")
CANARY = "canary-7f3a9b2c-secret"
HOSTILE = "x\nRB_EVENT=kill.engaged\nPRIORITY=0\n\nMESSAGE\n\x05\x00\x00\x00\x00\x00\x00\x00forge\n"


def decoded(datagram):
    """Return the fields of one datagram, read as the journal's documentation says."""
    fields = []
    while datagram:
        name, _, rest = datagram.partition(b"\n")
        assert b"=" not in name
        size = int.from_bytes(rest[:8], "little")
        assert b"\n" == rest[8 + size : 9 + size]
        fields.append((name.decode("ascii"), rest[8 : 8 + size].decode()))
        datagram = rest[9 + size :]
    assert len(fields) == len(dict(fields))
    return dict(fields)


class Heard:
    """A journal that keeps what it is sent."""

    def __init__(self, folder):
        self.path = str(folder / "socket")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)

    def raw(self):
        """Return every datagram that came."""
        found = []
        while True:
            try:
                found.append(self.socket.recv(1 << 20))
            except BlockingIOError:
                return found

    def told(self):
        """Return their fields."""
        return [decoded(each) for each in self.raw()]


class Told:
    """A log whose standard error leads to the journal."""

    def __init__(self, folder, monkeypatch, **options):
        self.heard = Heard(folder)
        self.reads, writes = os.pipe()
        os.set_blocking(self.reads, False)
        self.stream = os.fdopen(writes, "w")
        status = os.fstat(writes)
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        monkeypatch.setattr(journald, "SOCKET", self.heard.path)
        monkeypatch.setattr(journald.journal_of, "__defaults__", (self.heard.path,))
        options = {"level": "debug", "about": {"book": "desk", "epoch": 7}, **options}
        self.log = configure(self.stream, StandingClock(), **options)

    def fallen_back(self):
        """Return what went to standard error instead."""
        try:
            return os.read(self.reads, 1 << 20).decode()
        except BlockingIOError:
            return ""

    def close(self):
        """Let go of everything."""
        self.stream.close()
        os.close(self.reads)
        self.heard.socket.close()


@pytest.fixture
def told(tmp_path, monkeypatch):
    """Return a maker of logs that speak to a journal of ours."""
    made = []

    def make(**options):
        made.append(Told(tmp_path, monkeypatch, **options))
        return made[-1]

    yield make
    for each in made:
        each.log._log._logger._journal._socket.close()
        each.close()


def test_fields(told):
    """A line goes to the journal alone, with what it is searched by."""
    desk = told()
    desk.log.warning(
        "hedge.refused", seq=18377, underlying="BTC", client_order_id="rb1", measured=0.71
    )
    (fields,) = desk.heard.told()

    assert "" == desk.fallen_back()
    line = json.loads(fields.pop("RB_LINE"))
    assert ("hedge.refused", "desk", 0.71) == (line["event"], line["book"], line["measured"])
    assert {
        "MESSAGE": "hedge.refused  seq=18377  underlying=BTC  client_order_id=rb1  measured=0.71",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "rebalancer",
        "RB_EVENT": "hedge.refused",
        "RB_BOOK": "desk",
        "RB_EPOCH": "7",
        "RB_SEQ": "18377",
        "RB_UNDERLYING": "BTC",
        "RB_ORDER_ID": "rb1",
    } == fields


@pytest.mark.parametrize(
    ("level", "priority"), [("debug", "7"), ("info", "6"), ("warning", "4"), ("error", "3")]
)
def test_priority(told, level, priority):
    """Each level has the priority that journalctl -p knows."""
    desk = told()
    getattr(desk.log, level)("order.filled")

    assert [priority] == [each["PRIORITY"] for each in desk.heard.told()]


@given(st.dictionaries(st.from_regex("[A-Z][A-Z_]{0,9}", fullmatch=True), st.text()))
def test_no_forging(fields):
    """Whatever stands in a value, what is read is what was sent: no field more, none less."""
    sent = {
        name: text.encode("utf-8", "backslashreplace").decode() for name, text in fields.items()
    }

    assert sent == decoded(journald.encoded(fields))


@pytest.mark.secures("log-injection")
def test_hostile_value(told):
    """A venue's text forges neither field nor priority."""
    desk = told()
    desk.log.warning("order.rejected", client_order_id=HOSTILE, reason=HOSTILE)
    (fields,) = desk.heard.told()

    assert ("order.rejected", "4") == (fields["RB_EVENT"], fields["PRIORITY"])
    assert r"x\nRB_EVENT=kill.engaged\nPRIORITY=0" in fields["RB_ORDER_ID"]


@pytest.mark.parametrize(
    "dressed",
    [CANARY, CANARY[::-1], CANARY.encode().hex(), base64.b64encode(CANARY.encode()).decode()],
)
def test_canary(told, dressed):
    """No field shows a secret, in whatever form; its place does."""
    desk = told(redactor=Redactor([CANARY]))
    desk.log.error("daemon.failed", error=dressed, client_order_id=dressed, underlying=dressed)
    desk.log.error("daemon.failed", exc_info=ValueError(dressed))
    heard = b"".join(desk.heard.raw())

    assert dressed.encode() not in heard
    assert b"***" in heard


def test_journal_is_gone(told):
    """Without a journal behind its socket a line goes to standard error, as JSON."""
    desk = told()
    desk.heard.socket.close()
    desk.log.info("order.filled")

    assert "order.filled" == json.loads(desk.fallen_back())["event"]


def test_journal_reads_no_more(told):
    """A journal that does not read keeps nobody waiting: lines go elsewhere, then nowhere."""
    desk = told()
    for number in range(5_000):
        desk.log.info("order.filled", number=number, text="x" * 500)
    end = desk.log._log._logger
    kept, aside = len(desk.heard.raw()), desk.fallen_back().count("\n")

    assert kept > 0
    assert aside > 0
    assert end.lost > 0
    assert 5_000 == kept + aside + end.lost


def test_too_large_for_a_datagram(told):
    """What does not fit is told in brief, with all that it is searched by."""
    desk = told()
    journal = desk.log._log._logger._journal
    journal._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 20_000)
    desk.log.info("order.filled", seq=5, rows=["y" * 500] * 60)
    (fields,) = desk.heard.told()

    assert ("order.filled", "5") == (fields["RB_EVENT"], fields["RB_SEQ"])
    assert journald.BRIEF == len(fields["MESSAGE"])
    assert "RB_LINE" not in fields


def test_line_limit(told):
    """What is sent to the journal is cut as lines are."""
    desk = told()
    desk.log.info("order.filled", **{f"f{number}": "ä" * 5_000 for number in range(60)})
    (fields,) = desk.heard.told()

    assert len(fields["RB_LINE"]) < LINE_LIMIT
    assert json.loads(fields["RB_LINE"])["truncated"]


@pytest.mark.parametrize("stream", ["", "1:2", "nonsense", None])
def test_not_the_journal(tmp_path, monkeypatch, stream):
    """Standard error that leads elsewhere gets lines, whatever the environment says."""
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    if stream is not None:
        monkeypatch.setenv("JOURNAL_STREAM", stream)
    with (tmp_path / "log").open("w+") as file:
        configure(file, StandingClock()).info("order.filled")
        file.seek(0)

        assert "order.filled" == json.loads(file.read())["event"]


@pytest.fixture
def real(tmp_path):
    """Return a way to have datagrams kept by the real journal, and asked for by journalctl."""
    if not REMOTE.exists() or shutil.which("journalctl") is None:
        pytest.skip("systemd-journal-remote absent")
    place = tmp_path / "x.journal"

    def keep(datagrams):
        told = b"".join(
            b"__REALTIME_TIMESTAMP=%d\n" % (1_767_597_738_500_000 + number) + each + b"\n"
            for number, each in enumerate(datagrams)
        )
        kept = [str(REMOTE), f"--output={place}", "-"]
        subprocess.run(kept, input=told, check=True, capture_output=True)

    def ask(*arguments):
        asked = ["journalctl", "--file", str(place), *arguments]
        return subprocess.run(asked, check=True, capture_output=True, text=True)

    return keep, ask


def test_real_journal(told, real):
    """The real journal finds lines by their fields, keeps hostile ones apart, and is whole."""
    keep, ask = real
    desk = told()
    desk.log.info("order.filled", seq=1, underlying="BTC", client_order_id="rb1")
    desk.log.warning("order.rejected", seq=2, underlying="ETH", reason=HOSTILE)
    desk.log.error("daemon.failed", exc_info=ValueError(HOSTILE))
    keep(desk.heard.raw())

    def seqs(*arguments):
        rows = ask(*arguments, "-o", "json", "--all").stdout.splitlines()
        return [json.loads(json.loads(row)["RB_LINE"]).get("seq") for row in rows]

    assert [1] == seqs("RB_EVENT=order.filled")
    assert [2] == seqs("RB_UNDERLYING=ETH", "RB_BOOK=desk", "RB_EPOCH=7")
    assert [1] == seqs("RB_ORDER_ID=rb1")
    assert [2, None] == seqs("-p", "warning")
    assert [] == seqs("RB_EVENT=kill.engaged") == seqs("PRIORITY=0")
    assert "PASS" in ask("--verify").stderr
