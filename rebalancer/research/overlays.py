"""Overlays: which listed options bring gamma and vega inside their limits, and whether it pays.

The cheapest trades are `core.overlay`'s, at half the spread that a recording
shows and the fee, as often as that is due while the overlay is wanted. What
delta they bring is handed to the perpetual. Besides, an overlay costs what its
theta loses beyond what its gamma earns at the vol that the price really has,
both as they are now. It saves hedging: a book with less gamma trades less.
Nothing here is ever traded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil, pi, sqrt
from typing import Any

from rebalancer.core import pricing
from rebalancer.core.overlay import Greeks, Offer, Proposal, cheapest
from rebalancer.errors import DataError
from rebalancer.recordings.listed_quotes import Listed, ListedQuote
from rebalancer.research.outcomes import DAYS
from rebalancer.research.sizing import Costs, fee
from rebalancer.research.sizing_listed import DAY

SHORT_DATED = 30.0  # days: what ends sooner gains little, whatever it costs


@dataclass(frozen=True, slots=True)
class Held:
    """What is known of a book's options."""

    gamma: float = 0.0  # coins per 1 % of price
    vega: float = 0.0  # USD per vol point
    delta: float = 0.0  # coins, of the options alone


@dataclass(frozen=True, slots=True)
class Plan:
    """How long the overlay is wanted, and how the book is hedged meanwhile."""

    days: float  # > 0
    least_days: float  # to the expiry of what is proposed, > 0
    hedged_every: float  # days between hedges, > 0
    real_vol: float  # of the price, per year


@dataclass(frozen=True, slots=True)
class Traded:
    """One option of an overlay."""

    name: str
    contracts: float  # + is bought
    days: float  # to its expiry
    delta: float  # coins, of all its contracts; so are the next four
    gamma: float  # coins per 1 % of price
    vega: float  # USD per vol point
    theta: float  # USD per day; − is lost
    cost: float  # of trading it once, USD
    rounds: int  # times that it is traded within the plan


@dataclass(frozen=True, slots=True)
class Overlay:
    """What to trade, what the book is then, and whether that pays."""

    legs: tuple[Traded, ...]
    perpetual: float  # coins to trade, so that delta stays where it is
    before: Held
    after: Held
    trading: float  # USD over the plan: half spreads and fees, each time it is traded
    carry: float  # USD over the plan: theta less what gamma earns at the real vol; − earns
    saved: float  # USD over the plan: perpetual fees that less gamma saves

    @property
    def worth_it(self) -> bool:
        """Whether what it saves in hedging is as much as it costs."""
        return self.saved >= self.trading + self.carry

    @property
    def short_dated(self) -> bool:
        """Whether all of it ends within a month."""
        return all(leg.days < SHORT_DATED for leg in self.legs)


def propose(listed: Listed, held: Held, limits: Greeks, plan: Plan, costs: Costs) -> Overlay | None:
    """Return the cheapest overlay; None where no two listed options do it.

    Args:
        listed: Options with their quotes; one without a bid or an ask is left out.
        held: The book before.
        limits: Of gamma and vega.
        plan: How long, and how it is hedged.
        costs: Fees.
    """
    able = {each.instrument.name: each for each in listed.quotes if _able(each, listed, plan)}
    offers = [_offer(each, listed, plan, costs) for each in able.values()]
    found = cheapest(held.gamma, held.vega, limits, offers)
    if found is None:
        return None
    return _overlay(listed, able, held, found, plan, costs)


def _days(quote: ListedQuote, listed: Listed) -> float:
    return ((quote.instrument.expiry or 0) - listed.ts) / DAY


def _able(quote: ListedQuote, listed: Listed, plan: Plan) -> bool:
    quoted = quote.bid is not None and quote.ask is not None
    return quoted and _days(quote, listed) >= plan.least_days


def _greeks(quote: ListedQuote, listed: Listed) -> pricing.InverseGreeks:
    years = _days(quote, listed) / DAYS
    strike = float(quote.instrument.strike or 0)
    return pricing.inverse_greeks(quote.forward, strike, years, quote.vol, quote.instrument.sign)


def _offer(quote: ListedQuote, listed: Listed, plan: Plan, costs: Costs) -> Offer:
    """Return what one contract does, and its cost over the plan; greeks in coin at the index."""
    unit, option, index = _greeks(quote, listed), quote.instrument, listed.index
    size, bid, ask = float(option.size), quote.bid or 0.0, quote.ask or 0.0
    half = (ask - bid) / 2 * index + fee(index, ask * index, costs)
    return Offer(
        option.name,
        float(unit.gamma) * quote.forward / 100 * size,
        float(unit.vega) * index / 100 * size,
        half * size * rounds(_days(quote, listed), plan.days),
        float(option.lot),
        float(option.minimum),
    )


