"""Models: the tables of a configuration and their keys; unknown keys are forbidden.

Only what a single key may be stands here; what keys demand of one another is
`cross`'s. The first of a field's `examples` stands in for a value that is
missing or wrong, so that one fault does not hide the others. A `description`
is what a missing key must be.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from rebalancer.core.instruments import Kind
from rebalancer.core.params import BandKind, Numeraire, Placement
from rebalancer.core.smile import Regime
from rebalancer.settings import values
from rebalancer.settings.alerting import Alerts
from rebalancer.settings.control import Control
from rebalancer.settings.guarding import HOUR, MILLISECOND, SECOND, Guards, Table
from rebalancer.settings.profiling import ProfileTable
from rebalancer.settings.serving import Web
from rebalancer.settings.styles import Execution
from rebalancer.settings.values import (
    AbsoluteFile,
    AtLeastOneWhole,
    Coin,
    Correlation,
    Coverage,
    Duration,
    Exact,
    Fee,
    FeeTiers,
    File,
    FilledNames,
    InstrumentId,
    Names,
    NotNegative,
    Number,
    OpenShare,
    Positive,
    PositiveExact,
    Share,
    Text,
    Tiers,
    Time,
    Whole,
    choice,
    text,
)

GIVEN = (BandKind.FIXED, BandKind.PERCENT)  # bands whose width the settings give
MARGINS = ("cross", "isolated", "portfolio")


class Mode(StrEnum):
    """Where orders go."""

    PAPER = "paper"
    TESTNET = "testnet"
    LIVE = "live"


class Role(StrEnum):
    """Why something is held."""

    BOOK = "book"
    HEDGE = "hedge"
    OUTSIDE = "outside"  # where no venue of ours sees it


class Book(Table):
    """The book's name and where its orders go."""

    id: Annotated[
        str, text(r"[a-z0-9][a-z0-9-]{0,31}", "lower case letters, digits and -, such as btc-desk")
    ] = Field(examples=["book"])
    mode: Annotated[Mode, choice(Mode)] = Mode.PAPER


class Fees(Table):
    """Fees as a fraction of notional; below 0 is a rebate."""

    maker: Fee = Field(examples=[0])
    taker: Fee = Field(examples=[0])
    tiers: FeeTiers = ()  # (USD traded in 30 days, maker, taker): rates from a volume on


class Faults(Table):
    """How often a modelled venue misbehaves: a share of orders, unless a comment says of what."""

    reject: Share = 0.0
    lost_ack: Share = 0.0  # the order lives, its answer is lost
    slow: Share = 0.0  # the order trades at once, its answer is 1 to 8 s late
    late_fill: Share = 0.0  # the fills come 0.2 to 3 s after the order's ending
    stale_stream: Share = 0.0  # chance per minute that market data freeze for 1 to 10 s
    position_lag: Share = 0.0  # of position snapshots: 0.5 to 5 s old, and said to be new


class Venue(Table):
    """One account on one venue."""

    account: Text | None = None  # pinned uid
    credentials: (
        Annotated[str, text(r"[A-Za-z0-9._-]{1,64}", "the name of a credential, never a key")]
        | None
    ) = None
    loopback: (
        Annotated[
            str,
            text(
                r"(http|ws)://(127(\.[0-9]{1,3}){3}|localhost|\[::1\]):[0-9]{1,5}/?",
                "a loopback address, such as http://127.0.0.1:8700",
            ),
        ]
        | None
    ) = None
    margin: Annotated[Literal["cross", "isolated", "portfolio"], choice(MARGINS)] = "cross"
    collateral: dict[str, Share] | None = None  # currency → share that counts, all together;
    #   None: each currency stands for what settles in it
    insurance: dict[str, NotNegative] | None = None  # currency → what the model's fund opens with
    leverage: Positive | None = None
    fees: Fees | None = None
    tiers: Tiers | None = None  # (notional floor, maintenance rate)
    latency_ms: NotNegative = 50.0  # to the venue; and back, where report_ms is not said
    match_ms: NotNegative = 0.0  # an order's wait at the venue's door
    report_ms: NotNegative | None = None
    faults: Faults = Faults()
    funding: Annotated[Literal["continuous", "stamps"], choice(("continuous", "stamps"))] | None = (
        None  # None: as the venue does it
    )
    profile: ProfileTable | None = None  # None: as it comes with the program, if it does
    dead_man: Duration | None = None  # of silence, until the venue takes away what rests;
    #   None: as the venue's profile says


class MoveFilter(Table):
    """No hedge unless the price moved."""

    move: Positive = Field(examples=[1])  # fraction of price
    window: Duration = Field(examples=["1h"])


