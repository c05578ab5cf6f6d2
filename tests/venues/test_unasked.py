"""What of ccxt is not asked at all: its records, its caches, its market orders, its cancels.

Read off the package itself, module by module, so that a new call of the kind is seen.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import ccxt.pro
import pytest

import rebalancer
from rebalancer.core.commands import TimeInForce
from rebalancer.settings.shipped import UNIFIED
from rebalancer.venues import requests
from rebalancer.venues.profiles import PROFILES, row_of
from tests.venues.loopback import CALL, INSTRUMENTS, order

PACKAGE = Path(rebalancer.__file__).parent
SHIPPED = ("hyperliquid", "krakenfutures")
CACHES = {"tickers", "bidsasks", "orderbooks", "trades", "myTrades", "orders", "positions"}
CACHES |= {"balance", "fundingRates", "ohlcvs", "triggerOrders"}
UNIFYING = re.compile(
    "(fetch|watch|un_watch|cancel|create|edit|parse|safe|handle|transfer|withdraw|close|set|add)_"
    "|(amount|price|cost)_to_precision"
)


def modules(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    """Yield each module of some folders of the package, with its path."""
    for folder in folders:
        for path in sorted((PACKAGE / folder).rglob("*.py")):
            yield str(path.relative_to(PACKAGE)), ast.parse(path.read_text())


def own_words() -> set[str]:
    """Return the names of ccxt's unified methods."""
    return {name for name in dir(ccxt.pro.Exchange) if UNIFYING.match(name)}


def words_of(tree: ast.Module) -> Iterator[str]:
    """Yield every attribute and every text of a module: a call may be named by either."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def asked_of_exchanges(tree: ast.Module) -> Iterator[str]:
    """Yield every attribute that is taken of something called an exchange."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).split(".")[-1] == "exchange":
            yield node.attr


@pytest.mark.trap("parsed-records-differ", "every")
@pytest.mark.trap("ccxt-caches-are-read", "every")
def test_raw_answers_alone():
    """Venues with a package read raw answers: of ccxt's unified calls they use these three."""
    names = own_words()
    assert {"fetch_positions", "fetch_balance", "parse_order", "watch_ticker"} <= names
    found = {
        (path, word)
        for path, tree in modules("venues", "wire", "runtime", "wiring", "core")
        if not path.startswith("venues/generic/")
        for word in words_of(tree)
        if word in names
    }
    paper = {each for each in found if each[0] == "venues/paper.py"}  # sets prices of our own model

    assert {
        ("venues/orders_ccxt.py", "create_order"),
        ("venues/skew.py", "fetch_time"),
        ("venues/connection.py", "set_sandbox_mode"),
    } == found - paper
    assert all(word.startswith("set_") for _, word in paper)


@pytest.mark.trap("ccxt-caches-are-read", "every")
def test_no_cache_is_read():
    """What ccxt.pro keeps is asked by nobody, not even by the generic feed, which hears."""
    found = [
        (path, word)
        for path, tree in modules("venues")
        for word in asked_of_exchanges(tree)
        if word in CACHES
    ]

    assert [] == found
    texts = {word for _, tree in modules("venues/generic") for word in words_of(tree)}
    assert not texts & {"bidsasks", "orderbooks", "myTrades", "fundingRates", "triggerOrders"}


@pytest.mark.trap("collateral-changed-its-meaning", "every")
@pytest.mark.trap("parsed-records-differ", "every")
def test_unified_position():
    """Even where nothing else is known only four fields of ccxt's position are read."""
    told = UNIFIED["readings"]["positions"]["fields"]

    assert {"symbol", "side", "contracts", "entryPrice"} == set(told.values())
    assert not {"cash", "figures", "ledger"} & set(UNIFIED["readings"])


@pytest.mark.trap("no-cancel-all", "every")
def test_nothing_is_cancelled_by_the_lot():
    """Orders are withdrawn one by one, by our id; "all" stands in the dead-man switches alone."""
    arms = {each.dead_man.arm for each in PROFILES.values()}
    found = {
        word
        for _, tree in modules("venues", "settings", "wiring", "runtime")
        for word in words_of(tree)
        if re.search("cancel_?all", word, re.IGNORECASE) and " " not in word
    }

    assert found <= arms
    assert len(found) == 4


@pytest.mark.trap("market-orders-have-a-hidden-price", "every")
def test_every_order_has_a_limit():
    """The one place that orders through ccxt orders at a limit, and a price is never left out."""
    calls = [
        node
        for _, tree in modules(".")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("exchange.create_order")
    ]
    (call,) = calls
    given = [ast.unparse(each) for each in call.args]

    assert ["sent.symbol", "'limit'", "sent.side", "sent.amount", "sent.price"] == given[:5]
    assert requests.Request.__annotations__["price"] is str


@pytest.mark.trap("fill-or-kill-is-not-everywhere", "every")
def test_nothing_is_fill_or_kill():
    """No order asks for it, so none can come to rest because a venue does not know it."""
    assert {"ioc", "gtc", "post_only"} == {each.value for each in TimeInForce}
    for name in (*PROFILES, *SHIPPED):
        row = row_of(name)
        words = {str(each).lower() for flags in row.order_flags.values() for each in flags.values()}
        words |= {str(each).lower() for flags in row.wire_flags.values() for each in flags.values()}
        assert not {word for word in words if "fok" in word or "kill" in word}


@pytest.mark.trap("waiting-cancels-the-others", "every")
def test_nobody_gives_up_waiting():
    """No wait is broken off around a stream: each has one task, which its feed ends."""
    words = {word for _, tree in modules("venues", "runtime", "wiring") for word in words_of(tree)}

    assert not words & {"wait_for", "timeout_at"}
    watchers = [
        path
        for path, tree in modules("venues")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "getattr"
        if ast.unparse(node.args[1]).endswith("stream.method")
    ]
    assert ["venues/generic/life.py"] == watchers


EXPIRED = {
    "deribit": "BTC/USD:BTC-200925-10000-C",
    "bybit": "BTC/USDC:USDC-200925-10000-C",
    "okx": "BTC-USD-200925-10000-C",
}


@pytest.mark.trap("expired-option-is-made-up", "every")
@pytest.mark.parametrize("name", EXPIRED)
def test_expired_option(name):
    """The market that ccxt makes up for an option that ended is none that orders are made of."""
    exchange = getattr(ccxt.pro, name)({"number": str})
    made = exchange.create_expired_option_market(EXPIRED[name])

    where = requests.market(made, row_of(name))

    assert ("option", "call") == (made["type"], made["optionType"])
    assert made["contractSize"] in (None, "1")  # nobody said so
    assert "is not traded" in requests.refusal(order(), INSTRUMENTS[CALL], where, row_of(name))
