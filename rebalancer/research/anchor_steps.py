"""The anchor through the daemon's own `step`: path by path what it trades, beside the policies.

The book is the straddle sold and a linear perpetual; an index, marks and a quote of hardly a spread
come in every five minutes, every order is filled at once at the price. Lots are a billionth of a
coin, limits and collars so wide that they say nothing. Whatever differs is a difference between
`hedger.step` and the policies that the studies play. In the last half hour they do differ: the
daemon knows that options are settled at an average, and lets go of their delta; the policies
do not, and the steps from there on are left out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from rebalancer.core import hedger, pricing
from rebalancer.core.black import FloatArray
from rebalancer.core.commands import Submit
from rebalancer.core.events import (
    AccountRead,
    Ending,
    Event,
    Fill,
    Index,
    Mark,
    OptionMark,
    OrderAccepted,
    OrderEnded,
    PositionReport,
    Quote,
    Reconciled,
    Tick,
)
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.params import (
    AccountTerms,
    BandKind,
    BandParams,
    CollarParams,
    Numeraire,
    OrderParams,
    Params,
    StalenessParams,
    UnderlyingLimits,
    UnderlyingParams,
    WidthParams,
)
from rebalancer.core.state import State
from rebalancer.errors import Defect
from rebalancer.research import anchor_paths, policies
from rebalancer.research.anchor_paths import PRICE, STEPS, STRIKE, VOL, Rule

VENUE, COIN = "anchor", "BTC"
PERPETUAL, CALL, PUT = (f"{VENUE}:{name}" for name in ("PERPETUAL", "CALL", "PUT"))
DAY = 86_400_000_000_000  # ns
START = 20_000 * DAY
STEP = 30 * DAY // STEPS
SETTLING = 6  # steps in which the settlement price is made
LOT = Decimal("1e-9")  # coins
LONG, MUCH = 60 * DAY, 1e12  # what never binds
NEAR = 5e-9  # coins: holdings that differ by less are the same, a few lots
SMALL = 1e-7  # coins: a trade that must be one in both


@dataclass(frozen=True, slots=True)
class Beside:
    """How far the daemon was from the policy on one path."""

    trades: int  # of more than SMALL, by the daemon
    apart: float  # most that the holdings differed after any step, coins
    other: int  # steps at which only one of both traded more than SMALL, or the other way


def bands(cost: float) -> Mapping[str, tuple[BandParams, Rule]]:
    """Return bands of the daemon, each beside the rule that should do the same."""
    width = WidthParams(risk_aversion=1e-4)
    return {
        "edge 0.04": (
            BandParams(BandKind.FIXED, -0.04, 0.04, reset=0.0),
            anchor_paths.banded("edge", (0.04,), 0.0),
        ),
        "centre 0.08": (
            BandParams(BandKind.FIXED, -0.08, 0.08, reset=1.0),
            anchor_paths.banded("centre", (0.08,), 1.0),
        ),
        "WW 1e-4": (
            BandParams(BandKind.WHALLEY_WILMOTT, 0.0, 0.0, reset=0.0, width=width),
            anchor_paths.averse("WW", (1e-4,), (cost,)),
        ),
    }


def compare(
    band: BandParams, rule: Rule, path: FloatArray, cost: float, done: Callable[[], object]
) -> Beside:
    """Play one path both ways and return how far they are apart before options settle.

    Args:
        band: Of the daemon.
        rule: Of the studies, with one parameter.
        path: Normals of every step, shape (steps,).
        cost: One-way fraction, the fee of what is taken.
        done: Called after each step.
    """
    last = min(len(path), STEPS - SETTLING)
    policy = followed(rule, path[:last])
    daemon = stepped(band, path[:last], cost, begun(rule), done)
    changes = [np.diff(each, prepend=each[0]) for each in (policy, daemon)]
    ways = [np.where(np.abs(each) > SMALL, np.sign(each), 0.0) for each in changes]
    clear = np.abs(np.abs(changes[0]) - SMALL) > NEAR  # a trade of just this size is none of both
    other = int(((ways[0] != ways[1]) & clear).sum())
    return Beside(int((ways[1] != 0).sum()), float(np.abs(policy - daemon).max()), other)


def prices(path: FloatArray) -> FloatArray:
    """Return the price at each step, before its normal is drawn."""
    found = np.empty(len(path))
    now = np.array([PRICE])
    for place, normal in enumerate(path):
        found[place] = now[0]
        now = anchor_paths.after(now, np.array([normal]))
    return found


def begun(rule: Rule) -> float:
    """Return the hedge that everybody begins with, coins."""
    return float(rule.policy(anchor_paths.moment(np.array([PRICE]), 0), 0).aim.item())


def followed(rule: Rule, path: FloatArray) -> FloatArray:
    """Return what a rule holds after each step, coins."""
    found, held = np.empty(len(path)), np.array([[begun(rule)]])
    for step, price in enumerate(prices(path)):
        if step:
            known = anchor_paths.moment(np.array([price]), step)
            held = policies.moved(rule.policy(known, step), held)
        found[step] = held.item()
    return found


# --- the daemon ---------------------------------------------------------------


def stepped(
    band: BandParams, path: FloatArray, cost: float, start: float, done: Callable[[], object]
) -> FloatArray:
    """Return what the daemon holds of the perpetual after each step, coins.

    Raises:
        Defect: It orders something else, or is refused.
    """
    params = _params(band, cost)
    state = State(_instruments(), params, START)
    book = ((CALL, Decimal(-1), False), (PUT, Decimal(-1), False))
    first = Decimal(repr(round(start, 9)))
    for name, quantity, hedge in (*book, (PERPETUAL, first, True)):
        report = PositionReport(START, None, VENUE, name, quantity)
        state.adopt(report, Decimal(int(PRICE)), hedge=hedge)
    found = np.empty(len(path))
    for place, price in enumerate(prices(path)):
        now = START + place * STEP
        opening = (AccountRead(now, now, VENUE), Reconciled(now, ()), Tick(now))
        for event in (*_market(now, float(price)), *(() if place else opening)):
            _take(state, params, event, Decimal(repr(float(price))))
        found[place] = float(state.ledger.position(VENUE, PERPETUAL).quantity)
        done()
    return found


def _take(state: State, params: Params, event: Event, price: Decimal) -> None:
    """Let one event happen, and what the orders that it makes lead to."""
    waiting = [event]
    while waiting:
        outcome = hedger.step(state, waiting.pop(0), params)
        for command in outcome.commands:
            if isinstance(command, Submit):
                waiting += _executed(state, command, price)


def _executed(state: State, order: Submit, price: Decimal) -> tuple[Event, ...]:
    if order.instrument != PERPETUAL:
        raise Defect(f"orders must be of {PERPETUAL}, was {order.instrument}")
    now, name, quantity = state.now, order.client_order_id, order.quantity
    trade = Fill(now, now, VENUE, PERPETUAL, f"t{name}", name, quantity, price, Decimal(0), "USDT")
    ended = OrderEnded(now, now, name, Ending.FILLED, quantity)
    return OrderAccepted(now, now, name, name), trade, ended


def _market(now: int, price: float) -> tuple[Event, ...]:
    """Return what markets say at a step, the index first: on it the daemon decides."""
    told, much = Decimal(repr(price)), Decimal(10**6)
    years = (START + 30 * DAY - now) / (365 * DAY)
    return (
        Index(now, now, VENUE, COIN, told),
        *(
            OptionMark(now, now, name, Decimal(repr(float(worth))), VOL, price)
            for name, worth in (
                (CALL, pricing.price(price, STRIKE, years, VOL, +1)),
                (PUT, pricing.price(price, STRIKE, years, VOL, -1)),
            )
        ),
        Mark(now, now, PERPETUAL, told),
        Quote(now, now, PERPETUAL, told, much, told + LOT, much),
    )


def _instruments() -> dict[str, Instrument]:
    tick, strike, end = Decimal("1e-9"), Decimal(int(STRIKE)), START + 30 * DAY
    linear = Instrument(
        PERPETUAL, Kind.PERPETUAL, COIN, "USDT", size=Decimal(1), lot=LOT, minimum=LOT, tick=tick
    )
    options = (
        Instrument(name, Kind.OPTION, COIN, "USDT", tick=tick, expiry=end, strike=strike, sign=sign)
        for name, sign in ((CALL, +1), (PUT, -1))
    )
    return {each.id: each for each in (linear, *options)}


def _params(band: BandParams, cost: float) -> Params:
    own = UnderlyingParams(
        name=COIN,
        numeraire=Numeraire.USD,
        target=0.0,
        coverage=1.0,
        hedge_buy=(PERPETUAL,),
        hedge_sell=(PERPETUAL,),
        band=band,
        limits=UnderlyingLimits(order=MUCH, position=MUCH, net_delta=MUCH),
    )
    return Params(
        book="anchor",
        accounts=(VENUE,),
        epoch=1,
        underlyings={COIN: own},
        staleness=StalenessParams(LONG, LONG, LONG, LONG, positions=LONG),
        collar=CollarParams(width=0.9, index_width=0.9, jump=0.9),
        orders=OrderParams(
            timeout=LONG,
            max_decision_age=LONG,
            absent_after=LONG,
            absent_answers=3,
            unknown_halt=LONG,
        ),
        unhedged_alert=LONG,
        cash_underlying={},
        terms={VENUE: AccountTerms(taker=cost)},
    )
