"""The settings that the core decides by, validated and frozen; no defaults live here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from rebalancer.core.breaker import Limits as BreakerLimits
from rebalancer.core.commands import Style
from rebalancer.core.funding import Rule as CarryRule
from rebalancer.core.margin.rungs import Ladder
from rebalancer.core.margin.schedule import Schedule
from rebalancer.core.smile import Coefficients, Regime


class Numeraire(StrEnum):
    """What the book protects: its worth in dollars, or in coins."""

    USD = "usd"
    COIN = "coin"


class BandKind(StrEnum):
    """How the width of a band is found."""

    FIXED = "fixed"  # coins around the aim
    PERCENT = "percent"  # fraction of gross delta around the aim
    WHALLEY_WILMOTT = "whalley_wilmott"  # what cost and risk make best, for whatever wanders
    ZAKAMOULINE = "zakamouline"  # the same by a fit to options held to their expiry
    INVENTORY = "inventory"  # the same for a book that wanders because its holdings do
    SCALED = "scaled"  # so many deviations of what net delta does in a time


@dataclass(frozen=True, slots=True)
class WidthParams:
    """What makes the width of a band that minds gamma, vol and cost."""

    risk_aversion: float | None = None  # 1/USD; of this and the next two, one is set …
    spend_per_day: float | None = None  # … USD that hedges may cost …
    pnl_sd: float | None = None  # … USD of a day's profit and loss that may be left to chance
    fixed_cost: float = 0.0  # USD per trade, whatever its size
    flow: float = 0.0  # coins per root of a year by which holdings wander by themselves
    vol_of_vol: float = 0.0  # absolute, per root of a year: how vols wander
    correlation: float = 0.0  # of price and vol
    monitored: int | None = None  # ns between two looks; None: at each tick
    residual: int | None = None  # ns for which a gap that nothing moves would stand; None: ignored
    vol: float = 0.8  # per year, until the market told one
    sigmas: float = 1.0  # of `scaled`: deviations …
    over: int = 3_600_000_000_000  # … of what net delta does in so many ns


@dataclass(frozen=True, slots=True)
class BandParams:
    """A tolerance band and when it may act."""

    kind: BandKind
    lower: float  # coins or fraction of gross, relative to the aim, <= 0; 0 where the width is made
    upper: float  # same, >= 0
    reset: float  # 0: to the nearest edge, 1: to the aim
    least_trade: float = 0.0  # coins beyond the edge until a hedge to it is due
    width: WidthParams | None = None  # None: lower and upper are the width
    min_interval: int | None = None  # ns between two hedges
    max_interval: int | None = None  # ns after which a hedge to the aim is due inside the band
    move_trigger: float | None = None  # fraction of price since the last hedge that makes one due
    move_filter: float | None = None  # no hedge unless the price moved this fraction …
    move_window: int | None = None  # … within this many ns


@dataclass(frozen=True, slots=True)
class UnderlyingLimits:
    """Caps of one underlying, coins."""

    order: float
    position: float
    net_delta: float
    gamma: float | None = None  # coins of delta per 1 % of price
    vega: float | None = None  # USD per vol point


@dataclass(frozen=True, slots=True)
class NearParams:
    """Prices near which delta turns fast."""

    levels: tuple[float, ...]  # barriers and the like, USD per coin
    within: float  # fraction of price
    factor: float  # that the band's width is multiplied by there, in (0, 1]
    strikes: int  # ns before expiry from when on strikes held count as levels


class Placement(StrEnum):
    """Which hedge instrument of a side comes first."""

    ORDER = "order"  # as the settings list them
    COST = "cost"  # the one that costs least over the horizon of a move


@dataclass(frozen=True, slots=True)
class SmileParams:
    """How the deltas of options follow the smile."""

    regime: Regime
    ratio: float = 1.0  # skew stickiness; 1: nothing is added
    coefficients: Coefficients | None = None  # of minimum variance
    cap: float = 0.1  # most that a delta gains or loses, coins a coin

    @property
    def curved(self) -> bool:
        """Whether the slope of a fitted curve is needed."""
        return self.coefficients is None and self.ratio != 1.0


RESTING = (Style.POST_ONLY, Style.CHASE)  # styles whose orders rest


@dataclass(frozen=True, slots=True)
class ExecutionParams:
    """How patient the hedges of one underlying are; whatever hurries takes at once."""

    style: Style
    patience: int = 20_000_000_000  # ns from a hedge's first order until the rest is taken
    urgent: float = 1.5  # half-widths of the band from the aim at which it is taken at once
    offset_ticks: int = 0  # that a resting order stays behind the best price of its side
    reprice: int = 5_000_000_000  # ns after which an order that fell behind is put anew …
    drift_ticks: int = 10  # … and ticks behind at which it does not wait so long
    slice: float | None = None  # coins: most of one slice
    every: int = 5_000_000_000  # ns between two slices
    participation: float = 1.0  # share of the displayed size that a slice takes at most


AT_ONCE = ExecutionParams(Style.IOC)


@dataclass(frozen=True, slots=True)
class UnderlyingParams:
    """How one underlying is hedged."""

    name: str
    numeraire: Numeraire
    target: float  # coins
    coverage: float  # 0 … 1.5
    hedge_buy: tuple[str, ...]  # instruments to buy, best first
    hedge_sell: tuple[str, ...]  # instruments to sell, best first
    band: BandParams
    limits: UnderlyingLimits
    include: tuple[str, ...] = ("*",)  # patterns of instrument ids in scope
    exclude: tuple[str, ...] = ()  # patterns taken out again
    near: NearParams | None = None  # where it is hedged more closely
    placement: Placement = Placement.ORDER
    ratios: Mapping[str, float] = field(default_factory=dict)  # perpetual or future → coins of it
    #   that hedge a coin; one that is not named hedges one for one
    smile: SmileParams | None = None  # None: sticky strike
    execution: ExecutionParams = AT_ONCE


@dataclass(frozen=True, slots=True)
class StalenessParams:
    """Oldest age of each input that a decision may rest on, ns."""

    quote: int  # top of book of the hedge instrument
    index: int
    mark: int  # of held dated futures, and of the hedge instrument as reference
    option: int  # vol and forward of held options
    positions: int = 90_000_000_000  # since an account was read and found as the ledger has it


@dataclass(frozen=True, slots=True)
class CollarParams:
    """How far from an independent reference an order may trade."""

    width: float  # fraction of the reference price, > 0
    protect_factor: float = 3.0  # wider for protect orders
    index_width: float = 0.05  # most that book and index may lie apart, fraction
    jump: float = 0.10  # most that the index may move by one word that no second confirms, fraction


@dataclass(frozen=True, slots=True)
class OrderParams:
    """Deadlines of an order."""

    timeout: int  # ns without an answer until the outcome is unknown
    max_decision_age: int  # ns from decision to send
    absent_after: int  # ns that not-found answers must span, and `orders.CLOCKS` more
    absent_answers: int  # not-found answers needed
    unknown_halt: int  # ns until an unproven outcome halts the underlying


@dataclass(frozen=True, slots=True)
class OutsideParams:
    """A source of holdings that no venue of ours sees."""

    source: str
    max_age: int  # ns of what it tells, from when it was so
    underlyings: tuple[str, ...]  # whose delta rests on it


@dataclass(frozen=True, slots=True)
class MarginParams:
    """What keeps accounts from liquidation."""

    ladder: Ladder
    tail: float  # what vols are multiplied by: returns have fatter tails than a normal law
    least_vol: float  # per year; no market is taken to be calmer
    most_vol: float  # per year, tail included: what a price did in one jump is not what it will do
    #   for an hour, and a hedge that is given up for it leaves the book bare
    max_age: int  # ns of a venue's figures
    disagreement: float  # fraction that our liquidation price may differ from the venue's


@dataclass(frozen=True, slots=True)
class BookLimits:
    """Caps of the whole book, USD but for shares and multiples."""

    leverage: float  # gross notional ÷ equity
    turnover_per_day: float
    loss_per_day: float
    drawdown: float
    fees_per_day: float | None = None
    counterparty: float | None = None  # share of equity at one venue


@dataclass(frozen=True, slots=True)
class MarketParams:
    """What a sane market is; fractions."""

    spread: float  # of mid
    basis: float  # of the index, beyond what is usual
    divergence: float  # between venues' indexes
    depeg: float  # USD off a dollar
    depth: float | None = None  # share of the displayed size that one order takes
    interest: float | None = None  # share of open interest that a position may be


@dataclass(frozen=True, slots=True)
class BehaviourParams:
    """What a sane hedger does."""

    hedges_per_minute: int
    breaker: BreakerLimits


@dataclass(frozen=True, slots=True)
class FundingParams:
    """What it may cost to hold a hedge."""

    cap_per_day: float  # fraction of notional
    horizon: int = 86_400_000_000_000  # ns over which it is expected
    budget_per_day: float | None = None  # USD
    rule: CarryRule = field(default_factory=CarryRule)  # when a leg moves to where it is cheaper
    moves: bool = False  # whether it does


@dataclass(frozen=True, slots=True)
class AccountTerms:
    """How an account is margined."""

    isolated: bool = False  # whether each position answers for itself
    portfolio: bool = False  # whether options count in the balance, and the venue nets scenarios
    leverage: float | None = None  # notional ÷ margin at opening; None: the venue's schedule
    taker: float = 0.0005  # fee of what is taken from the book, fraction of notional
    schedule: Schedule | None = None  # of maintenance; None: what is held is asked as the
    #   venue's figures imply, and nothing may grow
    collateral: Mapping[str, float] | None = None  # currency → share; None: each stands alone


@dataclass(frozen=True, slots=True)
class ImpactParams:
    """How an instrument's price gives way to an order."""

    volume: float  # coins that all its market trades in a day, > 0
    factor: float  # of the square-root law, > 0


NO_TERMS = AccountTerms()  # of an account of which the settings say nothing


@dataclass(frozen=True, slots=True)
class Params:
    """All that `hedger.step` is told once and never changes while a book runs."""

    book: str
    accounts: tuple[str, ...]  # venue keys, in the order of the configuration
    epoch: int  # start counter of this book, part of every client order id
    underlyings: Mapping[str, UnderlyingParams]
    staleness: StalenessParams
    collar: CollarParams
    orders: OrderParams
    unhedged_alert: int  # ns outside the band until a person is woken
    cash_underlying: Mapping[str, str]  # cash instrument id → underlying it belongs to (coin books)
    outside: tuple[OutsideParams, ...] = ()
    margin: MarginParams | None = None  # None: nobody watches it; so are the next four
    limits: BookLimits | None = None
    market: MarketParams | None = None
    behaviour: BehaviourParams | None = None
    funding: FundingParams | None = None
    terms: Mapping[str, AccountTerms] = field(default_factory=dict)  # by account
    impacts: Mapping[str, ImpactParams] = field(default_factory=dict)  # by instrument
