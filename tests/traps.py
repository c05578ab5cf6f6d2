"""What goes wrong at each venue where nobody minds it, and the tests that show that we do.

    python -m tests.traps  prints the table

A trap is a fact of a venue, of ccxt or of aiohttp by which an order comes out wrong,
twice or not at all, a position is misread, a stream stands still without a word, or a
page of the past is missing. A test that proves us safe from it says so by its marker,
with the venues where it does: `@pytest.mark.trap("okx-two-deltas", "okx")`. The venue
"every" is for what our code does not do at all, wherever it trades.
"""

import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.markers import ROOT, marked

MARGINED = "binanceusdm binancecoinm"
BINANCES = f"{MARGINED} binance"
OWN = f"deribit {BINANCES} bybit okx"  # venues with a package
SHIPPED = "hyperliquid krakenfutures"  # venues that are a shipped profile
ALL = f"{OWN} {SHIPPED}"
EVERY = "every"


class Trap(NamedTuple):
    """What goes wrong, and where: names of venues."""

    wrong: str
    at: str

    @property
    def venues(self) -> tuple[str, ...]:
        """The venues that it concerns."""
        return tuple(self.at.split())


# --- what ccxt has, and what it has not --------------------------------------------------
_OFFERED = {
    "X04": Trap("ccxt winds no timer here, or nobody does: what rests outlives us", ALL),
    "X07": Trap("positions have no stream, or the rank of a deleveraging no call", OWN),
    "greeks-have-no-stream": Trap(
        "no unified call streams greeks: vols and forwards are in the venue's own messages",
        "deribit bybit okx",
    ),
    "no-cancel-all": Trap(
        "a cancel of everything is missing, or takes along what is not ours", EVERY
    ),
    "deribit-switch-needs-its-socket": Trap(
        "the switch of a connection does not know what was placed by REST", "deribit"
    ),
    "deribit-funding-is-past": Trap(
        "the unified funding rate is what was paid in the last eight hours", "deribit"
    ),
    "deribit-no-funding-history": Trap(
        "no call lists funding payments: they hide in settlements of the log", "deribit"
    ),
    "funding-rate-is-emulated": Trap(
        "a unified rate is made of a ticker, and its span is guessed", "bybit krakenfutures"
    ),
    "bybit-order-needs-a-confession": Trap(
        "an order is not read by the unified call unless told that it may be too old", "bybit"
    ),
    "features-promise-too-much": Trap(
        "ccxt's features list a lifetime that its request does not carry", "krakenfutures"
    ),
}

# --- what an order says on the wire ------------------------------------------------------
_WORDS = {
    "flags-have-other-names": Trap(
        "immediate-or-cancel, post-only and reduce-only: another word at each venue", ALL
    ),
    "fill-or-kill-is-not-everywhere": Trap(
        "fill-or-kill is unknown or left out, and the order rests", EVERY
    ),
    "deribit-lifetime-is-dropped": Trap(
        "a lifetime that ccxt cannot spell is left out, and the order rests", "deribit"
    ),
    "krakenfutures-capital-ioc": Trap(
        "IOC in capital letters becomes a limit order that rests", "krakenfutures"
    ),
    "client-id-has-its-own-name": Trap(
        "our id in another parameter is ignored: the order is nobody's", ALL
    ),
    "client-id-has-a-form": Trap(
        "an id too long, with a dash or in the wrong digits is refused or cut", ALL
    ),
    "X03": Trap("ccxt reads no client id back: the label is in the raw order alone", "deribit"),
    "X06": Trap("without an id of ours ccxt makes one up, of a broker", ALL),
    "hedge-mode": Trap(
        "long and short lie side by side: no reduce-only, and one row is half of it",
        f"{MARGINED} bybit okx",
    ),
    "bybit-answer-is-two-ids": Trap(
        "an answer to an order tells no state, no amount and nothing of fills", "bybit"
    ),
    "okx-orders-travel-in-batches": Trap(
        "the outer code says that some failed, the row of the order which and why", "okx"
    ),
    "okx-margin-mode-is-chosen": Trap(
        "ccxt orders cross where nobody says how: an isolated position is another one", "okx"
    ),
    "market-orders-have-a-hidden-price": Trap(
        "a market order is a limit order 5 % away, or has no bound at all", f"{EVERY} hyperliquid"
    ),
    "hyperliquid-builder": Trap(
        "ccxt approves a builder who is paid by each order, and names a referrer", "hyperliquid"
    ),
    "questions-inside-an-order": Trap(
        "ccxt asks about account or brackets first: an order or a look is several requests",
        f"{MARGINED} bybit hyperliquid",
    ),
}

