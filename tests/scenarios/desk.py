"""A desk to tell stories with: a book, its markets, and a clock that the story moves."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from rebalancer.core import hedger
from rebalancer.core.breaker import Limits as BreakerLimits
from rebalancer.core.commands import Alert, Cancel, Command, Query, Submit
from rebalancer.core.decision import Decision
from rebalancer.core.events import (
    AccountRead,
    Ending,
    Event,
    Fill,
    FundingRate,
    Index,
    Mark,
    Operator,
    OptionMark,
    OrderAccepted,
    OrderEnded,
    OrderNotFound,
    OrderRejected,
    OrderUnknown,
    PositionReport,
    Quote,
    Reconciled,
    Settled,
    Tick,
    Trade,
    Verb,
)
from rebalancer.core.figures import LegFigures, MarginTold, PoolFigures
from rebalancer.core.hedger import Outcome
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.margin.rungs import Ladder
from rebalancer.core.margin.schedule import flat
from rebalancer.core.params import (
    AccountTerms,
    BandKind,
    BandParams,
    BehaviourParams,
    BookLimits,
    CollarParams,
    FundingParams,
    MarginParams,
    MarketParams,
    Numeraire,
    OrderParams,
    Params,
    StalenessParams,
    UnderlyingLimits,
    UnderlyingParams,
)
from rebalancer.core.state import State
from rebalancer.exchange import black

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
START = 1_769_757_300 * SECOND  # 2026-01-30 07:15 UTC
SETTLEMENT = 1_769_760_000 * SECOND  # 08:00 of that day
EXPIRY = 1_772_179_200 * SECOND  # 2026-02-27 08:00 UTC

PERP = "deribit:BTC-PERPETUAL"
FUTURE = "deribit:BTC-27FEB26"
CALL = "deribit:BTC-27FEB26-110000-C"
PUT = "deribit:BTC-27FEB26-90000-P"
LINEAR = "binanceusdm:BTC/USDT:USDT"
LINEAR_FUTURE = "binanceusdm:BTC/USDT:USDT-260227"
LINEAR_CALL = "bybit:BTC-27FEB26-105000-C-USDT"
SPOT = "binance:BTC/USDT"
COINS = "deribit:BTC"
DOLLARS = "binanceusdm:USDT"
ETHER = "binanceusdm:ETH/USDT:USDT"


def _option(name: str, settle: str, strike: int, sign: int) -> Instrument:
    lot, tick = Decimal("0.1"), Decimal("0.0001") if settle == "BTC" else Decimal(5)
    return Instrument(
        name,
        Kind.OPTION,
        "BTC",
        settle,
        lot=lot,
        minimum=lot,
        tick=tick,
        expiry=EXPIRY,
        strike=Decimal(strike),
        sign=sign,
    )


def _contract(name: str, kind: Kind, settle: str, coin: str = "BTC") -> Instrument:
    inverse, lot = settle == coin, Decimal("0.001")
    return Instrument(
        name,
        kind,
        coin,
        settle,
        size=Decimal(10) if inverse else Decimal(1),
        lot=Decimal(1) if inverse else lot,
        minimum=Decimal(1) if inverse else lot,
        tick=Decimal("0.5") if inverse else Decimal("0.1"),
        expiry=EXPIRY if kind is Kind.FUTURE else None,
    )


INSTRUMENTS = {
    each.id: each
    for each in (
        _contract(PERP, Kind.PERPETUAL, "BTC"),
        _contract(FUTURE, Kind.FUTURE, "BTC"),
        _contract(LINEAR, Kind.PERPETUAL, "USDT"),
        _contract(LINEAR_FUTURE, Kind.FUTURE, "USDT"),
        _contract(SPOT, Kind.SPOT, "USDT"),
        _contract(ETHER, Kind.PERPETUAL, "USDT", "ETH"),
        _option(CALL, "BTC", 110_000, +1),
        _option(PUT, "BTC", 90_000, -1),
        _option(LINEAR_CALL, "USDT", 105_000, +1),
        Instrument(COINS, Kind.CASH, "BTC", "BTC"),
        Instrument(DOLLARS, Kind.CASH, "", "USDT"),
    )
}

BAND = BandParams(BandKind.FIXED, lower=-0.05, upper=0.05, reset=0.0)
LIMITS = UnderlyingLimits(order=10.0, position=50.0, net_delta=2.0)
BTC = UnderlyingParams(
    name="BTC",
    numeraire=Numeraire.USD,
    target=0.0,
    coverage=1.0,
    hedge_buy=(LINEAR,),
    hedge_sell=(LINEAR,),
    band=BAND,
    limits=LIMITS,
)
PARAMS = Params(
    book="desk",
    accounts=("deribit", "binanceusdm", "binance", "bybit"),
    epoch=3,
    underlyings={"BTC": BTC},
    staleness=StalenessParams(
        quote=3 * SECOND, index=5 * SECOND, mark=5 * SECOND, option=30 * SECOND
    ),
    collar=CollarParams(width=0.003),
    orders=OrderParams(
        timeout=5 * SECOND,
        max_decision_age=SECOND // 2,
        absent_after=10 * SECOND,
        absent_answers=3,
        unknown_halt=60 * SECOND,
    ),
    unhedged_alert=60 * SECOND,
    cash_underlying={DOLLARS: "BTC"},
)

LADDER = Ladder(
    ratio=(0.40, 0.50, 0.60, 0.70, 0.80),
    distance=(0.25, 0.20, 0.15, 0.10, 0.07),
    min_sigmas=3.0,
    reaction_time=60 * MINUTE,
    margin=0.1,
)
WATCHED = MarginParams(
    LADDER, tail=1.5, least_vol=0.3, most_vol=10.0, max_age=30 * SECOND, disagreement=0.01
)


GUARDED = replace(
    PARAMS,
    limits=BookLimits(
        leverage=5.0,
        turnover_per_day=1e7,
        loss_per_day=1e5,
        drawdown=2e5,
        fees_per_day=1e3,
        counterparty=0.99,
    ),
    market=MarketParams(spread=0.01, basis=0.03, divergence=0.02, depeg=0.02, depth=1.0),
    behaviour=BehaviourParams(hedges_per_minute=5, breaker=BreakerLimits()),
    funding=FundingParams(cap_per_day=0.001),
)


def margined(params: Params = PARAMS, *, leverage: float = 3.0, isolated: bool = False) -> Params:
    """Return settings under which the margin of the linear account is watched."""
    terms = AccountTerms(isolated=isolated, leverage=leverage, schedule=flat(0.005))
    return replace(params, margin=WATCHED, terms={"binanceusdm": terms})


def settings(band: BandParams = BAND, limits: UnderlyingLimits = LIMITS, **changes) -> Params:
    """Return the desk's settings with some of those of BTC changed."""
    own = replace(BTC, band=band, limits=limits, **changes)
    return replace(PARAMS, underlyings={"BTC": own})


