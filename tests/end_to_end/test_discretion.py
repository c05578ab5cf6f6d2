"""A daemon in live dress says no secret, wherever it speaks and whatever goes wrong."""

import asyncio
import gzip
import itertools
import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from rebalancer.runtime.clock import WallClock
from rebalancer.settings import resolve
from rebalancer.simulation import server
from rebalancer.simulation.dress import UID
from rebalancer.simulation.faults import Kind, Plan
from rebalancer.simulation.key import Key
from rebalancer.simulation.loopback import seeded_loopbacks
from rebalancer.simulation.menu import Scene, desk_of, settings_of
from tests.canaries import dressed, hits, planted
from tests.end_to_end.outside import CHANNELS, Outside

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-c", "from rebalancer.cli import main; main()"]


def free_port():
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def in_the_open(venue, address, folder):
    """Write the desk of a venue as a book that trades for money, there; return its file."""
    text = (ROOT / "config" / desk_of(venue)).read_text()
    text = text.partition("[[holdings]]")[0].replace('mode = "paper"', 'mode = "live"')
    told = f'[venues.{venue}]\nloopback = "{address}"\ncredentials = "desk"'
    text = text.replace(f"[venues.{venue}]", told)
    narrow = 'band = { kind = "fixed", lower = -0.004, upper = 0.004, min_interval = "1s" }'
    text = re.sub(r"^band = .*", narrow, text, flags=re.MULTILINE)
    often = "hedges_per_minute = 1000\nmisses = 1000\nsides = 1000"
    text += f'\n[web]\nlisten = "127.0.0.1:{free_port()}"\nreader = "reader"\n'
    text += f"\n[guards.behaviour]\n{often}\n"
    path = folder / "live.toml"
    path.write_text(text)
    return path


def echoing(monkeypatch, canaries):
    """Let the played venues say, with each error, what they were sent and all that they know."""
    words = itertools.cycle([text for each in canaries for text in dressed(each)])

    def sent(answer):
        body = json.loads(answer.body)
        spoken = body.get("error") if isinstance(body, dict) else None
        for place, name in ((spoken, "message"), (body, "msg")):
            if isinstance(place, dict) and place.get(name):
                place[name] = f"no {next(words)}"
        for row in (body.get("data") or ()) if isinstance(body, dict) else ():
            if isinstance(row, dict) and row.get("sMsg"):
                row["sMsg"] = f"no {next(words)}"
        body = json.dumps(body).encode()
        return web.Response(status=answer.status, body=body, content_type="application/json")

    def unheard(request, host, call, plan):
        if plan.kind is Kind.ERROR_BEFORE:
            told = " ".join(text for each in canaries for text in dressed(each))
            seen = f"{request.method} {request.raw_path} {dict(request.headers)} {told}"
            return web.Response(status=plan.code or 503, text=seen)
        return before(request, host, call, plan)

    before = server._unheard
    monkeypatch.setattr(server, "_sent", sent)
    monkeypatch.setattr(server, "_unheard", unheard)


NAMES = ("key", "secret", "passphrase", "token", "bot", "pager")  # of what is planted
CODES = {"deribit": (11094, 10009, 13009), "okx": (50001, 51008, 50113)}  # unknown, no, whose key?


def mischief(venue):
    """Return what goes wrong: each kind of error, with words in it."""
    names = Scene(ROOT / "config" / desk_of(venue), venue).names
    unknown, refused, key = CODES[venue]
    return (
        Plan(Kind.CODE, names.order, code=refused),
        Plan(Kind.ERROR_BEFORE, names.order, code=503),
        Plan(Kind.ERROR_BEFORE, names.reads, code=500, times=2),
        Plan(Kind.CODE, names.reads, code=unknown, times=2),
        Plan(Kind.GARBAGE, names.touch, first=5),
        Plan(Kind.CODE, names.reads, code=key, times=1),
        Plan(Kind.DROP_AFTER, names.order),
    )


class Datagrams:
    """A socket that keeps what it is sent: the system's journal, or its service manager."""

    def __init__(self, path):
        self.path, self.told = str(path), []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._socket.bind(self.path)
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket, self._hear)

    def _hear(self):
        self.told.append(self._socket.recv(1 << 20))

    def close(self):
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()