# --- what a position and a balance are ---------------------------------------------------
_HELD = {
    "parsed-records-differ": Trap(
        "ccxt's records rename, fill in and leave out: each venue's mean something else", EVERY
    ),
    "collateral-changed-its-meaning": Trap(
        "a unified field meant another sum in another version of ccxt", EVERY
    ),
    "missing-is-not-zero": Trap(
        "a field that is empty, null or absent is read as 0, or made up", ALL
    ),
    "sign-of-a-position": Trap(
        "a size is signed, or its side is: read otherwise a short is long",
        f"deribit {MARGINED} bybit okx {SHIPPED}",
    ),
    "liquidation-price-is-not-there": Trap(
        "0, an empty text or nothing stands where no price threatens",
        f"deribit {MARGINED} bybit okx {SHIPPED}",
    ),
    "margin-by-the-account": Trap(
        "a position's margin ratio is another one at each venue: the account's figures count",
        f"deribit {MARGINED} bybit okx {SHIPPED}",
    ),
    "balance-is-not-equity": Trap(
        "a unified balance is equity here and a wallet there: open profit is booked twice", ALL
    ),
    "deribit-size-is-whole": Trap(
        "a size times the contract size is ten times too large", "deribit"
    ),
    "deribit-direction-zero": Trap(
        "a position that is gone has a row: ccxt calls it short", "deribit"
    ),
    "binance-closed-is-both": Trap(
        "a position that closed comes as a row of 0 with the side BOTH", MARGINED
    ),
    "binance-stream-tells-no-risk": Trap(
        "the account's stream tells no margin, no mark, no liquidation price", MARGINED
    ),
    "bybit-margin-mode-is-the-accounts": Trap(
        "a position does not say how it is margined, the account does", "bybit"
    ),
    "okx-margin-ratio-is-upside-down": Trap(
        "its margin ratio is balance by requirement: 41 is safe, 1 is the end", "okx"
    ),
    "positions-without-margin-figures": Trap(
        "no maintenance of a position is told: taken for none, a hedge grows unchecked", SHIPPED
    ),
}

# --- what an amount is -------------------------------------------------------------------
_AMOUNTS = {
    "amount-has-its-own-unit": Trap(
        "coins here, dollars there, contracts elsewhere: wrong by orders of magnitude", ALL
    ),
    "deribit-contract-size-is-decoration": Trap(
        "the contract size that is told counts for nothing: an amount is dollars or coins",
        "deribit",
    ),
    "okx-option-multiplier": Trap(
        "ccxt's contract size leaves out ctMult: an option counts a hundred times", "okx"
    ),
    "binance-one-name-twice": Trap(
        "the class of spot loads futures too, and a pair has a contract's name", "binance"
    ),
    "bybit-one-settlement-a-call": Trap(
        "positions without a settle coin are those in USDT: USDC, inverse, options hide", "bybit"
    ),
    "bybit-positions-in-pages": Trap("positions come in pages of at most 200", "bybit"),
    "hyperliquid-five-digits": Trap(
        "a price has five significant digits, and its tick hangs on it", "hyperliquid"
    ),
    "krakenfutures-inverse-apart": Trap(
        "inverse contracts are USD of a wallet of their own, beside linear ones", "krakenfutures"
    ),
    "quanto-has-no-flag": Trap(
        "a contract that settles in a third currency is called linear or nothing",
        f"deribit {MARGINED} bybit okx {SHIPPED}",
    ),
    "inverse-is-not-linear": Trap(
        "an inverse contract is size ÷ price coins; ccxt computes no delta", EVERY
    ),
    "amount-is-cut": Trap(
        "ccxt cuts or rounds an amount to the lot, 47 to 40, without a word", ALL
    ),
    "price-is-rounded-to-the-nearest": Trap(
        "ccxt rounds a price to the nearest tick, through the limit", ALL
    ),
    "numbers-become-floats": Trap("a float loses the digits of a size or of a price", ALL),
    "minimum-is-not-checked": Trap(
        "ccxt checks no smallest amount or worth: the venue refuses, or cuts", ALL
    ),
    "deribit-tick-grows": Trap(
        "above a price an option's tick is coarser, and ccxt does not know it", "deribit"
    ),
}