@dataclass
class Desk:
    """One book; every method that names something that happens makes it happen now."""

    params: Params
    state: State
    now: int = START
    price: float = 100_000.0
    quiet: set[str] = field(default_factory=set)  # instruments and venues that say nothing
    outcomes: list[Outcome] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)  # of all outcomes
    trades: int = 0

    # --- what was said ---

    @property
    def decision(self) -> Decision:
        """The latest decision."""
        return next(o.decisions[-1] for o in reversed(self.outcomes) if o.decisions)

    @property
    def decisions(self) -> list[Decision]:
        """All decisions so far."""
        return [decision for outcome in self.outcomes for decision in outcome.decisions]

    def all(self, kind: type[Command]) -> list:
        """Return all commands of one kind so far, in order."""
        return [each for each in self.commands if isinstance(each, kind)]

    @property
    def orders(self) -> list[Submit]:
        """Orders so far."""
        return self.all(Submit)

    @property
    def cancels(self) -> list[str]:
        """Ids that were asked to be withdrawn so far."""
        return [cancel.client_order_id for cancel in self.all(Cancel)]

    @property
    def alerts(self) -> list[str]:
        """Names of the alerts so far."""
        return [alert.event for alert in self.all(Alert)]

    @property
    def queries(self) -> list[str]:
        """Ids asked after so far."""
        return [query.client_order_id for query in self.all(Query)]

    # --- what happens ---

    def take(self, event: Event) -> Outcome:
        """Let one event happen."""
        outcome = hedger.step(self.state, event, self.params)
        self.outcomes.append(outcome)
        self.commands += outcome.commands
        return outcome

    def index(self, price: float | None = None, venue: str = "deribit") -> Outcome:
        """Tell the index; it becomes the price of everything told later."""
        self.price = self.price if price is None else price
        told = Index(self.now, self.now, venue, "BTC", Decimal(str(self.price)))
        return self.take(told)

    def quote(self, instrument: str, bid: float | None = None, ask: float | None = None) -> Outcome:
        """Tell the top of a book: a basis point around the price unless given."""
        bid = round(self.price * 0.99995, 1) if bid is None else bid
        ask = round(self.price * 1.00005, 1) if ask is None else ask
        five = Decimal(5)
        told = Quote(
            self.now, self.now, instrument, Decimal(str(bid)), five, Decimal(str(ask)), five
        )
        return self.take(told)

    def mark(self, instrument: str, price: float | None = None) -> Outcome:
        """Tell a mark price."""
        price = self.price if price is None else price
        return self.take(Mark(self.now, self.now, instrument, Decimal(str(price))))

    def option(self, instrument: str, vol: float, forward: float | None = None) -> Outcome:
        """Tell what an option is valued by."""
        forward = self.price if forward is None else forward
        price = _worth(INSTRUMENTS[instrument], self.now, vol, forward)
        return self.take(OptionMark(self.now, self.now, instrument, price, vol, forward))

    def trade(self, instrument: str, price: float) -> Outcome:
        """Print a public trade."""
        return self.take(
            Trade(self.now, self.now, instrument, Decimal(str(price)), Decimal("0.001"))
        )

    def market(self, price: float | None = None) -> Outcome:
        """Let every market say the price, the index last."""
        self.price = self.price if price is None else price
        for name in (LINEAR, PERP):
            if name not in self.quiet:
                self.mark(name)
                self.quote(name)
        for account in self.params.accounts:
            if account not in self.quiet:
                self.read(account)
        return self.take(Tick(self.now)) if "index" in self.quiet else self.index()

    def read(self, account: str, ago: int = 0) -> Outcome:
        """Read an account, which holds what the ledger has."""
        return self.take(AccountRead(self.now, self.now - ago, account))

    def wait(self, seconds: int, price: float | None = None, *, every: int = 1) -> None:
        """Let time pass, the market talking each second, or every so many; the clock ticks each."""
        for _ in range(seconds):
            self.now += SECOND
            if not self.now // SECOND % every:
                self.market(price)
            self.take(Tick(self.now))

    def operate(self, verb: Verb, *, everything: bool = False) -> Outcome:
        """Let the operator speak."""
        ended = self.state.unproven if verb is Verb.ARM else ()
        return self.take(Operator(self.now, verb, "test", "1000", everything, ended))

    def reconcile(self, *differences: str) -> Outcome:
        """Compare ledger and venues; where they agree, each was read."""
        for account in () if differences else self.params.accounts:
            self.read(account)
        return self.take(Reconciled(self.now, differences))

    def funding(self, rate: float, instrument: str = LINEAR) -> Outcome:
        """Tell the funding rate of the next eight hours."""
        hours = 8 * 60 * MINUTE
        told = FundingRate(self.now, self.now, instrument, rate, hours, self.now + hours)
        return self.take(told)

    def figures(
        self,
        balance: float,
        maintenance: float = 0.0,
        initial: float = 0.0,
        liquidation: float | None = None,
        instrument: str = "",
    ) -> Outcome:
        """Let the linear venue tell how the account stands, of what it was asked just now."""
        numbers = [Decimal(str(each)) for each in (balance, balance, maintenance, initial)]
        pool = PoolFigures("USDT", *numbers, instrument)
        price = None if liquidation is None else Decimal(str(liquidation))
        legs = (LegFigures(LINEAR, Decimal(str(maintenance)), price),) if maintenance else ()
        return self.take(MarginTold(self.now, self.now, "binanceusdm", (pool,), legs))

    # --- what becomes of an order ---

    def accept(self, order: Submit) -> Outcome:
        """Let the venue take an order."""
        return self.take(OrderAccepted(self.now, self.now, order.client_order_id, "v1"))

    def reject(self, order: Submit) -> Outcome:
        """Let the venue refuse an order."""
        return self.take(OrderRejected(self.now, self.now, order.client_order_id, "price band"))

    def lose(self, order: Submit) -> Outcome:
        """Let nobody know what became of an order."""
        return self.take(OrderUnknown(self.now, None, order.client_order_id, "timeout"))

    def miss(self, order: Submit) -> Outcome:
        """Let the venue say that it knows no such order, and that nothing else is held."""
        held = self.state.ledger.position(order.account, order.instrument).quantity
        return self.take(OrderNotFound(self.now, self.now, order.client_order_id, held))

    def fill(self, order: Submit, quantity: str | Decimal | None = None) -> Outcome:
        """Execute an order at the price, whole unless a signed quantity is given."""
        self.trades += 1
        return self.take(
            Fill(
                self.now,
                self.now,
                order.account,
                order.instrument,
                f"t{self.trades}",
                order.client_order_id,
                order.quantity if quantity is None else Decimal(quantity),
                Decimal(str(self.price)),
                Decimal(0),
                INSTRUMENTS[order.instrument].settle,
            )
        )

    def trade_by_hand(
        self, instrument: str, quantity: str, *, price: str = "", more: bool = False
    ) -> Outcome:
        """Execute what no order of ours asked for; `more` of the same word of the venue follows."""
        self.trades += 1
        told = INSTRUMENTS[instrument]
        return self.take(
            Fill(
                self.now,
                self.now,
                told.venue,
                instrument,
                f"h{self.trades}",
                None,
                Decimal(quantity),
                Decimal(price or str(self.price)),
                Decimal(0),
                told.settle,
                more=more,
            )
        )

    def end(self, order: Submit, how: Ending, filled: str | Decimal) -> Outcome:
        """Let the venue close an order."""
        told = Decimal(filled)
        return self.take(OrderEnded(self.now, self.now, order.client_order_id, how, told))

    def execute(self, order: Submit) -> Outcome:
        """Fill and close an order, as a venue does."""
        self.accept(order)
        self.fill(order)
        return self.end(order, Ending.FILLED, order.quantity)

    def settle(self, instrument: str, key: str = "s1") -> Outcome:
        """End the session of a contract at the price."""
        venue = INSTRUMENTS[instrument].venue
        price = Decimal(str(self.price))
        return self.take(Settled(self.now, self.now, venue, instrument, key, price))


