"""Measures: how a running book stands, as samples of the metrics that are told of it.

Asked for a few times a minute, so it reads what is known and works out the rest;
whoever asks changes nothing that is decided.
"""

from collections.abc import Iterable, Iterator

from rebalancer.core import exposure as exposures
from rebalancer.core import overview, watch, worth
from rebalancer.core.events import Index, Quote
from rebalancer.core.guards.staleness import InputAge
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.orders import OrderState
from rebalancer.core.params import MarginParams, UnderlyingParams
from rebalancer.core.standing import Standing
from rebalancer.core.state import State, Worths
from rebalancer.ports import SECOND, Age, Clock, Condition, Measure, Sample
from rebalancer.runtime.engine import Engine

DAY = 86_400 * SECOND  # ns
# Guards whose reading against their limit says how much of it is used. The margin's
# measures have metrics of their own, and of others the limit is no most.
USED = (
    *("position_size", "order_size", "leverage", "counterparty", "turnover", "fees", "throttle"),
    *("loss", "drawdown", "staleness", "spread", "basis", "divergence", "depeg"),
)


def measured(engine: Engine, clock: Clock, conflated: int) -> Iterator[Measure]:
    """Yield all that is told of a book.

    Args:
        engine: That runs it.
        clock: For ages.
        conflated: Events that made room for newer ones.
    """
    state = engine.state
    yield from standing(state.standing)
    yield from _counted(engine, conflated)
    for own in engine.params.underlyings.values():
        yield from _underlying(engine, own, clock)
        yield from _orders(state, own.name, clock)
    yield from _held(state)
    yield from _accounts(state, clock)
    if engine.params.margin is not None:
        for account in engine.params.accounts:
            yield from _margin(state, account, engine.params.margin)
    yield from _limits(engine)
    yield from engine.meter.measures()


def earned(dollars: float | None) -> Iterable[Sample]:
    """Return what the book earned since its start, USD; nothing while a price is missing."""
    return () if dollars is None else (Sample("profit_dollars", dollars),)


def condition(engine: Engine, clock: Clock) -> Condition:
    """Return how well a book is."""
    state, now, meter = engine.state, clock.now(), engine.meter
    turned, agreed = meter.turned, meter.agreed
    return Condition(
        turned=None if turned is None else turned / SECOND,
        state=str(state.mode),
        reconciled=None if agreed is None else agreed / SECOND,
        inputs=tuple(_inputs(engine, now)),
        lost=tuple((name, (now - at) / SECOND) for name, at in state.accounts.lost.items()),
        open=engine.open,
    )


def _inputs(engine: Engine, now: int) -> Iterator[Age]:
    """Yield what deltas rest on, as old as it is now: also while no event comes."""
    state, params = engine.state, engine.params
    late = now - state.now
    told = [each for own in params.underlyings.values() for each in _of(state, own)]
    told += [watch.reading(state, params, name) for name in params.accounts]
    yield from _aged(told, late)


def _aged(told: Iterable[InputAge], late: int) -> Iterator[Age]:
    """Yield ages that were taken at the last event, as they are so many ns later."""
    for each in told:
        age = None if each.age is None else (each.age + late) / SECOND
        yield Age(each.subject, age, each.limit / SECOND)


def _of(state: State, own: UnderlyingParams) -> Iterable[InputAge]:
    return watch.delta_inputs(state, state.params, own)


def standing(own: Standing) -> Iterator[Sample]:
    """Yield where a book stands, begun or not."""
    for mode in TradingState:
        yield Sample("state", mode is own.mode, (str(mode),))
    yield Sample("kill_latched", own.killed)
    yield Sample("halt_latched", own.latched)
    yield Sample("limits_reached", len(own.limited))
    yield Sample("protection_paused", own.sealed)
    yield Sample("disk_short", own.short)


def _counted(engine: Engine, conflated: int) -> Iterator[Sample]:
    tally = engine.tally
    yield Sample("steps_total", tally.events)
    yield Sample("conflated_total", conflated)
    yield Sample("hedges_total", tally.hedges)
    yield Sample("journal_writable", engine.open)
    for reason, times in tally.reasons.items():
        yield Sample("refusals_total", times, (str(reason),))


def _underlying(engine: Engine, own: UnderlyingParams, clock: Clock) -> Iterator[Sample]:
    state, name = engine.state, own.name
    memory, decided, index = state.memory[name], engine.standing.get(name), state.index(name)
    yield Sample("underlying_halted", name in state.halted, (name,))
    for metric, episode in (
        ("delta_out_of_band_seconds", memory.outside),
        ("delta_unknown_seconds", memory.blind),
    ):
        since = episode.since
        yield Sample(metric, 0 if since is None else (clock.now() - since) / SECOND, (name,))
    stale = sum(
        each.seconds is None or each.seconds > each.limit
        for each in _aged(_of(state, own), clock.now() - state.now)
    )
    yield Sample("stale_inputs", stale, (name,))
    yield Sample("net_delta_limit", own.limits.net_delta, (name,))
    if decided is None or index is None:
        return
    yield Sample("net_delta", decided.net_delta, (name,))
    yield Sample("pending_delta", decided.pending, (name,))
    yield Sample("delta_aim", decided.aim, (name,))
    yield Sample("delta_band", decided.lower, (name, "lower"))
    yield Sample("delta_band", decided.upper, (name, "upper"))
    yield Sample("index_price_dollars", float(index.price), (name,))
    if not state.book(name).missing:
        greeks = exposures.greeks(state.book(name), float(index.price), state.now)
        yield Sample("gamma", greeks.gamma, (name,))
        yield Sample("vega_dollars", greeks.vega / 100, (name,))
        yield Sample("theta_dollars", greeks.theta / 365, (name,))


