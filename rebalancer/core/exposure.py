"""Net delta of an underlying, and the greeks beside it, in either numeraire.

Delta follows from value: every holding has a USD value V(S), its delta is
dV/dS under numeraire `usd` and S·d(V/S)/dS = dV/dS - V/S under `coin`. The
decomposition is {cash, N(d1), N/E}: cash without open profit, options by their
plain Black-76 delta because their premium has left (or entered) the cash, and
inverse contracts by the coins that their USD bought. The venue's own
{equity, N(d1) - p, N/S} sums to the same; mixing the two counts twice.

`lines` nets the holdings of one underlying into arrays; here a price is put to
them.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rebalancer.core import pricing, smile
from rebalancer.core.aging import Aged, Floats, aged
from rebalancer.core.bends import bends
from rebalancer.core.fixings import AVERAGING
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.lines import (
    Book,
    Holding,
    LinearLines,
    OptionInput,
    OptionLines,
    Size,
    compile_book,
    hedges,
    in_scope,
)
from rebalancer.core.params import Numeraire, UnderlyingParams
from rebalancer.core.volatility import YEAR

__all__ = [
    "YEAR",
    "Book",
    "Curvature",
    "Exposure",
    "Greeks",
    "Holding",
    "LinearLines",
    "OptionInput",
    "OptionLines",
    "Size",
    "by_holding",
    "compile_book",
    "curvature",
    "delta_per_contract",
    "greeks",
    "greeks_by_holding",
    "in_scope",
    "measure",
    "straight",
    "value",
]


_End = tuple[int, float, Size, Size]  # line, share that is fixed, all of it, hedge of it


class Exposure(NamedTuple):
    """Deltas of the holdings in scope of one underlying, coins.

    What hedging put there counts as if it were traded now, so that its profit
    is the book's own before a settlement as it is after. For the same reason
    cash and open profit are one holding of `gross`.
    """

    net: float  # all roles
    hedge: float  # part of it that hedging put there
    gross: float  # sum of |delta| of what hedging did not put there
    price: float  # index that it was worked out at, USD per coin

    @property
    def unhedged(self) -> float:
        """Delta of everything that hedging did not put there: U of the aim, coins."""
        return self.net - self.hedge


@dataclass(frozen=True, slots=True)
class Greeks:
    """What stands beside the delta: sums over the holdings in scope."""

    gamma: float  # coins per USD
    vega: float  # USD per 1.00 of vol
    theta: float  # USD per year
    collateral: float  # delta that comes from cash balances, coins
    value: float  # USD, open profit included


@dataclass(frozen=True, slots=True)
class Curvature:
    """How net delta turns, in the book's numeraire, and how long it does."""

    gamma: float  # dD/dS, coins per USD
    vanna: float  # dD/dvol, coins per 1.00 of vol
    years: float  # to expiry, options weighted by |gamma|; 0: there is none
    vol: float  # per year, likewise


def _option_worth(lines: OptionLines, price: float, ts: int) -> Floats:
    """Return the USD value of one coin of each line; after expiry the intrinsic value."""
    now = aged(lines, price, ts)
    unit = pricing.price(now.carry * price, lines.strike, now.years, now.vol, lines.sign)
    return np.asarray(np.where(lines.inverse, unit / now.carry, unit))


def _option_slope(lines: OptionLines, price: float, ts: int) -> Floats:
    """Return the dollar delta of one coin of each line.

    While the settlement price A is being averaged only the open share u of it
    still moves with the index S. A linear line's delta shrinks with u to nothing;
    an inverse one's towards the coins that it will pay, p: p + u·S/A·(N(d1) - p).
    After expiry, until delivery, that is all that is left. What the smile adds fades
    before an average begins: see `smile`.
    """
    if not lines.ids:
        return lines.coins
    now = aged(lines, price, ts)
    forward = now.carry * price
    delta = pricing.delta(forward, lines.strike, now.years, now.vol, lines.sign)
    if lines.terms is not None:
        gained = smile.gain(forward, lines.strike, now.years, now.vol, lines.terms)
        delta = delta + gained * smile.left(lines.expiry, ts)
    if now.share is None:
        return np.asarray(np.where(lines.inverse, delta, delta * now.carry))
    unit = pricing.price(forward, lines.strike, now.years, now.vol, lines.sign)
    coins = np.where(lines.inverse, unit / forward, 0.0)
    moves = np.where(lines.inverse, now.moves / now.carry, now.moves)
    return np.asarray(coins + moves * (delta - coins))


