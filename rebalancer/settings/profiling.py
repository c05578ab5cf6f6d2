"""Profiling: the table that says what differs at a venue which has no package of its own.

`[venues.NAME.profile]` is laid over what is shipped for that venue, key by key;
`merged` gives the whole. Its texts speak a small language: a *path* goes through
an answer by dots, `*` for each of a list or a table; `=text` is that text itself;
an *amount* is paths with + or - between them; `{label}` and its like in
parameters are filled in.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from rebalancer.settings.guarding import SECOND, Table
from rebalancer.settings.shipped import SHIPPED, UNIFIED
from rebalancer.settings.values import (
    AtLeastOneWhole,
    Duration,
    Names,
    Whole,
    as_float,
    as_rows,
    choice,
    shown,
    text,
    words,
    wrong,
)

READINGS = (
    *("by_label", "by_id", "open", "cancel", "fills", "positions", "cash", "figures"),
    *("funding", "ledger", "answer", "fees", "clock", "mark"),
)
"""What an account is asked for; the last four where there is something to ask."""
NEEDED = READINGS[:10]
ORDERS = ("by_label", "by_id", "open")  # that tell orders
UNIFIED_CALLS = ("fetch_", "cancel_")  # how names of ccxt's own calls begin, not a venue's
LIFETIMES = ("ioc", "gtc", "post_only")
KINDS = ("spot", "perpetual", "future", "option")
UNITS = ("coin", "USD", "contract")
STATUSES = ("open", "filled", "canceled", "expired", "rejected")
BUCKETS = ("matching", "log", "other")
PLACEHOLDERS = frozenset(
    ("label", "order_id", "symbol", "name", "since", "since_iso", "until", "until_iso", "wallet",
     "signer", "account")
)  # fmt: skip
_FILLED = re.compile(r"\{([a-z_]+)\}")
_PATH = r"@key|=[^\x00-\x1f,]{0,128}|[A-Za-z0-9_*]+\??(\.[A-Za-z0-9_*-]+\??)*"
_AMOUNT = rf"(- )?({_PATH})( [+-] ({_PATH}))*"

Call = Annotated[str, text(r"[A-Za-z][A-Za-z0-9_]{0,96}|", "the name of a call of ccxt")]
Field = Annotated[
    str, text(rf"{_AMOUNT}|({_PATH})(,({_PATH}))+|", "a path through the answer, such as info.szi")
]
Word = Annotated[str, text(r"[A-Za-z0-9_]{0,64}", "a plain word")]
Market = Annotated[str, text(r"[A-Za-z0-9_{}./-]{1,64}", "a name such as {id} or {base}-PERP")]


def _table_of(names: tuple[str, ...]) -> BeforeValidator:
    """Return the validator of a table with these keys only."""

    def validate(value: object) -> object:
        if not isinstance(value, dict):
            raise wrong("must be a table", shown(value))
        for name in value:
            if name not in names:
                raise wrong(f"must be {words(names)}", shown(name), at=str(name))
        return value

    return BeforeValidator(validate)


def _words_to(allowed: tuple[str, ...]) -> BeforeValidator:
    """Return the validator of a table: the venue's words → one of a few of ours."""

    def validate(value: object) -> object:
        if not isinstance(value, dict):
            raise wrong("must be a table", shown(value))
        for name, own in value.items():
            if own not in allowed:
                raise wrong(f"must be {words(allowed)}", shown(own), at=str(name))
        return value

    return BeforeValidator(validate)


def _as_params(value: object) -> object:
    """Return parameters whose placeholders are known, or raise."""
    if not isinstance(value, dict):
        raise wrong("must be a table", shown(value))
    for name, own in value.items():
        for found in _FILLED.findall(str(own)):
            if found not in PLACEHOLDERS:
                must = f"must name {words(tuple(sorted(PLACEHOLDERS)))} in braces"
                raise wrong(must, shown(own), at=str(name))
    return value


def _as_pattern(value: object) -> object:
    """Return a regular expression with one group, or raise."""
    try:
        groups = re.compile(value).groups if isinstance(value, str) else 0
    except re.error:
        groups = 0
    if value != "" and groups != 1:
        raise wrong("must be a regular expression with one group: the code", shown(value))
    return value


def _as_rate(value: object) -> tuple[float, float]:
    """Return how many requests a second, and how many at once, or raise."""
    told = tuple(value) if isinstance(value, list | tuple) else ()
    if len(told) != 2:
        raise wrong("must be [requests a second, at once]", shown(value))
    second, burst = (as_float(each) for each in told)
    if second <= 0 or burst < 2:
        raise wrong("must be above 0 a second, and at least 2 at once", shown(value))
    return second, burst


Rate = Annotated[tuple[float, float], BeforeValidator(_as_rate)]
Params = Annotated[dict[str, Any], BeforeValidator(_as_params)]


