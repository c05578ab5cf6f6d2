"""Net delta of an underlying, and the greeks beside it, in either numeraire.

Delta follows from value: every holding has a USD value V(S), its delta is
dV/dS under numeraire `usd` and S·d(V/S)/dS = dV/dS - V/S under `coin`. The
decomposition is {cash, N(d1), N/E}: cash without open profit, options by their
plain Black-76 delta because their premium has left (or entered) the cash, and
inverse contracts by the coins that their USD bought. The venue's own
{equity, N(d1) - p, N/S} sums to the same; mixing the two counts twice.

`compile_book` nets the holdings of one underlying into arrays once; after that
a tick costs one vectorised pass, whatever the number of holdings.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
import numpy.typing as npt

from rebalancer.core import pricing
from rebalancer.core.instruments import STABLE, Instrument, Kind
from rebalancer.core.params import Numeraire, UnderlyingParams

Floats = npt.NDArray[np.float64]
YEAR = 365 * 86_400 * 1_000_000_000  # ns
AVERAGING = 30 * 60 * 1_000_000_000  # ns before expiry over which a settlement price is taken


@dataclass(frozen=True, slots=True)
class Holding:
    """One holding as the exposure sees it: floats, because from here on a model guesses."""

    instrument: Instrument
    quantity: float  # contracts, signed; cash and spot: currency or coins
    basis: float  # settle currency, see ledger
    hedge: float  # part of the quantity that hedging put there, contracts


@dataclass(frozen=True, slots=True)
class OptionInput:
    """What the market says of a held option."""

    vol: float  # per year
    carry: float  # forward ÷ index when it was told


@dataclass(frozen=True, slots=True)
class Exposure:
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
class OptionLines:
    """Held options of one underlying, one array a column, shape (n,)."""

    ids: tuple[str, ...]
    coins: Floats  # contracts x size, signed
    strike: Floats  # USD per coin
    expiry: npt.NDArray[np.int64]  # ns
    sign: npt.NDArray[np.int8]  # +1 call, -1 put
    inverse: npt.NDArray[np.bool_]
    vol: Floats
    carry: Floats
    hedge: Floats  # coins that hedging put there, signed


@dataclass(frozen=True, slots=True)
class Size:
    """Delta that positions would have if they were traded now."""

    coins: float = 0.0  # of spot pairs and linear contracts, times mark ÷ index
    face: float = 0.0  # of inverse contracts, USD, times index ÷ mark

    def delta(self, price: float) -> float:
        """Return the delta at an index price, coins."""
        return self.coins + self.face / price


@dataclass(frozen=True, slots=True)
class LinearLines:
    """Everything without curvature: V = slope·S + constant, one line each, shape (m,).

    The dollar delta is the slope; the coin delta V' - V/S is -constant ÷ S.
    """

    ids: tuple[str, ...]
    slope: Floats  # dV/dS, coins
    constant: Floats  # USD
    cash: npt.NDArray[np.bool_]
    hedge: Size  # what hedging put there
    own: Size  # all other positions, signed
    own_gross: Size  # the same, absolute


@dataclass(frozen=True, slots=True)
class Book:
    """The holdings of one underlying, ready for a price."""

    underlying: str
    numeraire: Numeraire
    options: OptionLines
    linear: LinearLines
    missing: tuple[str, ...]  # held instruments whose market inputs nobody told


def in_scope(params: UnderlyingParams, instrument: Instrument) -> bool:
    """Whether a holding counts towards the underlying's delta by its scope patterns."""
    included = any(fnmatchcase(instrument.id, pattern) for pattern in params.include)
    return included and not any(fnmatchcase(instrument.id, pattern) for pattern in params.exclude)


def _line(holding: Holding, carry: float) -> tuple[float, float]:
    """Return (dV/dS, V - S·dV/dS) of a holding without curvature.

    Linear contracts: V = q·size·carry·S - basis. Inverse ones:
    V = S·basis - N/carry, the USD face being worth N/carry coins times S.
    """
    instrument = holding.instrument
    coins = holding.quantity * float(instrument.size)
    match instrument.kind:
        case Kind.CASH if instrument.settle in STABLE:
            return 0.0, holding.quantity
        case Kind.CASH:
            return holding.quantity, 0.0
        case Kind.SPOT:
            return coins, 0.0
        case _ if instrument.inverse:
            return holding.basis, -coins / carry
        case _:
            return coins * carry, -holding.basis


