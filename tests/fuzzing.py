"""Hostile input, much of it: each parser of what comes from outside, fed with spoilt examples.

    python -m tests.fuzzing [COUNT]      each parser so often; 100,000 when nothing is said

A parser answers, or refuses with the error that it says it refuses with; it never raises
anything else, never hangs, and what it lets through can be believed. Seeds are frames in
the shape that venues document, configurations and lines of a log; each is cut, doubled,
nested, filled with absurd numbers, or has bytes of it changed.
"""

import contextlib
import io
import json
import sys
import time
from collections.abc import Callable, Mapping
from random import Random

from rebalancer.errors import Fault, UsageError
from rebalancer.ops import protocol
from rebalancer.ops.log import configure
from rebalancer.ops.logbook import facts_of
from rebalancer.ops.redaction import Redactor
from rebalancer.settings.reading import parse
from rebalancer.wire.binance import frames as binance
from rebalancer.wire.binance.frames import Market
from rebalancer.wire.bybit import frames as bybit
from rebalancer.wire.deribit import frames as deribit
from rebalancer.wire.okx import frames as okx
from tests.wire import test_binance_frames, test_bybit, test_deribit, test_okx

SLOW = 1.0  # s that one input may take at most
FULL = 100_000
SPIKES = (
    b"NaN", b"Infinity", b"-1e999", b"1e309", b"9" * 400, b"0." + b"0" * 400 + b"1", b"null",
    b"[" * 2000, b'{"a":' * 500, b'"\\u202e\\u0000\\ud800"', b"\xff\xfe\x00", b"\\", b'"', b"}",
    b"\x1b[2J", b"\n", "\u2028\u2029\x85".encode(), b"true", b"-0", b"1e-400", b"0x1f",
)  # fmt: skip
BOOK = b"""[book]
id = "x"
mode = "paper"
[venues.deribit]
leverage = 3
tiers = [[0, 0.01], [2_500_000, 0.015]]
[underlyings.BTC]
numeraire = "usd"
hedge = ["deribit:BTC-PERPETUAL"]
band = { kind = "fixed", lower = -0.05, upper = 0.05 }
[[holdings]]
instrument = "deribit:BTC"
quantity = "2"
"""


def _json(told: object) -> bytes:
    return json.dumps(told, separators=(",", ":")).encode()


TICKER = {"instrument_name": "BTC-PERPETUAL", "timestamp": 1, "mark_price": 5.5,
          "index_price": 5.1,
          "best_bid_price": 5.0, "best_ask_price": 5.5, "best_bid_amount": 10,
          "best_ask_amount": 20,
          "current_funding": 0.0, "funding_8h": 0.0001, "state": "open"}  # fmt: skip
SEEDS: Mapping[str, tuple[bytes, ...]] = {
    "deribit": (
        _json({"jsonrpc": "2.0", "method": "subscription",
               "params": {"channel": "ticker.BTC-PERPETUAL.raw", "data": TICKER}}),
        _json({"jsonrpc": "2.0", "id": 7, "result": ["ticker.BTC-PERPETUAL.raw"]}),
        test_deribit.frame("user.trades.any.any.raw", [test_deribit.USER_TRADE]),
    ),
    "okx": (
        _json({"arg": {"channel": "mark-price", "instId": "BTC-USDT-SWAP"},
               "data": [{"instId": "BTC-USDT-SWAP", "markPx": "5.5", "ts": "1"}]}),
        test_okx.orders(test_okx.ORDER),
        _json({"event": "error", "code": "60012", "msg": "no"}),
    ),
    "bybit": (
        _json({"topic": "tickers.BTCUSDT", "type": "snapshot", "ts": 1,
               "data": {"symbol": "BTCUSDT", "markPrice": "5.5", "indexPrice": "5.4",
                        "bid1Price": "5", "ask1Price": "6", "bid1Size": "1", "ask1Size": "1"}}),
        test_bybit.booked("execution", test_bybit.EXECUTION),
    ),
    "binance": (
        _json({"e": "bookTicker", "u": 1, "E": 1, "T": 1, "s": "BTCUSDT", "b": "5.0", "B": "1",
               "a": "5.5", "A": "2"}),
        test_binance_frames.update(),
    ),
    "configuration": (BOOK,),
    "control frame": (_json({"verb": "kill", "args": {"reason": "x", "all": True}}),),
    "line of a log": (
        _json({"ts": "2026-01-05T07:22:18.5Z", "level": "info", "event": "order.filled", "n": 1}),
        _json({"MESSAGE": "x", "PRIORITY": "6", "RB_LINE": "{}", "__REALTIME_TIMESTAMP": "1"}),
    ),
    "said to the log": (b"the venue says: no", b"rb0001\xc3\xa9", b"x" * 600),
}  # fmt: skip


