"""A status page on a real socket, of a book that answers plainly, and one who asks it."""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace

from rebalancer.errors import PermissionRefused
from rebalancer.ops.web import Answers, Place, Tokens, WebServer

READER, OPERATOR = "reader-" + "r" * 32, "operator-" + "o" * 32
SECRET = "Zq8-planted-4711-secret"
COLUMNS = ("at", "low", "high", "last", "lower", "aim", "upper", "price")


@dataclass
class Book:
    """A book that answers plainly and remembers what it was told."""

    told: list = field(default_factory=list)
    asked: list = field(default_factory=list)
    looked: int = 0
    note: str = ""
    halted: bool = False
    broken: bool = False
    wide: int = 0  # bytes that each look is to be longer

    def status(self):
        """Return a state that moves with each look."""
        if self.broken:
            raise RuntimeError("no such luck")
        self.looked += 1
        return {
            "book": "desk",
            "state": "active",
            "seq": self.looked,
            "note": self.note,
            "ballast": f"{self.looked}" + "x" * self.wide,
            "underlyings": {"BTC": {"net_delta": 0.1 * self.looked, "smile": {"far": 1}}},
            "positions": [{"instrument": "deribit:BTC", "quantity": "1.50"}],
            "decisions": [],
            "counters": {"events": 7},
        }

    def orders(self, last=None):
        """Return one order."""
        return [{"client_order_id": "rb1", "state": "filled"}][:last]

    def accounts(self):
        """Return none."""
        return []

    def guards(self):
        """Return one guard."""
        return [{"name": "margin", "headroom": 0.5}]

    def history(self, underlying, since=0):
        """Know one coin."""
        columns = {name: [] for name in COLUMNS}
        return {"columns": columns, "marks": []} if underlying == "BTC" else None

    def why(self, key):
        """Know one step."""
        self.asked.append(key)
        return {"decision": {"sequence": 18211}} if key == "18211" else None

    def operate(self, verb, reason, who, everything):
        """Remember an order."""
        if self.halted:
            raise PermissionRefused("resume: the book is halted; arm it first")
        self.told.append((verb, reason, who, everything))
        return {"verb": str(verb), "before": "active"}


def well(_source):
    """Be well."""
    return SimpleNamespace(ok=True, reasons=())


def ill(_source):
    """Be ill, with a reason."""
    return SimpleNamespace(ok=False, reasons=("never_reconciled",))


ANSWERS = Answers(well, ill, lambda _: b"# HELP rebalancer_up Whether.\nrebalancer_up 1\n")


@asynccontextmanager
async def serving(book, log, *, reader=None, operator=None, names=(), redactor=None):
    """Serve a book on a free port of this machine."""
    tokens = Tokens(reader, operator)
    place = Place("127.0.0.1", 0, names)
    server = WebServer(place, book, ANSWERS, tokens, log, redactor)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


@dataclass
class Told:
    """An answer as it came over the wire."""

    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        """The body as a value."""
        return json.loads(self.body)


async def ask(port, method, path, body=b"", **headers):
    """Ask over a socket of one's own; a header None is left out, _ in a name is a dash."""
    named = {"Host": f"127.0.0.1:{port}", **headers}
    if body and "Content_Length" not in named:
        named["Content_Length"] = len(body)
    head = [
        f"{name.replace('_', '-')}: {value}" for name, value in named.items() if value is not None
    ]
    raw = "\r\n".join([f"{method} {path} HTTP/1.1", *head, "", ""]).encode("latin-1")
    return parsed(await say(port, raw + body))


async def say(port, raw, patience=10.0):
    """Say raw bytes; return all that comes back until the server hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(raw)
        return await asyncio.wait_for(reader.read(), patience)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def parsed(raw):
    """Return an answer from its bytes."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    return Told(int(first.split()[1]), headers, body)


def bearer(token):
    """Return the header that says a token."""
    return {"Authorization": f"Bearer {token}"}