_Straight = tuple[Holding, float, float, float]  # holding, carry, slope, constant


def compile_book(
    params: UnderlyingParams,
    holdings: Iterable[Holding],
    options: Mapping[str, OptionInput],
    carries: Mapping[str, float],
) -> Book:
    """Net the holdings of one underlying into arrays.

    Args:
        params: The underlying's numeraire and scope.
        holdings: What is held, of this underlying only; one line an account.
        options: Vol and carry by option id; an option without is `missing`.
        carries: Mark ÷ index by id of a dated future; a missing one likewise.
    """
    missing: list[str] = []
    curved: list[tuple[Holding, OptionInput]] = []
    straight: list[_Straight] = []
    for holding in holdings:
        instrument = holding.instrument
        if not in_scope(params, instrument):
            continue
        if instrument.kind is Kind.OPTION:
            told = options.get(instrument.id)
            if told is None:
                missing.append(instrument.id)
            else:
                curved.append((holding, told))
            continue
        carry = carries.get(instrument.id) if instrument.kind is Kind.FUTURE else 1.0
        if carry is None:
            missing.append(instrument.id)
        else:
            straight.append((holding, carry, *_line(holding, carry)))
    return Book(
        underlying=params.name,
        numeraire=params.numeraire,
        options=_option_lines(curved),
        linear=_linear_lines(straight, params.numeraire),
        missing=tuple(missing),
    )


def _option_lines(curved: list[tuple[Holding, OptionInput]]) -> OptionLines:
    held = [holding for holding, _ in curved]
    return OptionLines(
        ids=tuple(line.instrument.id for line in held),
        coins=np.array([line.quantity * float(line.instrument.size) for line in held]),
        strike=np.array([float(line.instrument.strike or 0) for line in held]),
        expiry=np.array([line.instrument.expiry or 0 for line in held], dtype=np.int64),
        sign=np.array([line.instrument.sign for line in held], dtype=np.int8),
        inverse=np.array([line.instrument.inverse for line in held], dtype=np.bool_),
        vol=np.array([told.vol for _, told in curved], dtype=np.float64),
        carry=np.array([told.carry for _, told in curved], dtype=np.float64),
        hedge=np.array([line.hedge * float(line.instrument.size) for line in held]),
    )


def _size(instrument: Instrument, contracts: float, carry: float) -> Size:
    coins = contracts * float(instrument.size)
    return Size(face=coins / carry) if instrument.inverse else Size(coins=coins * carry)


def _linear_lines(straight: list[_Straight], numeraire: Numeraire) -> LinearLines:
    hedge = [_size(line.instrument, line.hedge, carry) for line, carry, _, _ in straight]
    own = [
        _size(line.instrument, line.quantity - line.hedge, carry)
        for line, carry, _, _ in straight
        if line.instrument.margined
        or (line.instrument.kind is Kind.SPOT and numeraire is Numeraire.USD)
    ]
    return LinearLines(
        ids=tuple(line.instrument.id for line, *_ in straight),
        slope=np.array([slope for _, _, slope, _ in straight], dtype=np.float64),
        constant=np.array([constant for _, _, _, constant in straight], dtype=np.float64),
        cash=np.array([line.instrument.kind is Kind.CASH for line, *_ in straight], dtype=bool),
        hedge=Size(sum(size.coins for size in hedge), sum(size.face for size in hedge)),
        own=Size(sum(size.coins for size in own), sum(size.face for size in own)),
        own_gross=Size(sum(abs(size.coins) for size in own), sum(abs(size.face) for size in own)),
    )


def _aged(lines: OptionLines, price: float, ts: int) -> tuple[Floats, Floats]:
    """Return (forwards, years left) a line."""
    return lines.carry * price, np.maximum(lines.expiry - ts, 0) / YEAR


def _option_worth(lines: OptionLines, price: float, ts: int) -> Floats:
    """Return the USD value of one coin of each line; after expiry the intrinsic value."""
    forward, years = _aged(lines, price, ts)
    unit = pricing.price(forward, lines.strike, years, lines.vol, lines.sign)
    return np.asarray(np.where(lines.inverse, unit / lines.carry, unit))