class Band(Table):
    """A tolerance band around the aim: of a width that is given, or that costs and risk make."""

    kind: Annotated[BandKind, choice(BandKind)] = Field(
        examples=["fixed"], description=values.words(BandKind)
    )
    lower: Number | None = None  # coins, or fraction of gross …
    upper: Number | None = None  # … of fixed and percent
    risk_aversion: Positive | None = None  # 1/USD of the whole book; this …
    spend_per_day: Positive | None = None  # … or USD that hedges may cost …
    pnl_sd: Positive | None = None  # … or USD of a day's profit and loss left to chance
    sigmas: Positive | None = None  # of scaled: deviations …
    over: Duration | None = None  # … of what net delta does in this time
    fixed_cost: NotNegative | None = None  # USD of each hedge, whatever its size
    flow: NotNegative = 0.0  # coins a day by which holdings wander by themselves, one deviation
    vol_of_vol: NotNegative = 0.0  # absolute, per root of a year
    correlation: Correlation = 0.0  # of price and vol
    monitored: Duration | None = None  # between two looks; None: at each tick
    residual: Duration | None = None  # for which a gap that nothing moves would stand
    vol: Positive | None = None  # per year, until the market told one
    least_trade: NotNegative = 0.0  # coins beyond the edge until a hedge to it is due
    reset: Share = 0.0  # 0: edge, 1: aim
    min_interval: Duration = 5 * SECOND  # between two hedges, while within limits.net_delta
    max_interval: Duration | None = None
    move_trigger: Positive | None = None  # fraction of price
    move_filter: MoveFilter | None = None


class UnderlyingLimits(Table):
    """Caps of one underlying, coins."""

    order: Positive = Field(examples=[1])
    position: Positive = Field(examples=[1])
    net_delta: Positive = Field(examples=[1])
    gamma: Positive | None = None  # coins of delta per 1 % of price
    vega: Positive | None = None  # USD per vol point


class Near(Table):
    """Prices near which an underlying is hedged more closely."""

    levels: Annotated[tuple[float, ...], BeforeValidator(values.as_prices)] = ()  # USD per coin
    within: Share = 0.01  # fraction of price
    factor: OpenShare = 0.5  # of the band's width
    strikes: Duration | None = None  # before expiry: strikes held count as levels; None: never


class Smile(Table):
    """What the vols of options are taken to do when the price moves."""

    delta: Annotated[Regime, choice(Regime)] = Regime.STICKY_STRIKE
    ratio: Number | None = None  # skew stickiness of sticky_moneyness; None: 0
    coefficients: Annotated[
        tuple[float, float, float] | None, BeforeValidator(values.as_coefficients)
    ] = None  # a, b, c of minimum_variance
    cap: OpenShare = 0.1  # most that a delta gains or loses, coins a coin
    points: Names = ()  # options whose marks draw the smile beside those held, by id


class Hedge(Table):
    """The instruments to buy and to sell, best first."""

    buy: FilledNames = Field(examples=[["none:none"]])
    sell: FilledNames = Field(examples=[["none:none"]])


def _hedge(value: object) -> object:
    """Return a plain list as a table: the same instruments for both sides."""
    if isinstance(value, list):
        names = list(values.as_filled_names(value))
        return {"buy": names, "sell": names}
    if not isinstance(value, dict | Hedge):
        must = "must be a list of instruments, or a table of two: buy and sell"
        raise values.wrong(must, values.shown(value))
    return value


class HedgeRatio(Table):
    """How a hedge instrument moves with what it hedges, as `rebalancer ratio` measures it."""

    ratio: Annotated[float, values.number("from 0.5 to 2", lambda x: 0.5 <= x <= 2)] = Field(  # noqa: PLR2004
        examples=[1]
    )  # coins of it that hedge a coin
    effectiveness: Share = Field(examples=[1])  # share of variance that it removes
    standard_error: NotNegative = Field(examples=[0])  # of the ratio


class Underlying(Table):
    """How one coin is hedged."""

    numeraire: Annotated[Numeraire, choice(Numeraire)] = Field(
        examples=["usd"], description=values.words(Numeraire)
    )
    target: Number = 0.0  # coins
    coverage: Coverage = 1.0
    hedge: Annotated[Hedge, BeforeValidator(_hedge)] = Field(
        examples=[["none:none"]], description="a list of instruments"
    )
    include: FilledNames = ("*",)  # patterns of instrument ids
    exclude: Names = ()
    band: Band
    limits: UnderlyingLimits
    near: Near | None = None
    placement: Annotated[Placement, choice(Placement)] = Placement.ORDER
    ratios: dict[str, HedgeRatio] = {}  # by hedge instrument; one that is not named: 1
    smile: Smile | None = None  # None: sticky strike
    execution: Execution = Execution()


class Limits(Table):
    """Caps of the whole book, USD but for leverage."""

    leverage: Positive = Field(examples=[1])
    turnover_per_day: Positive = Field(examples=[1])
    loss_per_day: Positive = Field(examples=[1])
    drawdown: Positive = Field(examples=[1])
    fees_per_day: Positive | None = None
    counterparty: Share | None = None  # of equity at one venue


class Costs(Table):
    """How large the market of an instrument is, for what an order would move it by."""

    volume_per_day: Positive = Field(examples=[1])  # coins
    impact: Positive = 0.7  # factor of the square-root law