# --- options -----------------------------------------------------------------------------
_OPTIONS = {
    "option-names": Trap(
        "strike, day and settle currency stand in a name that each venue spells its own way",
        "deribit bybit okx",
    ),
    "expired-option-is-made-up": Trap(
        "ccxt makes a market up for an option that ended, without a size", EVERY
    ),
    "deribit-combos": Trap("a combo is a market of its own that nobody holds", "deribit"),
    "bybit-options-in-pages": Trap(
        "one page of options is loaded: those beyond it do not exist", "bybit"
    ),
    "option-families-are-not-all-loaded": Trap(
        "ccxt loads the options of some coins only", "bybit okx"
    ),
    "bybit-options-asked-apart": Trap(
        "positions in options are told only where they are asked for by name", "bybit"
    ),
    "vol-is-percent-or-fraction": Trap(
        "an implied vol of 55 here is 0.55 there", "deribit bybit okx"
    ),
    "okx-two-deltas": Trap("its delta is less the premium, Black's is deltaBS", "okx"),
    "deribit-delta-is-blacks": Trap(
        "its delta is Black's, its delta total is less the mark", "deribit"
    ),
    "greeks-have-no-time": Trap(
        "ccxt's greeks have no time and no forward: nobody knows their age", "bybit okx"
    ),
}

# --- prices, lists and bookings ----------------------------------------------------------
_TOLD = {
    "mark-is-not-in-the-ticker": Trap(
        "mark and index are told elsewhere than the last price", f"{BINANCES} okx hyperliquid"
    ),
    "binance-ticker-has-no-touch": Trap("its ticker tells no best bid or ask", BINANCES),
    "binance-mark-overwrites-the-touch": Trap(
        "a mark price takes the place of the touch in ccxt's cache", MARGINED
    ),
    "bybit-pair-has-no-touch": Trap("the ticker of a pair tells no best bid or ask", "bybit"),
    "hyperliquid-slow-ticker": Trap(
        "its ticker is seconds old, and its bid and ask are of a large order", "hyperliquid"
    ),
    "deribit-raw-needs-a-login": Trap(
        "raw channels are refused to who has not logged in", "deribit"
    ),
    "deribit-empty-side": Trap("a side that nobody quotes is a price of 0, or none", "deribit"),
    "deribit-lists-are-of-bitcoin": Trap(
        "orders and trades without a currency are bitcoin's: an ether hedge is invisible",
        "deribit",
    ),
    "deribit-balance-by-currency": Trap(
        "a balance message is of one currency, of a list that lacks some", "deribit"
    ),
    "deribit-fee-is-always-in-coin": Trap(
        "ccxt tells each fee in coin and the cost of all that was asked", "deribit"
    ),
}

# --- an order is sent once, and proved ---------------------------------------------------
_ONCE = {
    "get-is-sent-twice": Trap(
        "aiohttp repeats a GET or DELETE whose connection dropped: one order buys twice",
        f"deribit {BINANCES}",
    ),
    "X02": Trap("an option of ccxt's repeats any request, orders too", ALL),
    "duplicate-id-is-no-refusal": Trap(
        "an id that is there already comes as an invalid order, and the first one lives",
        f"{BINANCES} bybit okx krakenfutures",
    ),
    "binance-id-is-free-after-its-end": Trap(
        "an id is unique among open orders only: sent again, an order that ended trades twice",
        BINANCES,
    ),
    "deribit-label-twice": Trap("labels are not unique: nobody refuses the second", "deribit"),
    "X01": Trap("ccxt's class of an error is no verdict, and nor is an unknown code", ALL),
    "no-answer-proves-nothing": Trap(
        "the peer hangs up without an answer: the order may be there", ALL
    ),
    "cut-answer-looks-final": Trap(
        "half an answer is a plain ExchangeError, as if it were a refusal", ALL
    ),
    "page-with-status-200": Trap(
        "a page for people, or nothing, is an order without an id, or a TypeError", ALL
    ),
    "status-without-a-code": Trap(
        "an HTTP error without a code of the venue's says nothing of the order", ALL
    ),
    "silence-is-no-answer": Trap("no answer in time says nothing of the order", ALL),
    "too-many-requests": Trap("429 and 418 come by HTTP, and asking on earns a ban", ALL),
    "refused-connection-is-not-sent": Trap(
        "a connection that was never made has the class of one that dropped", ALL
    ),
    "found-by-our-id": Trap("each venue finds an order by our id in another way", ALL),
    "unified-lookup-asks-for-another": Trap(
        "the unified call leaves our id out: it finds nothing, or somebody else's order",
        "deribit bybit krakenfutures",
    ),
    "absence-is-no-proof": Trap("an order that is not shown yet is called absent", ALL),
    "conditional-orders-lie-apart": Trap(
        "stop orders are in a list of their own, and not among the open ones",
        "binanceusdm okx",
    ),
}