class Trial:
    """A daemon, its venue, and a folder of all that it said."""

    def __init__(self, folder, venue, canaries):
        key, secret, passphrase, self._token, bot, pager = (each.secret for each in canaries)
        kept = folder / "keys" / "desk"
        kept.parent.mkdir(mode=0o700)
        kept.write_text(json.dumps({"key": key, "secret": secret, "password": passphrase}))
        kept.chmod(0o400)
        (kept.parent / "reader").write_text(f"{self._token}\n")
        (kept.parent / "reader").chmod(0o400)
        self.env = {
            **os.environ,
            "REBALANCER_CREDENTIALS": str(kept.parent),
            "PYTHONPATH": f"{folder / 'stand-in'}{os.pathsep}{ROOT}",
            "NOTIFY_SOCKET": str(folder / "notify"),
        }
        self.said, self.book = folder / "said", folder / "said" / "book"
        self.book.mkdir(parents=True)
        self.journald, self.manager = Datagrams(folder / "journal"), Datagrams(folder / "notify")
        self.outside = Outside(folder / "stand-in", bot, pager)
        settings = settings_of(ROOT / "config" / desk_of(venue))
        signs = {venue: [Key(key, secret, venue, UID, passphrase=passphrase)]}
        self.played = seeded_loopbacks(settings, resolve(settings), signs, WallClock(), 7)
        self.config, self._running, self._folder, self._venue = None, None, folder, venue

    async def begin(self, *, journald):
        """Start the venue, then the daemon; return once it has hedged."""
        await self.played.start()
        await self.outside.start()
        address = self.played.venues[self._venue].address
        self.config = in_the_open(self._venue, address, self._folder)
        with self.config.open("a") as file:
            file.write(self.outside.settings(self._folder / "keys"))
        asked = [sys.executable, "-m", "tests.end_to_end.discreet_daemon", self.config, self.book]
        asked += [self.journald.path] if journald else []
        with (self.said / "stdout").open("wb") as out, (self.said / "stderr").open("wb") as err:
            self._running = await asyncio.create_subprocess_exec(
                *map(str, asked), stdout=out, stderr=err, env=self.env, cwd=ROOT
            )
        await self.until(lambda: b"order.filled" in self.log(), 60)
        for name in ("environ", "cmdline", "limits"):
            shutil.copyfile(f"/proc/{self._running.pid}/{name}", self.said / name)

    def log(self):
        """Return what the log said, wherever."""
        return (self.said / "stderr").read_bytes() + b"\n".join(self.journald.told)

    async def until(self, true, seconds):
        """Return once something holds; fail where it never does, or the daemon ended."""
        for _ in range(int(seconds * 5)):
            if true():
                return
            assert self._running.returncode is None, self.log()[-3000:].decode("utf-8", "replace")
            await asyncio.sleep(0.2)
        raise AssertionError(f"never came: {self.log()[-3000:].decode()}")

    async def ask(self, name, *arguments):
        """Ask by a command, and keep what it says."""
        ran = await asyncio.create_subprocess_exec(
            *COMMAND, *arguments, stdout=-1, stderr=-1, env=self.env, cwd=ROOT
        )
        (self.said / f"{name}.out").write_bytes(b"\n".join(await ran.communicate()))

    async def ask_all(self):
        """Ask everything that a daemon answers, and what stands on its disk."""
        here = ("--state", str(self.book))
        for verb in ("status", "positions", "orders", "guards", "band"):
            await self.ask(verb, verb, *here, "--json")
        for each in sorted(set(re.findall(rb"rb[0-9a-z]{16}", self.log())))[:3]:
            await self.ask(f"why-{each.decode()}", "why", each.decode(), *here)
        await self.ask_page()
        await self.ask("backup", "journal", "backup", str(self.said / "b.sqlite"), *here)
        await self.ask("doctor", "doctor", str(self.config), "--json")

    async def ask_page(self):
        """Ask the status page for all that it has, with its token and with a wrong one."""
        place = re.search(r'listen = "(.*)"', self.config.read_text())[1]
        once = aiohttp.TCPConnector(force_close=True)  # the page answers once a connection
        async with aiohttp.ClientSession(connector=once) as session:
            for token in (self._token, self._token[:-1] + "!"):
                signed = {"Authorization": f"Bearer {token}"}
                for path in ("livez", "readyz", "status", "metrics", ""):
                    async with session.get(f"http://{place}/{path}", headers=signed) as told:
                        name = f"page-{path}-{told.status}"
                        (self.said / name).write_bytes(await told.read())
            async with session.ws_connect(f"http://{place}/live", origin=f"http://{place}") as live:
                await live.send_json({"token": self._token})
                told = [await live.receive_str(timeout=10) for _ in range(3)]
                (self.said / "page-live").write_text("\n".join(told))

    async def kill(self, reason):
        """Kill the book for a reason that was pasted; then end its messenger: another begins."""
        await self.ask("kill", "kill", "--state", str(self.book), "--reason", reason)
        await self.until(lambda: self.outside.heard("state.latched", "pasted ***"), 60)
        (first,) = self._messengers()
        os.kill(int(first), signal.SIGKILL)
        await self.until(lambda: len(self._messengers()) == 2, 20)
        await self.until(lambda: b"STATUS=halted" in b"\n".join(self.manager.told), 20)

    def _messengers(self):
        """Return the process id of each messenger so far."""
        return re.findall(rb'"event":"messenger.started"[^\n]*?"pid":(\d+)', self.log())

    async def die(self):
        """Let a task die of an error full of keys; return how the process ended."""
        self._running.send_signal(signal.SIGWINCH)
        code = await asyncio.wait_for(self._running.wait(), 60)
        await asyncio.sleep(0.2)
        (self.said / "journald").write_bytes(b"\n".join(self.journald.told))
        (self.said / "notify").write_bytes(b"\n".join(self.manager.told))
        for name, told in self.outside.told.items():
            (self.said / f"{name}.jsonl").write_text("\n".join(told))
        return code

    async def end(self):
        """Leave nothing behind."""
        if self._running is not None and self._running.returncode is None:
            self._running.kill()
            await self._running.wait()
        for each in (self.journald, self.manager):
            each.close()
        await self.outside.stop()
        await self.played.stop()