def _unsettled(lines: OptionLines, ts: int) -> Floats:
    """Return the share of each line's settlement average that is still open, 1 before it began."""
    return np.clip((lines.expiry - ts) / AVERAGING, 0.0, 1.0)


def _option_slope(lines: OptionLines, price: float, ts: int) -> Floats:
    """Return the dollar delta of one coin of each line.

    While the settlement price is being averaged the forward is fixed in part:
    only the open share u of it still moves. A linear line's delta shrinks with
    u to nothing; an inverse one's towards the coins that it will pay, p. After
    expiry, until delivery, that is all that is left.

    Source:
        Deribit settles on the mean index of the last 30 minutes; so do the
        options of Binance, Bybit and OKX.
    """
    if not lines.ids:
        return lines.coins
    forward, years = _aged(lines, price, ts)
    delta = pricing.delta(forward, lines.strike, years, lines.vol, lines.sign)
    share = _unsettled(lines, ts)
    if share.min() < 1:
        unit = pricing.price(forward, lines.strike, years, lines.vol, lines.sign)
        coins = np.where(lines.inverse, unit / forward, 0.0)
        delta = coins + share * (delta - coins)
    return np.asarray(np.where(lines.inverse, delta, delta * lines.carry))


def _deltas(book: Book, price: float, ts: int) -> tuple[Floats, Floats]:
    """Return (delta of one coin of each option, delta of each linear line).

    Both in the book's numeraire.
    """
    curved = _option_slope(book.options, price, ts)
    if book.numeraire is Numeraire.COIN:
        worth = _option_worth(book.options, price, ts)
        return curved - worth / price, -book.linear.constant / price
    return curved, book.linear.slope


def measure(book: Book, price: float, ts: int) -> Exposure:
    """Return the deltas of a book at an index price.

    Args:
        book: Compiled holdings.
        price: Index, USD per coin, > 0; forwards move in proportion to it.
        ts: ns; options age to it.
    """
    unit, straight = _deltas(book, price, ts)
    options, linear = book.options, book.linear
    flat, put_there = float(straight.sum()), linear.hedge.delta(price)
    collateral = flat - put_there - linear.own.delta(price)
    own_options = unit * (options.coins - options.hedge)
    return Exposure(
        net=float((unit * options.coins).sum()) + flat,
        hedge=float((unit * options.hedge).sum()) + put_there,
        gross=float(np.abs(own_options).sum()) + linear.own_gross.delta(price) + abs(collateral),
        price=price,
    )


def value(book: Book, price: float, ts: int) -> float:
    """Return the USD value of the holdings in scope, open profit included."""
    straight = book.linear.slope * price + book.linear.constant
    curved = book.options.coins * _option_worth(book.options, price, ts)
    return float(curved.sum() + straight.sum())


def greeks(book: Book, price: float, ts: int) -> Greeks:
    """Return what stands beside the delta.

    Gamma is dD/dS of the dollar delta. An inverse option's USD value is its
    coin price times S, so its forward greeks carry one factor F/S less.
    """
    lines = book.options
    forward, years = _aged(lines, price, ts)
    unit = pricing.greeks(forward, lines.strike, years, lines.vol, lines.sign)
    scale = np.where(lines.inverse, lines.carry, lines.carry**2) * _unsettled(lines, ts) ** 2
    share = np.where(lines.inverse, 1 / lines.carry, 1.0)
    _, straight = _deltas(book, price, ts)
    return Greeks(
        gamma=float((lines.coins * unit.gamma * scale).sum()),
        vega=float((lines.coins * unit.vega * share).sum()),
        theta=float((lines.coins * unit.theta * share).sum()),
        collateral=float(straight[book.linear.cash].sum()),
        value=value(book, price, ts),
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


def delta_per_contract(instrument: Instrument, price: float, index: float) -> float:
    """Return the delta that one contract adds when it trades at `price`, coins.

    At the moment of a trade there is no open profit, so both numeraires agree:
    size ÷ price for an inverse contract, size x price ÷ index for a linear
    perpetual, future or spot pair.
    """
    size = float(instrument.size)
    if instrument.inverse:
        return size / price
    return size * (price / index if instrument.kind is Kind.FUTURE else 1.0)
