"""What any venue without a package gets: labels, paths, calls, and an account by a profile."""

from decimal import Decimal
from types import SimpleNamespace

import ccxt.pro
import pytest
from hypothesis import given
from hypothesis import strategies as some

from rebalancer.core.commands import TimeInForce
from rebalancer.core.events import Ending, Fill, FundingPaid
from rebalancer.core.ids import ClientOrderId, decode, encode
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.errors import Defect
from rebalancer.runtime.clock import WallClock
from rebalancer.settings.models import Mode, Venue
from rebalancer.settings.profiling import ProfileTable
from rebalancer.settings.shipped import SHIPPED
from rebalancer.venues import requests
from rebalancer.venues.accounts import SENT
from rebalancer.venues.budget import Budget, Rate
from rebalancer.venues.connection import TIMEOUT, Connection, connect
from rebalancer.venues.generic import paths
from rebalancer.venues.generic.account import GenericAccount
from rebalancer.venues.generic.calls import filled
from rebalancer.venues.labels import HEX, PLAIN, Spelling
from rebalancer.venues.outcome import Malformed, Outcome
from rebalancer.venues.outcomes import judge
from rebalancer.venues.parts import parts_of
from rebalancer.venues.profile import DeadManKind, Unit
from rebalancer.venues.profiles import row_of
from rebalancer.venues.seats import AccountSeat
from tests.venues.loopback import order
from tests.venues.standin import name_of

D = Decimal
each_shipped = pytest.mark.parametrize("name", SHIPPED)
PARTS = some.builds(
    ClientOrderId,
    some.integers(0, 36**2 - 1),
    some.integers(0, 36**4 - 1),
    some.integers(0, 36**7 - 1),
)


# --- labels ----------------------------------------------------------------------


@given(PARTS)
def test_labels_come_back(parts):
    """Each of our ids is told in every form and read again as what it was."""
    label = encode(parts)
    for spelling in (Spelling(), Spelling(PLAIN, "t-"), Spelling(HEX)):
        assert label == spelling.read(spelling.spelled(label))
    spelt = Spelling(HEX).spelled(label)

    assert 34 == len(spelt)
    assert spelt == hex(int(spelt, 16))


@given(some.integers(0, 2**128 - 1))
def test_numbers_of_others_are_not_ours(number):
    """Whatever number another one chose, what is read of it is ours only if it is told so."""
    told = f"0x{number:032x}"
    read = Spelling(HEX).read(told)

    assert read == told or Spelling(HEX).spelled(read) == told
    assert read != told or decode(read) is None


@pytest.mark.parametrize("told", ["", "0x", "0xzz", "0x7", "rb01"])
def test_labels_that_are_none(told):
    """What is no number of ours stays what it is."""
    assert told == Spelling(HEX).read(told)


# --- paths -----------------------------------------------------------------------

ANSWER = {
    "a": {"b": "1.5", "none": None, "empty": "", "yes": True},
    "rows": [{"n": 1, "k": "x"}, {"n": "2.5", "k": "y"}, {"k": "z"}],
    "table": {"USD": {"q": "7"}, "BTC": {"q": "0.1"}},
    "nothing": [],
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a.b", D("1.5")),
        ("- a.b", D("-1.5")),
        ("a.b - rows.*?.n + table.USD.q", D("5.0")),
        ("table.*.q", D("7.1")),
        ("nothing.*.n", D(0)),  # an empty list is a sum of none
        ("a.none?", None),
        ("a.empty?", None),
        ("x?.y", None),
        ("=5", D(5)),
    ],
)
def test_amounts(expression, expected):
    """A sum of what stands there; None where all of it may be missing, and is."""
    assert expected == paths.amount(ANSWER, expression, "here")


@pytest.mark.parametrize(
    "expression", ["a.none", "a.empty", "a.yes", "x.y", "rows.*.n", "a.b.*", "rows.*.k", "a"]
)
def test_amounts_that_are_missing(expression):
    """What is null, empty, missing or no number is an error that names it, and never 0."""
    with pytest.raises(Malformed, match="here: "):
        paths.amount(ANSWER, expression, "here")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (1_700_000_000_123, 1_700_000_000_123_000_000),
        ("1700000000123", 1_700_000_000_123_000_000),
        ("2023-11-14T22:13:20.123Z", 1_700_000_000_123_000_000),
        ("2023-11-14T22:13:20", None),  # of what zone?
        (True, None),
        (None, None),
        ("noon", None),
    ],
)
def test_moments(told, expected):
    """Milliseconds, or ISO 8601 with its zone."""
    if expected is None:
        with pytest.raises(Malformed):
            paths.moment({"t": told}, "t", "here")
    else:
        assert expected == paths.moment({"t": told}, "t", "here")


