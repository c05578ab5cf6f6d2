"""Lines: the holdings of one underlying, netted into arrays that a price can be put to.

`compile_book` does it once for each booking; after that a tick costs one
vectorised pass, whatever the number of holdings.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from types import MappingProxyType
from typing import Protocol

import numpy as np
import numpy.typing as npt

from rebalancer.core.aging import Floats
from rebalancer.core.fixings import Fixing
from rebalancer.core.instruments import STABLE, Instrument, Kind
from rebalancer.core.params import Numeraire, SmileParams, UnderlyingParams
from rebalancer.core.smile import Terms


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
    turn: float = 0.0  # dvol/d ln F at its strike, by the last fit of its smile; 0: none


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
    fixed: Floats  # mean index of the settlement so far, USD per coin; 0: it has not begun
    turn: Floats  # dvol/d ln F by the last fits
    terms: Terms | None  # how vols move with the price, over `turn`; None: not at all


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
    ends: tuple[tuple[int, int, Size, Size], ...]  # line, expiry in ns, all of it, hedge of it
    more: tuple[tuple[int, Size], ...]  # line, delta beyond the slope's: its hedge ratio is not 1
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


class Scope(Protocol):
    """Patterns of instrument ids: what is included, less what is excluded."""

    @property
    def include(self) -> tuple[str, ...]:
        """Patterns, at least one of which has to fit."""

    @property
    def exclude(self) -> tuple[str, ...]:
        """Patterns, none of which may fit."""


def in_scope(scope: Scope, instrument: Instrument) -> bool:
    """Whether a holding counts towards its underlying's delta."""
    return _fits(instrument.id, scope.include, scope.exclude)


@lru_cache(maxsize=4096)
def _fits(name: str, include: tuple[str, ...], exclude: tuple[str, ...]) -> bool:
    included = any(fnmatchcase(name, pattern) for pattern in include)
    return included and not any(fnmatchcase(name, pattern) for pattern in exclude)


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
    fixings: Mapping[int, Fixing] = MappingProxyType({}),
) -> Book:
    """Net the holdings of one underlying into arrays.

    Args:
        params: The underlying's numeraire and scope.
        holdings: What is held, of this underlying only; one line an account.
        options: Vol and carry by option id; an option without is `missing`.
        carries: Mark ÷ index by id of a dated future; a missing one likewise.
        fixings: Settlements that are being averaged, by expiry, ns.
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
        options=_option_lines(curved, fixings, params.smile),
        linear=_linear_lines(straight, params),
        missing=tuple(missing),
    )


def _option_lines(
    curved: list[tuple[Holding, OptionInput]],
    fixings: Mapping[int, Fixing],
    smile: SmileParams | None,
) -> OptionLines:
    held = [holding for holding, _ in curved]
    begun = [fixings.get(line.instrument.expiry or 0) for line in held]
    turn = np.array([told.turn for _, told in curved], dtype=np.float64)
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
        fixed=np.array([0.0 if each is None else each.mean() for each in begun]),
        turn=turn,
        terms=_terms(smile, turn),
    )


def hedges(params: UnderlyingParams | None, name: str) -> float:
    """Return how many coins one coin of an instrument hedges: 1 ÷ its ratio."""
    return 1.0 if params is None or not params.ratios else 1.0 / params.ratios.get(name, 1.0)


def _terms(smile: SmileParams | None, turn: Floats) -> Terms | None:
    """Return how vols move with the price; `turn` is read at each use, not now."""
    if smile is None or not (smile.coefficients or smile.curved):
        return None
    return Terms(smile.cap, turn, smile.coefficients)


def _size(instrument: Instrument, contracts: float, carry: float) -> Size:
    coins = contracts * float(instrument.size)
    return Size(face=coins / carry) if instrument.inverse else Size(coins=coins * carry)


def _linear_lines(straight: list[_Straight], params: UnderlyingParams) -> LinearLines:
    """Return the lines without curvature.

    Their value is what it is; only how far it moves with the index follows the
    hedge ratio, by what the position would be if it were traded now.
    """
    rows = [(line, carry, hedges(params, line.instrument.id)) for line, carry, _, _ in straight]
    whole = [_size(line.instrument, line.quantity * each, carry) for line, carry, each in rows]
    hedge = [_size(line.instrument, line.hedge * each, carry) for line, carry, each in rows]
    own = [
        _size(line.instrument, (line.quantity - line.hedge) * each, carry)
        for line, carry, each in rows
        if line.instrument.margined
        or (line.instrument.kind is Kind.SPOT and params.numeraire is Numeraire.USD)
    ]
    more = [
        (place, _size(line.instrument, line.quantity * (each - 1.0), carry))
        for place, (line, carry, each) in enumerate(rows)
        if each != 1.0
    ]
    return LinearLines(
        ids=tuple(line.instrument.id for line, *_ in straight),
        slope=np.array([slope for _, _, slope, _ in straight], dtype=np.float64),
        constant=np.array([constant for _, _, _, constant in straight], dtype=np.float64),
        cash=np.array([line.instrument.kind is Kind.CASH for line, *_ in straight], dtype=bool),
        ends=tuple(
            (row, line.instrument.expiry, whole[row], hedge[row])
            for row, (line, *_) in enumerate(straight)
            if line.instrument.expiry is not None
        ),
        more=tuple(more),
        hedge=Size(sum(size.coins for size in hedge), sum(size.face for size in hedge)),
        own=Size(sum(size.coins for size in own), sum(size.face for size in own)),
        own_gross=Size(sum(abs(size.coins) for size in own), sum(abs(size.face) for size in own)),
    )