def _deltas(book: Book, price: float, ts: int) -> tuple[Floats, Floats]:
    """Return (delta of one coin of each option, delta of each linear line).

    Both in the book's numeraire.
    """
    curved, straight = _option_slope(book.options, price, ts), book.linear.slope
    if book.numeraire is Numeraire.COIN:
        curved = curved - _option_worth(book.options, price, ts) / price
        straight = -book.linear.constant / price
    if book.linear.more:
        straight = straight + _more(book.linear, price)
    ends = _ending(book.linear, ts)
    return curved, straight - _settled(book.linear, price, ends) if ends else straight


def _more(lines: LinearLines, price: float) -> Floats:
    """Return what a hedge ratio adds to each line's delta, coins.

    A position whose price moves 1 ÷ ratio times as far as the index has that much
    more of the delta that it would have if it were traded now; its worth has not.
    """
    found = np.zeros(len(lines.ids))
    for row, size in lines.more:
        found[row] = size.delta(price)
    return found


def _settled(lines: LinearLines, price: float, ends: list[_End]) -> Floats:
    """Return the part of each line's delta that its settlement average has fixed, coins.

    A dated future ends on the same mean as an option: in its last half hour
    only the open share of its forward moves.
    """
    fixed = np.zeros(len(lines.ids))
    for row, gone, size, _ in ends:
        fixed[row] = gone * size.delta(price)
    return fixed


def _ending(lines: LinearLines, ts: int) -> list[_End]:
    """Return what is being averaged."""
    return [
        (row, 1.0 - max((expiry - ts) / AVERAGING, 0.0), size, hedge)
        for row, expiry, size, hedge in lines.ends
        if expiry - ts < AVERAGING
    ]


def _positions(lines: LinearLines, price: float, ts: int) -> tuple[float, float, float]:
    """Return the deltas of positions: what hedging put there, all others, the same absolute."""
    hedge, own = lines.hedge.delta(price), lines.own.delta(price)
    gross = lines.own_gross.delta(price)
    for _, gone, size, put_there in _ending(lines, ts):
        other = size.delta(price) - put_there.delta(price)
        hedge, own = hedge - gone * put_there.delta(price), own - gone * other
        gross -= gone * abs(other)
    return hedge, own, gross


def measure(book: Book, price: float, ts: int) -> Exposure:
    """Return the deltas of a book at an index price.

    Args:
        book: Compiled holdings.
        price: Index, USD per coin, > 0; forwards move in proportion to it.
        ts: ns; options age to it.
    """
    unit, straight = _deltas(book, price, ts)
    options, linear = book.options, book.linear
    flat = float(np.add.reduce(straight))
    put_there, own, own_gross = _positions(linear, price, ts)
    collateral = flat - put_there - own
    own_options = unit * (options.coins - options.hedge)
    return Exposure(
        net=float(np.add.reduce(unit * options.coins)) + flat,
        hedge=float(np.add.reduce(unit * options.hedge)) + put_there,
        gross=float(np.add.reduce(np.abs(own_options))) + own_gross + abs(collateral),
        price=price,
    )


def straight(book: Book, price: float) -> float:
    """Return the delta of everything but options, coins: no vol has a part in it."""
    lines = book.linear
    more = sum(size.delta(price) for _, size in lines.more)
    if book.numeraire is Numeraire.COIN:
        return float(-lines.constant.sum() / price) + more
    return float(lines.slope.sum()) + more


def value(book: Book, price: float, ts: int) -> float:
    """Return the USD value of the holdings in scope, open profit included."""
    straight = book.linear.slope * price + book.linear.constant
    curved = book.options.coins * _option_worth(book.options, price, ts)
    return float(curved.sum() + straight.sum())


def greeks(book: Book, price: float, ts: int) -> Greeks:
    """Return what stands beside the delta.

    Gamma is dD/dS of the dollar delta. While an average is taken, the variance of the
    settlement falls with the cube of the time: three times as fast as Black's.
    """
    gamma, vega, theta = _bent(book.options, price, ts)
    coins = book.options.coins
    _, straight = _deltas(book, price, ts)
    return Greeks(
        gamma=float((coins * gamma).sum()),
        vega=float((coins * vega).sum()),
        theta=float((coins * theta).sum()),
        collateral=float(straight[book.linear.cash].sum()),
        value=value(book, price, ts),
    )


def greeks_by_holding(book: Book, price: float, ts: int) -> dict[str, Greeks]:
    """Return what stands beside the delta of each option by its id; accounts are summed."""
    lines = book.options
    columns = (*_bent(lines, price, ts), _option_worth(lines, price, ts))
    told: dict[str, Greeks] = {}
    rows = zip(*(lines.coins * each for each in columns), strict=True)
    for name, (gamma, vega, theta, worth) in zip(lines.ids, rows, strict=True):
        one = told.get(name, Greeks(0.0, 0.0, 0.0, 0.0, 0.0))
        told[name] = Greeks(
            gamma=one.gamma + float(gamma),
            vega=one.vega + float(vega),
            theta=one.theta + float(theta),
            collateral=0.0,
            value=one.value + float(worth),
        )
    return told