def test_words_and_rows():
    """Several paths make one id; a row of a table bears its name."""
    assert "1.5/x" == paths.word({"a": "1.5", "k": "x"}, "a,k", "here")
    assert [("USD", "7"), ("BTC", "0.1")] == [
        (row[paths.KEY], row["q"]) for row in paths.rows_at(ANSWER, "table.*", "here")
    ]
    assert [1] == [row["n"] for row in paths.rows_at([{"n": 1}], "", "here")]
    for wrong in ("x.*", "a.b.*"):
        with pytest.raises(Malformed):
            paths.rows_at(ANSWER, wrong, "here")
    with pytest.raises(Malformed, match="must stand there once"):
        paths.value(ANSWER, "rows.*.k", "here")


def test_placeholders():
    """A lone one keeps its type; one that nobody can fill in is a defect of the profile."""
    assert {"a": [5], "b": "5-x"} == filled({"a": ["{n}"], "b": "{n}-{t}"}, {"n": 5, "t": "x"})
    with pytest.raises(Defect, match="asks for label"):
        filled("{label}", {})


# --- profiles --------------------------------------------------------------------


@each_shipped
def test_calls_exist(name):
    """Every call of a shipped table is one that ccxt has, and so is every stream."""
    table, exchange = row_of(name).table, getattr(ccxt.pro, name)()
    asked = [each.call for each in (*table.readings.values(), *table.facts) if each.call]

    assert [] == [call for call in asked if not hasattr(exchange, call)]
    for method in (*table.stream.watch, *table.stream.private):
        assert hasattr(exchange, method)
    assert set(table.credentials) <= set(exchange.requiredCredentials)


@each_shipped
@pytest.mark.trap("X05", "hyperliquid", "krakenfutures")
@pytest.mark.trap("X08", "hyperliquid", "krakenfutures")
@pytest.mark.trap("limiter-holds-a-lone-order", "hyperliquid", "krakenfutures")
async def test_x02_x05_x08_as_made(name):
    """X02, X05, X08: no retries anywhere in the options, 5 s, quiet, no limiter."""
    connection = connect(name, Venue(loopback="http://127.0.0.1:1"), Mode.LIVE)
    exchange = connection.exchange
    connection.check()
    exchange.options["createOrder"] = {"maxRetriesOnFailure": 1}
    with pytest.raises(Defect, match="maxRetriesOnFailure must be 0"):
        connection.check()
    del exchange.options["createOrder"]
    for option in ("verbose", "enableRateLimit"):
        setattr(exchange, option, True)
        with pytest.raises(Defect, match="quiet"):
            connection.check()
        setattr(exchange, option, False)
    await connection.close()

    assert (5_000, False, False) == (exchange.timeout, exchange.verbose, exchange.enableRateLimit)
    assert 5_000 == TIMEOUT


@each_shipped
async def test_every_address_is_rewritten(name):
    """No address is left as it was."""
    connection = connect(name, Venue(loopback="http://127.0.0.1:8700"), Mode.LIVE)
    told = [connection.exchange.urls["api"]]
    while told:
        each = told.pop()
        if isinstance(each, dict):
            told += each.values()
        else:
            assert each.split("://")[1].startswith("127.0.0.1:8700/")
    await connection.close()


@each_shipped
@pytest.mark.trap("X04", "hyperliquid", "krakenfutures")
def test_x04_nothing_rests(name):
    """X04: ccxt has a countdown here that nobody winds up: so nothing that may rest leaves."""
    assert getattr(ccxt.pro, name)().has["cancelAllOrdersAfter"]
    assert DeadManKind.NONE is row_of(name).dead_man.kind