def _worth(option: Instrument, now: int, vol: float, forward: float) -> Decimal:
    """Return what an option is priced at, in the unit of its venue; 5 % where vol is no vol."""
    if not 0 < vol < 100 or option.expiry is None or option.strike is None:
        return Decimal("0.05")
    deviation = vol * (max(option.expiry - now, 0) / (365 * 86_400 * SECOND)) ** 0.5
    worth = black.price(forward, float(option.strike), deviation, option.sign)
    return Decimal(str(round(worth if option.settle == "USDT" else worth / forward, 4)))


def hold(
    state: State,
    instrument: str,
    quantity: str,
    *,
    entry: str = "100000",
    hedge: bool = False,
) -> None:
    """Give the book a starting position."""
    report = PositionReport(
        START, None, INSTRUMENTS[instrument].venue, instrument, Decimal(quantity)
    )
    state.adopt(report, Decimal(entry), hedge=hedge)


def build(params: Params = PARAMS, holdings: Iterable[tuple] = (), *, active: bool = True) -> Desk:
    """Open a desk: its holdings adopted, its markets told, its ledger reconciled.

    Args:
        params: Settings of the book.
        holdings: (instrument, quantity) or (instrument, quantity, "hedge").
        active: False leaves the book in STARTING, before its first price.
    """
    state = State(INSTRUMENTS, params, START)
    for instrument, quantity, *role in holdings:
        hold(state, instrument, quantity, hedge=bool(role))
    made = Desk(params, state)
    if active:
        made.market()
        made.reconcile()
    return made