class Still:
    """A clock that stands."""

    def now(self) -> int:
        """Return ns since 1970."""
        return 1_767_597_738_500_000_000


def _wire(decode: Callable[[bytes], object]) -> Callable[[bytes], None]:
    def feed(payload: bytes) -> None:
        assert decode(payload) is not None

    return feed


def _binance(payload: bytes) -> None:
    for market in Market:
        assert binance.decode(payload, market) is not None


def _configuration(payload: bytes) -> None:
    told = parse(payload.decode("utf-8", "replace"), "x.toml")
    assert isinstance(told, dict | Fault)


def _frame(payload: bytes) -> None:
    with contextlib.suppress(UsageError):
        assert isinstance(protocol.parse(payload), protocol.Request)


def _line(payload: bytes) -> None:
    facts = facts_of(payload.decode("utf-8", "replace"), Redactor())
    assert facts is None or _harmless(json.dumps(facts, ensure_ascii=False))


def _said(payload: bytes) -> None:
    text, out = payload.decode("utf-8", "surrogateescape"), io.StringIO()
    log = configure(out, Still(), colour=False)  # type: ignore[arg-type]
    log.warning("order.rejected", reason=text, more={text: [text]}, exc_info=ValueError(text))
    (line,) = out.getvalue().splitlines()
    told = json.loads(line)
    assert "order.rejected" == told["event"]
    assert line.isascii()
    assert len(told.get("reason", "")) <= 512


def _harmless(text: str) -> bool:
    return not any(ord(each) < 32 or each in "\x85\u2028\u2029\u202e\x1b" for each in text)


PARSERS: Mapping[str, Callable[[bytes], None]] = {
    "deribit": _wire(deribit.decode),
    "okx": _wire(okx.decode),
    "bybit": _wire(bybit.decode),
    "binance": _binance,
    "configuration": _configuration,
    "control frame": _frame,
    "line of a log": _line,
    "said to the log": _said,
}


def spoilt(seed: bytes, chance: Random) -> bytes:
    """Return an example with a few things wrong."""
    told = bytearray(seed)
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        place = chance.randrange(len(told) + 1)
        match chance.randrange(6):
            case 0:
                told[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                told[place:place] = chance.choice(SPIKES)
            case 2:
                del told[place : place + chance.randrange(1, 20)]
            case 3:
                told[place:place] = told[place : place + chance.randrange(1, 40)]
            case 4:
                told = told[:place] or bytearray(b"{")
            case _:
                end = place + chance.randrange(1, 6)
                told[place:end] = chance.choice(SPIKES)
    return bytes(told)


def fuzz(name: str, count: int, seed: int = 7) -> tuple[float, bytes]:
    """Feed a parser; return the longest that an input took, s, and that input.

    Raises:
        AssertionError: What it let through cannot be believed.
    """
    chance, parser, worst = Random(f"{name}/{seed}"), PARSERS[name], (0.0, b"")
    for _ in range(count):
        payload = spoilt(chance.choice(SEEDS[name]), chance)
        began = time.perf_counter()
        try:
            parser(payload)
        except BaseException as error:
            error.add_note(f"{name} was fed {payload!r}")
            raise
        took = time.perf_counter() - began
        worst = max(worst, (took, payload))
    return worst


def main(count: str = str(FULL)) -> int:
    """Feed every parser; 1 where one hangs, an exception where one breaks."""
    code = 0
    for name in PARSERS:
        slowest, payload = fuzz(name, int(count))
        print(f"{name:16} {int(count):>9,} inputs, slowest {slowest * 1000:.1f} ms", flush=True)
        if slowest > SLOW:
            print(f"  {payload[:200]!r}")
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