@each_shipped
@pytest.mark.parametrize("lifetime", TimeInForce)
@pytest.mark.trap("X06", "hyperliquid", "krakenfutures")
def test_x06_our_id_travels(name, lifetime):
    """X06: each order has our id in the venue's parameter, and the wire must show it."""
    row = row_of(name)
    told = order(name_of(1), time_in_force=lifetime)
    where = requests.Market("s", "n", True, D(1), D(1), D("0.5"))
    sent = requests.request(told, where, row, 0)
    meant = requests.wording(told, sent, row)

    assert row.spelling.spelled(name_of(1)) == sent.params[row.client_id]
    assert row.spelling.spelled(name_of(1)) == meant.flags[row.wire_id]
    assert row.wire_flags[lifetime].items() <= meant.flags.items()


def test_venue_without_a_row():
    """It gets the generic parts all the same; what is missing is its profile."""
    assert parts_of("gate") is parts_of("hyperliquid") is not parts_of("deribit")
    assert row_of("gate") is None


# --- an account by a profile of the configuration ---------------------------------

TABLE = ProfileTable.model_validate(
    {
        "finished": True,
        "client_id": "text",
        "client_id_prefix": "t-",
        "units": {"perpetual": "contract"},
        "reduce_only": {"name": "reduce_only", "value": True},
        "flags": {"ioc": {"given": {"timeInForce": "IOC"}, "wire": {"tif": "ioc"}}},
        "rates": {"matching": [5, 20], "other": [5, 20]},
        "codes": {"code": ["label"], "rejected": ["BALANCE_*"], "absent": ["ORDER_NOT_FOUND"]},
        "readings": {
            "cash": {
                "call": "fetch_balance",
                "fields": {"currency": "=USDT", "amount": "info.total - info.unrealised_pnl"},
            },
            "figures": {
                "call": "fetch_balance",
                "fields": {
                    "currency": "=USDT",
                    "equity": "info.total",
                    "balance": "info.total",
                    "maintenance": "info.maintenance",
                    "initial": "info.initial",
                },
            },
            "ledger": {
                "call": "fetch_ledger",
                "given": {"since": "{since}"},
                "fields": {"id": "id", "ts": "timestamp", "currency": "=USDT", "kind": "type"},
            },
        },
    }
)
PERP = Instrument("gate:BTC_USDT", Kind.PERPETUAL, "BTC", "USDT", D("0.0001"), D(1), D(1), D("0.1"))
MARKET = {"id": "BTC_USDT", "symbol": "BTC/USDT:USDT", "type": "swap", "settle": "USDT"}
MARKETS = {"BTC/USDT:USDT": MARKET}
ORDER = {
    "id": "7",
    "clientOrderId": f"t-{name_of(1)}",
    "symbol": "BTC/USDT:USDT",
    "side": "sell",
    "amount": "5",
    "filled": "3",
    "status": "canceled",
    "timestamp": 1_700_000_000_000,
    "timeInForce": "IOC",
}
TRADE = {
    "id": "9",
    "order": "7",
    "symbol": "BTC/USDT:USDT",
    "side": "sell",
    "amount": "3",
    "price": "65000.5",
    "timestamp": 1_700_000_000_000,
    "fee": {"cost": "0.02", "currency": "USDT"},
}


class Told:
    """An exchange of ccxt that says what it is told, and keeps what it was asked."""

    markets = MARKETS

    def __init__(self, **answers):
        self.asked, self.walletAddress, self.privateKey = [], "", ""
        for name, answer in answers.items():
            setattr(self, name, self._answering(name, answer))

    def _answering(self, name, answer):
        async def call(**given):
            self.asked.append((name, given))
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    @staticmethod
    def safe_currency_code(told):
        return told.upper()


def account_of(**answers):
    """Return an account, and the exchange that it asks."""
    row = row_of("gate", TABLE)
    exchange, clock = Told(**answers), WallClock()
    connection = Connection("gate", exchange, SimpleNamespace(), row)
    budget = Budget({name: Rate(1_000, 1_000) for name in row.rates}, clock)
    seat = AccountSeat(
        "gate", connection, budget, clock, {PERP.id: PERP}, lambda it: bool(decode(it))
    )
    return GenericAccount(seat), exchange