def _orders(state: State, name: str, clock: Clock) -> Iterator[Sample]:
    waiting = state.open_orders(name)
    unknown = [each for each in waiting if each.state is OrderState.UNKNOWN]
    since = [each.unknown_since for each in unknown if each.unknown_since is not None]
    oldest = (clock.now() - min(since)) / SECOND if since else 0
    yield Sample("orders_open", len(waiting), (name,))
    yield Sample("orders_unknown", len(unknown), (name,))
    yield Sample("order_unknown_age_seconds", oldest, (name,))


def _held(state: State) -> Iterator[Sample]:
    for (account, name), position in state.ledger.positions.items():
        yield Sample("position_contracts", float(position.quantity), (account, name))
    for own in state.params.underlyings.values():
        for name in dict.fromkeys((*own.hedge_buy, *own.hedge_sell)):
            yield from _leg(state, own, name)
    ledger = state.ledger
    for metric, amounts in (
        ("fees_paid", ledger.fees),
        ("funding_received", ledger.funding),
        ("realised_profit", ledger.realised),
    ):
        for currency, amount in amounts.items():
            yield Sample(metric, float(amount), (currency,))


def _leg(state: State, own: UnderlyingParams, name: str) -> Iterator[Sample]:
    """Yield what is told of one instrument that hedges."""
    instrument = state.instruments[name]
    funding, index = state.markets.funding.get(name), state.index(own.name)
    if funding is not None:
        yield Sample("funding_rate_per_day", funding.rate * DAY / funding.interval, (name,))
    price = state.prices.mark_price(name, state.now)
    if price is not None and index is not None:
        held = float(state.ledger.position(instrument.venue, name).quantity)
        each = exposures.delta_per_contract(instrument, price, float(index.price), own)
        used = abs(held * each) / own.limits.position
        yield Sample("position_limit_ratio", used, (name,))


def _accounts(state: State, clock: Clock) -> Iterator[Sample]:
    now, known = clock.now(), state.accounts
    youngest: dict[str, int] = {}
    for (kind, subject), at in state.markets.advanced.items():
        if kind in (Quote.__name__, Index.__name__):
            venue = subject.partition(":")[0]
            youngest[venue] = max(youngest.get(venue, 0), at)
    for venue, at in youngest.items():
        yield Sample("feed_age_seconds", (now - at) / SECOND, (venue,))
    for account in state.params.accounts:
        yield Sample("account_stream_lost", account in known.lost, (account,))
        yield Sample("venue_held", account in known.held, (account,))
        told = watch.reading(state, state.params, account)
        if told.age is not None:
            age = (told.age + now - state.now) / SECOND
            yield Sample("account_read_age_seconds", age, (account,))


def _margin(state: State, account: str, own: MarginParams) -> Iterator[Sample]:
    """Yield how near an account is to its liquidation."""
    age = state.margins.age(account, state.now)
    if age is not None:
        yield Sample("margin_age_seconds", age / SECOND, (account,))
    for pool in state.margins.pools(account, state.now) or ():
        if not pool.maintenance:
            continue
        for told in state.margins.readings(pool, own):
            labels = (told.pool, told.among or "all")
            yield Sample("margin_ratio", told.ratio, labels)
            yield Sample("margin_rung", told.rung, labels)
            if told.distance is not None:
                yield Sample("liquidation_distance_ratio", told.distance, labels)
            if told.sigmas is not None:
                yield Sample("liquidation_distance_sigmas", told.sigmas, labels)


def _limits(engine: Engine) -> Iterator[Sample]:
    """Yield how much of each limit is used."""
    state, params = engine.state, engine.params
    for line in overview.lines(state, params):
        if line.name == "deleveraging" and line.measured is not None:
            yield Sample("deleveraging_rank_ratio", line.measured, (line.scope,))
        elif line.name in USED and line.limit and line.measured is not None:
            used = abs(line.measured) / line.limit
            yield Sample("guard_used_ratio", used, (line.name, line.scope))
    if params.limits is None:
        return
    done, told = state.behaviour.performance, params.limits
    yield Sample("loss_limit_ratio", max(-done.today, 0.0) / told.loss_per_day, ("loss_per_day",))
    yield Sample("loss_limit_ratio", max(done.drawdown, 0.0) / told.drawdown, ("drawdown",))
    yield Sample("gross_leverage_limit", told.leverage)
    worths = _worths(state)
    if worths.equity and worths.gross is not None:
        yield Sample("gross_leverage", worths.gross / worths.equity)


def _worths(state: State) -> Worths:
    """Return what the book is worth; what a step has worked out stays as it was."""
    known = state.worths
    found = worth.now(state)
    state.worths = known
    return found