class ReadingTable(Table):
    """One question: ccxt's call, and what of its answer stands where."""

    call: Call = ""
    given: Params = {}  # arguments of a unified call, by name
    params: Params = {}  # what goes to the venue
    rows: Field = ""  # path to the list; empty: the answer itself
    fields: dict[str, Field] = {}
    page: Whole = 0  # most rows of one answer; 0: it is whole
    bucket: Annotated[str, choice(("other", "log"))] = "other"  # whose rate it counts to
    backwards: bool = False  # whether the newest rows come first, and {until} asks for older ones


class FlagsTable(Table):
    """How an order of one lifetime is asked for, and what must then stand on the wire."""

    given: dict[str, Any] = {}
    wire: dict[str, Any] = {}


class FlagTable(Table):
    """A flag on the wire."""

    name: str = ""
    value: Any = True


class RuleTable(Table):
    """How one sort of row of the ledger moves cash; the first that fits counts."""

    kind: str = "*"  # of the field `kind`; * and ? stand for anything
    when: dict[str, str] = {}  # path → what must stand there
    amount: Field = ""  # signed, + received; empty: told by fills or funding, and passed over
    flow: bool = False  # whether somebody brought or took it


class FactTable(Table):
    """Something that must be true of the account before it is traded."""

    name: str = "fact"
    call: Call = ""
    params: Params = {}
    value: Field = ""
    one_of: Names = ()  # small letters or capitals, placeholders are filled in
    must: str = "as the profile says"


class CodesTable(Table):
    """What a venue's codes prove of an order."""

    code: Names = ()  # paths in an error's answer, of which the first text is the code
    text: Annotated[str, BeforeValidator(_as_pattern)] = ""  # of ccxt's own words, where none came
    rejected: Names = ()  # * at the end: whatever begins so
    duplicate: Names = ()
    limited: Names = ()
    key: Names = ()
    absent: Names = ()  # there is no such order


class OptionsTable(ReadingTable):
    """How options are marked: a question asked again and again, as no stream tells a forward.

    Its fields are `mark`, `vol`, `forward`, `ts` where it is told, and `name` where
    one answer tells of many.
    """

    vol_unit: Annotated[Literal["fraction", "percent", ""], choice(("fraction", "percent"))] = ""
    mark_unit: Annotated[Literal["coin", "USD", ""], choice(("coin", "USD"))] = ""  # per coin
    every: Duration = 5 * SECOND  # from one question to the next


class StreamTable(Table):
    """What ccxt.pro is asked to watch, and where its tickers say what."""

    watch: Names = ("watch_bids_asks", "watch_order_book", "watch_trades")
    private: Names = ("watch_my_trades", "watch_orders")
    quotes: Annotated[Literal["ticker", "book"], choice(("ticker", "book"))] = (
        "ticker"  # ticker: watch_bids_asks or watch_ticker
    )
    mark: Field = "markPrice"
    index: Field = "indexPrice"
    funding: Field = ""  # fraction of notional per interval, + longs pay
    funding_interval: Duration | None = None  # needed beside `funding`
    funding_next: Field = ""  # ms; empty: at whole intervals
    time: Field = ""  # ms; empty: as ccxt tells it
    options: OptionsTable = OptionsTable()


class ProfileTable(Table):
    """What differs at a venue; what is not said is as it is shipped, or unknown."""

    finished: bool = False  # whether orders of a live book may pass through it
    client_id: Word = "clientOrderId"
    client_id_length: AtLeastOneWhole = 32
    client_id_form: Annotated[Literal["plain", "hex"], choice(("plain", "hex"))] = "plain"
    client_id_prefix: str = ""
    wire_id: str = ""
    wire_amount: str = ""
    wire_price: str = ""
    deadline: str = ""  # parameter after which the venue must not accept
    deadline_form: Annotated[Literal["ms", "iso"], choice(("ms", "iso"))] = "ms"
    units: Annotated[dict[str, str], _table_of(KINDS), _words_to(UNITS)] = {}
    flags: Annotated[dict[str, FlagsTable], _table_of(LIFETIMES)] = {}
    reduce_only: FlagTable = FlagTable()
    fill_or_kill: bool = False
    never: Names = ()
    only: dict[str, Names] = {}
    options: dict[str, Any] = {}
    credentials: Names = ()  # ccxt's names of key, secret and password; empty: its own
    name: Market = "{id}"
    alias: Word = ""  # a field of ccxt's market by which its rows name an instrument too
    upper: bool = False  # whether rows may spell names in lower case that are in capitals
    types: Names = ()  # ccxt's types of markets that this wallet holds; empty: all
    settles: Names = ()  # currencies in which what it holds settles; empty: any
    significant_digits: Whole = 0  # of a price; 0: as ccxt's tick says
    price_decimals: Whole = 0  # of a price together with those of a quantity
    margin_modes: Names = ()  # the venue's words for the mode that `margin` of the settings names
    statuses: Annotated[dict[str, str], _words_to(STATUSES)] = {}
    sides: Annotated[dict[str, str], _words_to(("buy", "sell"))] = {}
    forced: Annotated[dict[str, str], _words_to(("liquidation", "deleveraging"))] = {}
    lookups: Names = ("by_label", "open")
    readings: Annotated[dict[str, ReadingTable], _table_of(READINGS)] = {}
    rules: Annotated[tuple[RuleTable, ...], BeforeValidator(as_rows)] = ()
    together: bool = False  # whether the figures are of all currencies, in USD
    facts: Annotated[tuple[FactTable, ...], BeforeValidator(as_rows)] = ()
    codes: CodesTable = CodesTable()
    stream: StreamTable = StreamTable()
    rates: Annotated[dict[str, Rate], _table_of(BUCKETS)] = {}
    refuses_duplicates: bool = False