def plant(folder, canaries):
    """Write files of each kind with each form of each secret; return what must be found."""
    folder.mkdir()
    for canary in canaries:
        for number, dress in enumerate(canary.dresses().values()):
            name = f"{canary.name}-{number}"
            (folder / f"{name}.txt").write_bytes(b"{" + dress + b"}")
            (folder / f"{name}.jsonl").write_text(json.dumps({"text": f"no {dress.decode()}"}))
            (folder / f"{name}.gz").write_bytes(gzip.compress(b"{" + dress + b"}"))
            with closing(sqlite3.connect(folder / f"{name}.sqlite")) as database:
                database.execute("create table t (x text)")
                long = "y" * 4000 + dress.decode() + "y" * 4000
                database.execute("insert into t values (?)", (long,))
                database.commit()
    return {
        f"{canary.name}-{number}.{kind}: {canary.name} {form}"
        for canary in canaries
        for number, form in enumerate(canary.dresses())
        for kind in ("gz", "jsonl", "sqlite", "txt")
    }


@pytest.mark.waits(90)
@pytest.mark.timeout(240)
@pytest.mark.secures("secrets-stay", "no-core-dump", "secrets-from-files")
@pytest.mark.parametrize(("venue", "journald"), [("deribit", False), ("okx", True)])
async def test_no_secret_leaves(tmp_path, monkeypatch, venue, journald):
    """Logs, alerts, journal, answers, databases, tracebacks: none shows a key, in any form."""
    chance = random.SystemRandom()
    canaries = [planted(name, chance) for name in NAMES]
    echoing(monkeypatch, canaries[:4])  # a venue was not sent what is for others
    trial = Trial(tmp_path, venue, canaries)
    try:
        await trial.begin(journald=journald)
        script = trial.played.venues[venue].script
        script.add(*mischief(venue))
        await trial.until(lambda: not script.missed(), 80)
        await trial.ask_all()
        await trial.kill(f"pasted {canaries[1].secret}")
        await trial.ask_page()
        code = await trial.die()
    finally:
        await trial.end()

    assert plant(tmp_path / "control", canaries) <= set(hits(tmp_path / "control", canaries))
    assert 70 == code
    assert re.search(r"Max core file size +0 +0 ", (trial.said / "limits").read_text())
    said = trial.log()
    for word in (b"order.rejected", b"order.unknown", b"daemon.failed", b"Traceback", b"***"):
        assert word in said
    assert {"page-status-200", "page-status-401", "page-metrics-200", "page-live"} <= {
        each.name for each in trial.said.iterdir()
    }
    assert {"flight", "journal.sqlite"} <= {each.name for each in trial.book.iterdir()}
    for name in CHANNELS:  # what was full of keys was told, without them
        told = (trial.said / f"{name}.jsonl").read_text()
        for word in ("state.latched", "control.failed", "daemon.failed", "alert.failed"):
            assert word in told, name
    assert b"STATUS=halted (book: pasted ***)" in (trial.said / "notify").read_bytes()
    assert [] == hits(trial.said, canaries)