# --- limits and clocks -------------------------------------------------------------------
_PACE = {
    "limiter-holds-a-lone-order": Trap(
        "ccxt's limiter does not refill while idle: a lone order waits for the last one", ALL
    ),
    "one-queue-for-all": Trap("an order waits behind a burst of questions", EVERY),
    "clock-is-set-once": Trap("ccxt looks at the venue's clock at the start, or never", ALL),
    "krakenfutures-tells-no-time": Trap("no call tells the venue's clock", "krakenfutures"),
    "X05": Trap("ccxt waits 10 s for an answer, and what is signed is good for as long", ALL),
    "X08": Trap("verbose prints signed requests, and texts of errors carry them", ALL),
    "testnet-replaces-the-addresses": Trap(
        "a testnet lacks hosts and streams: prices or keys of the other side are used",
        f"deribit {BINANCES} bybit okx",
    ),
}

# --- streams -----------------------------------------------------------------------------
_STREAMS = {
    "bad-frame-ends-the-loop": Trap(
        "a frame that cannot be read ends ccxt's loop, and the socket stays open", ALL
    ),
    "frozen-peer": Trap("a peer that is gone is noticed after minutes", ALL),
    "pongs-without-data": Trap("pongs go on and nothing is told: nobody ever says so", ALL),
    "reconnect-is-a-gap": Trap("what happened while a socket was away is told to nobody", ALL),
    "book-without-a-chain": Trap(
        "a change that was lost, or an old level, makes a book that crosses", ALL
    ),
    "binance-positions-stay": Trap(
        "after a reconnect ccxt's positions are those of before", MARGINED
    ),
    "ccxt-caches-are-read": Trap(
        "its caches keep both sides of a flip, old levels, and drop the tail of a burst", EVERY
    ),
    "bursts-are-swallowed": Trap(
        "a watch returns one symbol, the oldest word of a burst, and keeps its tail back", EVERY
    ),
    "waiting-cancels-the-others": Trap(
        "who gives up waiting for a stream cancels whoever waits for it too", EVERY
    ),
    "closing-cancels-the-watchers": Trap(
        "a client that closes cancels its watchers, who end without a word", EVERY
    ),
    "okx-error-without-a-number": Trap(
        "an error that names no request fails everything on its socket", "okx"
    ),
    "deribit-login-without-an-answer": Trap(
        "a login that is refused or not answered is waited for without end", "deribit"
    ),
}

TRAPS: Mapping[str, Trap] = (
    _OFFERED | _WORDS | _HELD | _AMOUNTS | _OPTIONS | _TOLD | _ONCE | _PACE | _STREAMS
)


def proofs(folder: Path = ROOT / "tests") -> dict[tuple[str, str], list[str]]:
    """Return (trap, venue) → the tests whose markers name it, listed or not."""
    found: dict[tuple[str, str], list[str]] = {}
    for path in sorted(folder.rglob("*.py")):
        for test, (trap, *venues) in marked(path, "trap", ROOT):
            for venue in venues or ("",):
                found.setdefault((trap, venue), []).append(test)
    return found


def wanted() -> list[tuple[str, str]]:
    """Return each (trap, venue) that must have a test."""
    return [(name, venue) for name, trap in TRAPS.items() for venue in trap.venues]


def table(width: int = 120) -> str:
    """Return each trap with its sentence, and its tests with the venues that each is for."""
    known, lines = proofs(), []
    for name, trap in TRAPS.items():
        lines += ["", f"{name:<36}{' '.join(trap.venues)}"]
        lines += textwrap.wrap(trap.wrong, width, initial_indent="    ", subsequent_indent="    ")
        tests: dict[str, list[str]] = {}
        for venue in trap.venues:
            for test in known.get((name, venue), ["no test"]):
                tests.setdefault(test, []).append(venue)
        for test, venues in tests.items():
            told = "all of them" if len(venues) == len(trap.venues) > 1 else " ".join(venues)
            lines.append(f"    {test.removeprefix('tests/'):<76}{told}")
    return "\n".join(lines[1:])


def main() -> int:
    """Print the table."""
    print(table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