def _overlay(
    listed: Listed,
    able: Mapping[str, ListedQuote],
    held: Held,
    found: Proposal,
    plan: Plan,
    costs: Costs,
) -> Overlay:
    legs = tuple(_traded(able[offer.name], n, offer, listed, plan) for n, offer in found.legs)
    delta = sum(leg.delta for leg in legs)
    gamma = held.gamma + sum(leg.gamma for leg in legs)
    after = replace(held, gamma=gamma, vega=held.vega + sum(leg.vega for leg in legs))
    less = abs(held.gamma) - abs(gamma)
    return Overlay(
        legs,
        0.0 - delta,
        held,
        after,
        trading=sum(leg.cost * leg.rounds for leg in legs),
        carry=sum(carried(leg.theta, leg.gamma, listed.index, plan) for leg in legs),
        saved=hedging(less, listed.index, plan, costs.fee),
    )


def _traded(
    quote: ListedQuote, contracts: float, offer: Offer, listed: Listed, plan: Plan
) -> Traded:
    unit, days = _greeks(quote, listed), _days(quote, listed)
    size, times = contracts * float(quote.instrument.size), rounds(days, plan.days)
    return Traded(
        offer.name,
        contracts,
        days,
        size * float(unit.delta),
        contracts * offer.gamma,
        contracts * offer.vega,
        size * float(unit.theta) * listed.index / DAYS,
        abs(contracts) * offer.cost / times,
        times,
    )


def rounds(days: float, wanted: float) -> int:
    """Return how often an option is traded: in and out, or anew each time that it has ended.

    >>> rounds(60, 30), rounds(30, 30), rounds(7, 30)
    (2, 1, 5)
    """
    return 2 if days > wanted else ceil(wanted / days)


def carried(theta: float, gamma: float, price: float, plan: Plan) -> float:
    """Return what options lose over a plan: theta less what gamma earns, USD; − is a gain.

    Args:
        theta: USD per day, − for bought ones.
        gamma: Coins per 1 % of price.
        price: USD per coin.
        plan: Its days, and the vol that the price really has.
    """
    earned = 100 * gamma * price * plan.real_vol**2 / 2 / DAYS  # ½·Γ·S²·σ² a day
    return -(theta + earned) * plan.days


def hedging(gamma: float, price: float, plan: Plan, cost: float) -> float:
    """Return the fees of hedging a gamma with the perpetual over a plan, USD.

    Args:
        gamma: Coins per 1 % of price; − gives what less of it saves, with its sign.
        price: USD per coin.
        plan: Its days, the time between hedges, and the vol of the price.
        cost: One-way fraction of notional.

    Source:
        Leland, "Option pricing and replication with transactions costs", J. Finance 40 (1985): the
        mean move between two hedges is √(2/π)·σ·√Δt of the price.

    >>> plan = Plan(days=30, least_days=1, hedged_every=1 / 24, real_vol=0.6)
    >>> gamma = 2 * 2.3106721272388524e-05 * 1e5 / 100  # of a straddle of 30 days, S = 100,000
    >>> round(hedging(gamma, 1e5, plan, 1.0) / 1e5, 2)  # turnover in coins
    17.02
    """
    step = plan.hedged_every / DAYS
    moves = sqrt(2 / pi) * plan.real_vol * sqrt(step) * plan.days / plan.hedged_every
    return cost * 100 * gamma * price * moves


def held_of(listed: Listed, contracts: Sequence[tuple[str, float]]) -> Held:
    """Return the greeks of options that a book holds, at their marks.

    Args:
        listed: Where they are quoted.
        contracts: (instrument id of an option, contracts, + long).

    Raises:
        DataError: One of them is not listed.
    """
    quotes = {each.instrument.id: each for each in listed.quotes}
    found = Held()
    for name, quantity in contracts:
        quote = quotes.get(name)
        if quote is None:
            raise DataError(f"{name}: must be quoted at {listed.ts} ns, was not")
        unit = _greeks(quote, listed)
        size = quantity * float(quote.instrument.size)
        found = Held(
            found.gamma + size * float(unit.gamma) * quote.forward / 100,
            found.vega + size * float(unit.vega) * listed.index / 100,
            found.delta + size * float(unit.delta),
        )
    return found


def told(found: Overlay) -> dict[str, Any]:
    """Return an overlay as plain values."""
    return {
        "legs": [asdict(leg) for leg in found.legs],
        "perpetual": found.perpetual,
        "before": asdict(found.before),
        "after": asdict(found.after),
        "trading": found.trading,
        "carry": found.carry,
        "saved": found.saved,
        "worth_it": found.worth_it,
        "short_dated": found.short_dated,
    }