def test_profile_of_the_configuration():
    """What the table says is what orders are made by and answers judged by."""
    row = row_of("gate", TABLE)
    sent = requests.request(
        order(name_of(1)), requests.Market("s", "n", True, D(1), D(1), D("0.5")), row, 0
    )
    error = ccxt.InvalidOrder('gate {"label": "BALANCE_NOT_ENOUGH", "message": "x"}')

    assert {Kind.PERPETUAL: Unit.CONTRACT} == row.amounts
    assert f"t-{name_of(1)}" == sent.params["text"]
    assert TimeInForce.GTC not in row.wire_flags  # nobody said how: it is refused
    judged = judge("gate", error, ["POST"], row.codes)
    assert (Outcome.REJECTED, "BALANCE_*") == (judged.outcome, judged.code)


async def test_order_by_our_id():
    """Found by ccxt's own call, its side a sign and its label ours."""
    account, exchange = account_of(fetch_order_with_client_order_id=ORDER)
    (told,) = await account.placed(name_of(1), PERP.id)

    assert (name_of(1), D(-5), D(-3)) == (told.label, told.quantity, told.filled)
    assert (Ending.EXPIRED, PERP.id) == (told.ending, told.instrument)
    given = {"clientOrderId": f"t-{name_of(1)}", "symbol": "BTC/USDT:USDT", "params": {}}
    assert [("fetch_order_with_client_order_id", given)] == exchange.asked


async def test_order_that_is_denied():
    """Where one question is answered with no the next one is asked; both, and there is none."""
    denied = ccxt.OrderNotFound('gate {"label": "ORDER_NOT_FOUND"}')
    account, exchange = account_of(fetch_order_with_client_order_id=denied, fetch_open_orders=[])

    assert () == tuple(await account.placed(name_of(1), PERP.id))
    assert ["fetch_order_with_client_order_id", "fetch_open_orders"] == [
        name for name, _ in exchange.asked
    ]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"status": "half done"}, "status must be a word of the profile, was 'half done'"),
        ({"side": "both"}, "side must be a word of the profile"),
        ({"filled": None}, "filled must be there"),
        ({"amount": ""}, "amount must be a number"),
        ({"timestamp": None}, "timestamp must be there"),
    ],
)
async def test_order_that_cannot_be_read(changes, word):
    """What nobody can read is an error, and neither nothing nor 0."""
    account, _ = account_of(fetch_order_with_client_order_id=ORDER | changes)
    with pytest.raises(Malformed, match=word):
        await account.placed(name_of(1), PERP.id)


@pytest.mark.parametrize("filled_there", ["5", "0", None])
def test_answers(filled_there):
    """An answer that fills all of it is an end; one that does not is none."""
    account, _ = account_of()
    sent = order(name_of(1), account="gate", instrument=PERP.id, quantity=D(-5))
    told, fills = account.answered({"id": "7", "filled": filled_there, SENT: sent})

    assert (name_of(1), D(-5), ()) == (told.label, told.quantity, fills)
    assert (Ending.FILLED if filled_there == "5" else None) is told.ending


async def test_answer_that_rejects():
    """A status that says no makes it one; a status that nobody knows means nothing."""
    account, _ = account_of()
    sent = order(name_of(1), account="gate", instrument=PERP.id, quantity=D(-5))
    told, _ = account.answered({"id": "7", "status": "rejected", SENT: sent})

    assert ("rejected", D(0)) == (told.rejected, told.filled)
    with pytest.raises(Malformed, match="status must be a word"):
        account.answered({"id": "7", "status": "perhaps", SENT: sent})


@pytest.mark.parametrize("answer", [None, {}, {"id": None}, {"id": "7", "filled": "6"}])
def test_answers_that_mean_nothing(answer):
    """No number, or more than was asked for: nobody knows what became of it."""
    account, _ = account_of()
    sent = order(name_of(1), account="gate", instrument=PERP.id, quantity=D(-5))
    told = answer if not answer else {**answer, SENT: sent}
    with pytest.raises(Malformed):
        account.answered(told)


async def test_fill_whose_order_must_be_asked():
    """A fill bears no label here: its order is asked once, and whose it is is known."""
    account, exchange = account_of(
        fetch_my_trades=[TRADE, TRADE | {"id": "10"}],
        fetch_order=ORDER,
        fetch_funding_history=[],
        fetch_ledger=[],
    )
    told = await account.history(0)

    assert [(D(-3), D("65000.5"), D("0.02"), "USDT")] * 2 == [
        (each.quantity, each.price, each.fee, each.fee_currency) for each in told.events
    ]
    assert [name_of(1)] * 2 == [each.client_order_id for each in told.events]
    assert 1 == len([name for name, _ in exchange.asked if name == "fetch_order"])