class Holding(Table):
    """Something held at the start, or where no venue of ours sees it."""

    instrument: InstrumentId = Field(examples=["none:none"])
    quantity: Exact = Decimal(0)  # needed, but where a file tells it
    role: Annotated[Role, choice(Role)] = Role.BOOK
    entry: PositiveExact | None = None  # None: mark at the start
    underlying: Coin | None = None  # that a cash balance belongs to
    file: AbsoluteFile | None = None  # that tells the quantity, again and again
    max_age: Duration | None = None  # of what the file tells


class DeclaredInstrument(Table):
    """An instrument that the configuration itself describes."""

    id: InstrumentId = Field(examples=["none:none"])
    kind: Annotated[Kind, choice(Kind)] = Field(examples=["cash"], description=values.words(Kind))
    underlying: Annotated[str, text(r"[A-Z0-9]{0,16}", "a coin in capitals, or empty")] = Field(
        examples=["BTC"]
    )
    settle: Coin = Field(examples=["BTC"])
    size: PositiveExact = Decimal(1)  # coins, or USD where inverse
    lot: PositiveExact = Field(examples=[1])
    minimum: PositiveExact | None = None  # None: one lot
    tick: PositiveExact = Field(examples=[1])
    expiry: Time | None = None
    strike: PositiveExact | None = None
    type: Annotated[Literal["call", "put"], choice(("call", "put"))] | None = None


class Orders(Table):
    """Deadlines of an order."""

    timeout: Duration = 5 * SECOND
    max_decision_age: Duration = 500 * MILLISECOND
    absent_after: Duration = 10 * SECOND
    absent_answers: AtLeastOneWhole = 3
    unknown_halt: Duration = 60 * SECOND


class Flight(Table):
    """What is recorded of the events that a book took, beside its journal."""

    enabled: bool = True
    max_mib: Annotated[int, BeforeValidator(values.as_recorder_cap)] = 512  # all files together
    rotate: Duration = HOUR  # of one file; a full one is followed earlier


class JournalRoom(Table):
    """How much of the journal's disk must be free for a hedge to leave: the larger of the two."""

    least_mib: AtLeastOneWhole = 256
    share: Share = 0.05  # of the disk …
    share_most_mib: AtLeastOneWhole = 1024  # … but at most this


class JournalKeeping(Table):
    """How the journal is kept; bookings, orders and latches never leave it."""

    retention_days: AtLeastOneWhole = 90  # of decisions
    max_mib: AtLeastOneWhole = 1024  # above it the oldest days go before their time
    room: JournalRoom = JournalRoom()
    backup: Annotated[Literal["daily", "off"], choice(("daily", "off"))] = "daily"
    backups: AtLeastOneWhole = 7  # that are kept beside it
    check: Annotated[Literal["weekly", "off"], choice(("weekly", "off"))] = "weekly"  # all of it


class Market(Table):
    """The seeded world of the demo."""

    seed: Whole = 7
    start: Time = values.as_time("2026-01-30T07:15:00Z")
    step: Duration = SECOND
    prices: dict[str, Positive] = {"BTC": 100_000.0, "ETH": 3_500.0}  # USD per coin at the start
    vols: dict[str, Positive] = {}  # coin → per year


class Replay(Table):
    """Which recordings stand for which instruments; files are below the data folder."""

    bars: dict[str, File] = {}
    marks: dict[str, File] = {}  # bars of mark prices; without, the close of `bars` is the mark
    funding: dict[str, File] = {}
    streams: dict[str, File] = {}
    chains: Annotated[tuple[File, ...], BeforeValidator(values.as_names)] = ()
    vols: dict[str, Positive] = {}  # option → fixed volatility per year where none was recorded
    index: dict[str, InstrumentId] = {}  # coin → instrument whose price stands for its index
    settlement: Annotated[Literal["index"], choice(("index",))] | None = None  # its proxy, named
    spread_bp: NotNegative = 1.0
    depth: PositiveExact | None = None  # contracts shown on each side; None: without end
    tick: Duration | None = None  # between two looks at the clock; None: as fine as the series


class Settings(Table):
    """A whole configuration."""

    book: Book
    venues: dict[str, Venue] = Field(examples=[{}])
    underlyings: dict[str, Underlying] = Field(examples=[{}])
    limits: Limits
    holdings: Annotated[tuple[Holding, ...], BeforeValidator(values.as_rows)] = ()
    instruments: Annotated[tuple[DeclaredInstrument, ...], BeforeValidator(values.as_rows)] = ()
    guards: Guards = Guards()
    orders: Orders = Orders()
    flight: Flight = Flight()
    journal: JournalKeeping = JournalKeeping()
    web: Web | None = None  # None: no port is opened
    market: Market = Market()
    replay: Replay | None = None
    costs: dict[str, Costs] = {}  # by instrument
    control: Control = Control()
    alerts: Alerts = Alerts()


def allowed(model: type[Table]) -> tuple[str, ...]:
    """Return the keys of a table, in the order in which they are documented."""
    return tuple(model.model_fields)


def example(model: type[Table]) -> dict[str, Any]:
    """Return the smallest table of this kind that parses, for what is missing or wrong."""
    return {
        name: field.examples[0] if field.examples else example(field.annotation)  # type: ignore[arg-type]
        for name, field in model.model_fields.items()
        if field.is_required()
    }