def _bent(lines: OptionLines, price: float, ts: int) -> tuple[Floats, Floats, Floats]:
    """Return (gamma, vega, theta) of one coin of each line, units as in `Greeks`."""
    now = aged(lines, price, ts)
    unit = pricing.greeks(now.carry * price, lines.strike, now.years, now.vol, lines.sign)
    share = np.where(lines.inverse, 1 / now.carry, 1.0)
    left = 1.0 if now.share is None else now.share
    decays = 1.0 if now.share is None else np.where(now.share < 1, 3.0, 1.0)
    vega, theta = unit.vega * share * left, unit.theta * share * decays
    return _gammas(lines, now, unit, price), np.asarray(vega), np.asarray(theta)


def _gammas(lines: OptionLines, now: Aged, unit: pricing.Greeks, price: float) -> Floats:
    """Return dD/dS of the dollar delta of one coin of each line, coins per USD.

    An inverse option's USD value is S times its coin price c at the settlement A that
    is expected, and A moves by `moves` with S: its gamma is 2·moves·c' + S·moves²·c''.
    """
    forward = now.carry * price
    turns = (unit.delta - unit.price / forward) / forward  # c'
    bends = (unit.gamma - 2 * turns) / forward  # c''
    curved = now.moves * (2 * turns + price * now.moves * bends)
    return np.asarray(np.where(lines.inverse, curved, now.moves**2 * unit.gamma))


def curvature(book: Book, price: float, ts: int) -> Curvature:
    """Return how net delta turns with price and vol.

    The coin delta D - V/S turns by gamma - (D - V/S)/S.

    Args:
        book: Compiled holdings.
        price: Index, USD per coin, > 0.
        ts: ns.
    """
    lines, tilt = book.options, 0.0
    turned = -sum(size.face for _, size in book.linear.more) / price**2
    if book.numeraire is Numeraire.COIN:
        plain = measure(book, price, ts).net - float(_more(book.linear, price).sum())
        turned -= plain / price
    if not lines.ids:
        return Curvature(turned, 0.0, 0.0, 0.0)
    now, coins = aged(lines, price, ts), lines.coins
    terms = (now.carry * price, lines.strike, now.years, now.vol)
    gamma, vega, vanna = bends(*terms)
    if now.share is None:  # then price x moves is the forward, and c' takes c' away
        gammas = coins * np.where(lines.inverse, now.carry, now.carry**2) * gamma
    else:
        gammas = coins * _gammas(lines, now, pricing.greeks(*terms, lines.sign), price)
    moves = np.where(lines.inverse, now.moves / now.carry, now.moves)
    if book.numeraire is Numeraire.COIN:  # vega ÷ S goes with V ÷ S
        tilt = float((coins * vega * np.where(lines.inverse, 1 / now.carry, 1.0)).sum())
    weights = np.abs(gammas)
    total = float(weights.sum())
    return Curvature(
        gamma=float(gammas.sum()) + turned,
        vanna=float((coins * vanna * moves).sum()) - tilt / price,
        years=float((weights * now.years).sum()) / total if total else 0.0,
        vol=float((weights * lines.vol).sum()) / total if total else 0.0,
    )


def by_holding(book: Book, price: float, ts: int) -> dict[str, float]:
    """Return delta by instrument id, coins, in the book's numeraire; accounts are summed."""
    unit, straight = _deltas(book, price, ts)
    deltas: dict[str, float] = {}
    pairs = [*zip(book.options.ids, unit * book.options.coins, strict=True)]
    pairs += [*zip(book.linear.ids, straight, strict=True)]
    for name, delta in pairs:
        deltas[name] = deltas.get(name, 0.0) + float(delta)
    return deltas


def delta_per_contract(
    instrument: Instrument, price: float, index: float, own: UnderlyingParams | None = None
) -> float:
    """Return the delta that one contract adds when it trades at `price`, coins.

    At the moment of a trade there is no open profit, so both numeraires agree:
    size ÷ price for an inverse contract, size x price ÷ index for a linear
    perpetual, future or spot pair; less where the settings of the underlying (`own`)
    have a hedge ratio above 1 for it.
    """
    size = float(instrument.size) * hedges(own, instrument.id)
    if instrument.inverse:
        return size / price
    return size * (price / index if instrument.kind is Kind.FUTURE else 1.0)