def merged(name: str, own: ProfileTable | None) -> ProfileTable | None:
    """Return a venue's whole table: its own keys over what is shipped; None: there is neither."""
    if own is None and name not in SHIPPED:
        return None
    below: ProfileTable = _over(_parsed(SHIPPED.get(name, {})), _parsed(UNIFIED))
    return below if own is None else _over(own, below)


def _parsed(shipped: Mapping[str, Any]) -> ProfileTable:
    return ProfileTable.model_validate(shipped)


def lacking(table: ProfileTable) -> Iterator[tuple[str, ...]]:
    """Yield the places that a finished profile must fill and this one leaves empty."""
    if not table.units:
        yield ("units",)
    if not table.reduce_only.name:
        yield ("reduce_only", "name")
    if "ioc" not in table.flags or not table.flags["ioc"].wire:
        yield ("flags", "ioc", "wire")
    buckets = ["matching", "other"]
    for name in READINGS:
        reading = table.readings.get(name)
        if name in NEEDED and (reading is None or not reading.call):
            yield ("readings", name, "call")
        elif reading is not None:
            yield from (("readings", name, "fields", each) for each in _unread(table, name))
            buckets += ["log"] if reading.bucket == "log" and "log" not in buckets else []
    if table.stream.options.call and table.stream.options.bucket not in buckets:
        buckets.append(table.stream.options.bucket)
    yield from (("rates", bucket) for bucket in buckets if bucket not in table.rates)


def unmarked(table: ProfileTable | None) -> Iterator[tuple[str, ...]]:
    """Yield the places that must be filled for options to be marked, and are empty."""
    told = OptionsTable() if table is None else table.stream.options
    if not told.call:
        yield ("call",)
        return
    yield from (("fields", each) for each in _MARKED if not told.fields.get(each))
    yield from ((each,) for each in ("vol_unit", "mark_unit") if not getattr(told, each))


def asks_each(told: ReadingTable) -> bool:
    """Whether a question is about one instrument, which it names."""
    return any(each in str((told.given, told.params)) for each in ("{symbol}", "{name}"))


_MARKED = ("mark", "vol", "forward")
_ORDER = ("id", "label", "name", "side", "amount", "filled", "status", "ts")
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "by_label": _ORDER,
    "by_id": _ORDER,
    "open": _ORDER,
    "answer": ("id",),
    "fills": ("id", "order", "name", "side", "amount", "price", "ts"),
    "fees": ("id", "ts", "fee", "currency"),
    "positions": ("name",),
    "cash": ("currency", "amount"),
    "figures": ("currency", "equity", "balance", "maintenance", "initial"),
    "funding": ("id", "name", "ts", "amount", "currency"),
    "ledger": ("id", "ts", "currency", "kind"),
    "clock": ("time",),
    "mark": ("price",),
}
"""What must be told of each row."""


def _unread(table: ProfileTable, name: str) -> Iterator[str]:
    """Yield the fields of a question that nobody can do without."""
    fields = table.readings[name].fields
    wanted = _FIELDS.get(name, ())
    if name == "positions" and "quantity" not in fields:
        wanted = (*wanted, "side", "amount")
    if name == "fills" and "fees" not in table.readings:
        wanted = (*wanted, "fee", "fee_currency")
    return (each for each in wanted if not fields.get(each))


def _over(own: Any, below: Any) -> Any:
    """Return tables laid over one another; a list or a question takes the other's place whole."""
    if isinstance(own, Mapping) and isinstance(below, Mapping):
        laid = {name: _over(each, below.get(name)) for name, each in own.items()}
        return {**below, **laid}
    if not isinstance(own, Table) or type(own) is not type(below) or isinstance(own, ReadingTable):
        return own
    told = {
        name: getattr(own, name) for name in type(own).model_fields if name in own.model_fields_set
    }
    return below.model_copy(
        update={name: _over(each, getattr(below, name)) for name, each in told.items()}
    )


def plain(value: Any) -> Any:
    """Return a value of a table as ccxt takes it: decimals as floats, tuples as lists."""
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return float(value) if isinstance(value, Decimal) else value