async def test_list_that_is_not_answered_takes_nothing_from_the_others():
    """What one list tells is told, and what is missing is said."""
    paid = {"id": "1", "symbol": "BTC/USDT:USDT", "timestamp": 5, "amount": "-0.5", "code": "USDT"}
    account, _ = account_of(
        fetch_my_trades=ccxt.RequestTimeout("gate"), fetch_funding_history=[paid], fetch_ledger=[]
    )
    told = await account.history(0)

    assert [FundingPaid] == [type(each) for each in told.events]
    assert "fetch_my_trades" in str(told.fault)
    assert not [each for each in told.events if isinstance(each, Fill)]


async def test_no_rule_no_booking():
    """Without a rule a row of the ledger books nothing: the cash differs, and is seen."""
    row = {"id": "1", "timestamp": 5, "type": "deposit", "amount": "100"}
    account, _ = account_of(fetch_my_trades=[], fetch_funding_history=[], fetch_ledger=[row])
    told = await account.history(0)

    assert ([], None) == (list(told.events), told.fault)


BALANCE = {"info": {"total": "100.5", "unrealised_pnl": "0.5", "maintenance": "1", "initial": "2"}}
POSITION = {"symbol": "BTC/USDT:USDT", "side": "short", "contracts": "4", "entryPrice": "65000"}


async def test_positions_and_cash():
    """A side is a sign; cash is the sum that the profile names, and no unified figure."""
    account, _ = account_of(fetch_positions=[POSITION], fetch_balance=BALANCE | {"USDT": {}})
    held, cash = await account.positions()

    assert (PERP.id, D(-4), D(65_000)) == (held.instrument, held.quantity, held.entry)
    assert ("gate:USDT", D(100)) == (cash.instrument, cash.quantity)
    (standing,) = await account.standing()
    assert (D("100.5"), D(1), D(100)) == (standing.equity, standing.maintenance, standing.cash)
    assert D(-4) == await account.position(PERP.id)
    assert D(0) == await account.position("gate:OTHER")


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        ([POSITION, POSITION], "one row an instrument"),
        ([POSITION | {"contracts": None}], "contracts must be there"),
        ([POSITION | {"contracts": "-4"}], "must have no sign beside a side"),
        ([POSITION | {"side": None}], "side must be there"),
        ("nothing", "must be an object"),
    ],
)
async def test_positions_that_cannot_be(rows, word):
    """Two rows of one contract, no size, a sign twice: nothing is told at all."""
    account, _ = account_of(fetch_positions=rows, fetch_balance=BALANCE)
    with pytest.raises(Malformed, match=word):
        await account.positions()


@pytest.mark.parametrize("name", ["total", "maintenance", "initial"])
async def test_margin_that_is_missing(name):
    """A figure that ccxt would fill in is named as missing."""
    told = {key: each for key, each in BALANCE["info"].items() if key != name}
    account, _ = account_of(fetch_positions=[], fetch_balance={"info": told})
    with pytest.raises(Malformed, match=f"info.{name} must be there, was missing"):
        await account.figures()


async def test_cancel():
    """Open orders that bear our id are withdrawn one by one; one that ended by itself is none."""
    rows = [ORDER | {"status": "open"}, ORDER | {"status": "open", "clientOrderId": "t-other"}]
    account, exchange = account_of(fetch_open_orders=rows, cancel_order={})
    assert 1 == await account.cancel(name_of(1), PERP.id)
    given = {"id": "7", "symbol": "BTC/USDT:USDT", "params": {}}
    assert ("cancel_order", given) == exchange.asked[-1]

    gone = ccxt.OrderNotFound('gate {"label": "ORDER_NOT_FOUND"}')
    account, _ = account_of(fetch_open_orders=rows, cancel_order=gone)
    assert 0 == await account.cancel(name_of(1), PERP.id)


async def test_open_order_that_nobody_reads():
    """One that cannot be named hides no other; one without a size is shown without."""
    account, _ = account_of(
        fetch_open_orders=[{}, ORDER | {"status": "open"}, ORDER | {"filled": None}]
    )
    shelf = await account.resting()

    assert [D(-2), None] == [each.left for each in shelf.orders]
    assert 1 == len(shelf.unread)
