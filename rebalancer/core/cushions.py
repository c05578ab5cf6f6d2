"""Cushions: what each account has left above its maintenance margin, at the prices of now.

A venue's own figures are the anchor. What was booked and how prices moved since
they were told is added by our own sums, so that a reading is never older than
the last mark, and an order can be judged before it leaves.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from rebalancer.core import curves
from rebalancer.core.anchors import Anchor, Cushions, Key, Members, Options
from rebalancer.core.figures import PoolFigures
from rebalancer.core.fixings import NEVER
from rebalancer.core.instruments import STABLE, Instrument, Kind
from rebalancer.core.ledger import Ledger
from rebalancer.core.margin.pool import Coins, Curve, Leg, Pool, maintenance
from rebalancer.core.margin.schedule import Schedule, flat
from rebalancer.core.params import NO_TERMS, Params
from rebalancer.core.positions import open_profit

_Curves = tuple[tuple[str, float, Curve], ...]  # underlying, its price, its options


@dataclass(frozen=True, slots=True)
class Prices:
    """Where prices and option inputs are asked for; None: nobody told one young enough."""

    mark: Callable[[str], float | None]  # by instrument, USD per coin
    index: Callable[[str], float | None]  # by coin, USD per coin
    option: Callable[[str], curves.Told | None]  # by instrument


class Around(NamedTuple):
    """What a pool is worked out from."""

    ledger: Ledger
    instruments: Mapping[str, Instrument]
    params: Params
    prices: Prices
    now: int  # ns


def pools(cushions: Cushions, account: str, around: Around) -> tuple[Pool, ...] | None:
    """Return the pools of an account at the prices of now.

    Returns:
        None where the venue told no figures that count, or a price of something
        held is missing: then nobody knows, and what needs to know must hold.
    """
    told = cushions.told.get(account)
    if told is None:
        return None
    found = []
    for each in told.pools:
        pool = _pool(cushions, account, each, around)
        if pool is None:
            return None
        found.append(pool)
    return tuple(found)


def stands(
    cushions: Cushions, account: str, prices: Callable[[Sequence[str], int], int], now: int
) -> int:
    """Return until when (ns) the pools of an account stand as they do, if nothing is told.

    Args:
        cushions: The figures, when its pools have been worked out.
        account: Whose.
        prices: Tells until when the marks of instruments and the indexes stay as young.
        now: ns.
    """
    told, ends = cushions.told.get(account), []
    for pool in () if told is None else told.pools:
        key = (account, pool.currency, pool.instrument)
        known, curved = cushions.members.get(key), cushions.options.get(key)
        if known is not None:
            ends.append(prices([each.id for each in known.margined], now))
            if known.options and curved is not None:
                ends.append(curved.until)
    return min(ends, default=NEVER)


def _pool(cushions: Cushions, account: str, told: PoolFigures, around: Around) -> Pool | None:
    """Return one pool at the prices of now; None while a price is missing."""
    key = (account, told.currency, told.instrument)
    held = _members(cushions, key, told, around)
    marks = [around.prices.mark(each.id) for each in held.margined]
    optional = _curves(cushions, key, told, held.options, around)
    before = cushions.worked.get(key)
    if before is not None and before[0] is held and _stands(before[1], told, marks, optional):
        return before[1]
    rows = zip(held.margined, held.sizes, marks, strict=True)
    legs = [_leg(cushions, account, *row, around) for row in rows]
    own = _balance(account, told, held, marks, around)
    if None in legs or optional is None or own is None:
        return None
    known = tuple(leg for leg in legs if leg is not None)
    balance, coins = own
    asked = sum(maintenance(leg, in_usd=told.together) for leg in known)
    for _, price, curve in optional:
        balance += float(np.interp(price, curve.prices, curve.value))
        asked += float(np.interp(price, curve.prices, curve.maintenance))
    anchor = cushions.anchors.get(key)
    if anchor is None:
        apart = float(told.balance) - balance, float(told.maintenance) - asked
        anchor = cushions.anchors[key] = Anchor(*apart)
    pool = Pool(
        account=account,
        currency=told.currency,
        instrument=told.instrument,
        balance=balance + anchor.balance,
        maintenance=max(asked + anchor.maintenance, 0.0),
        legs=known,
        coins=coins,
        curves=optional,
    )
    cushions.worked[key] = held, pool
    return pool


def _stands(
    pool: Pool, told: PoolFigures, marks: list[float | None], optional: _Curves | None
) -> bool:
    """Whether a pool of the same members stands as it did: no price that it rests on moved.

    The same members are of the same ledger and the same figures. Where collateral
    counts together the pool rests on more indexes than these: it is worked out anew.
    """
    moved = told.together or pool.curves != optional
    return not moved and marks == [leg.mark for leg in pool.legs]


def _members(cushions: Cushions, key: Key, told: PoolFigures, around: Around) -> Members:
    """Return what is held in a pool; looked for anew after a booking or other figures only."""
    account, whole = key[0], cushions.told[key[0]]
    known = cushions.members.get(key)
    if known is None or known.version != around.ledger.version or known.told is not whole:
        held = list(_held(cushions, account, told, around))
        margined = tuple(each for each in held if each.margined)
        known = cushions.members[key] = Members(
            version=around.ledger.version,
            told=whole,
            margined=margined,
            sizes=tuple(_size(account, each, around) for each in margined),
            options=tuple(each for each in held if each.kind is Kind.OPTION),
            cash=_cash(account, told, around),
        )
    return known


def _held(
    cushions: Cushions, account: str, told: PoolFigures, around: Around
) -> Iterable[Instrument]:
    """Yield the contracts of a pool; an isolated position has one of its own and is in no other."""
    apart = {each.instrument for each in cushions.told[account].pools if each.instrument}
    for holder, name in around.ledger.positions:
        instrument = around.instruments[name]
        if holder != account or instrument.kind is Kind.SPOT:
            continue
        if not around.ledger.position(account, name).quantity:
            continue
        if told.instrument:
            if name == told.instrument:
                yield instrument
        elif name not in apart and (told.together or instrument.settle == told.currency):
            yield instrument


def _size(account: str, instrument: Instrument, around: Around) -> float:
    return float(around.ledger.position(account, instrument.id).quantity * instrument.size)


def _leg(
    cushions: Cushions,
    account: str,
    instrument: Instrument,
    size: float,
    mark: float | None,
    around: Around,
) -> Leg | None:
    if mark is None:
        return None
    asked = schedule_of(cushions, account, instrument, (abs(size), mark), around)
    if asked is None:
        return None
    return Leg(instrument.id, instrument.underlying, size, instrument.inverse, mark, asked)


def schedule_of(
    cushions: Cushions,
    account: str,
    instrument: Instrument,
    held: tuple[float, float],
    around: Around,
) -> Schedule | None:
    """Return what is asked of a contract: as the settings say, or as the venue's figures imply.

    Args:
        cushions: The figures.
        account: Whose.
        instrument: A perpetual or future.
        held: Size of the position (coins, or USD if inverse) and its mark.
        around: Settings.

    Returns:
        None where neither tells: then nobody knows what it needs.
    """
    terms = around.params.terms.get(account, NO_TERMS)
    if terms.schedule is not None:
        return terms.schedule
    size, mark = held
    if (account, instrument.id) in cushions.rates:
        return cushions.rates[account, instrument.id]
    for leg in cushions.told[account].legs:
        if leg.instrument == instrument.id and leg.maintenance and size:
            coins = float(leg.maintenance)
            rate = coins * mark / size if instrument.inverse else coins / (size * mark)
            return cushions.rates.setdefault((account, instrument.id), flat(rate))
    return None


def _cash(account: str, told: PoolFigures, around: Around) -> dict[str, float]:
    """Return the cash of a pool, by currency; an isolated position stands on its margin alone."""
    sums: dict[str, float] = {}
    for (holder, currency), amount in around.ledger.cash.items():
        mine = told.together or currency == told.currency
        if holder == account and mine and not told.instrument:
            sums[currency] = sums.get(currency, 0.0) + float(amount)
    return sums


def _balance(
    account: str, told: PoolFigures, held: Members, marks: Sequence[float | None], around: Around
) -> tuple[float, tuple[Coins, ...]] | None:
    """Return cash and open profit of a pool by our own sums, and its coins if all stand together.

    None while a price is missing.
    """
    sums = dict(held.cash)
    earns: dict[str, None] = {}  # coins that inverse contracts are settled in
    for instrument, mark in zip(held.margined, marks, strict=True):
        if mark is None:
            return None
        position = around.ledger.position(account, instrument.id)
        profit = float(open_profit(instrument, position, Decimal(repr(mark))))
        sums[instrument.settle] = sums.get(instrument.settle, 0.0) + profit
        if instrument.inverse:
            earns[instrument.settle] = None
    if not told.together:
        return sums.get(told.currency, 0.0), ()
    return _together(account, sums, earns, around)


def _together(
    account: str, sums: Mapping[str, float], earns: Mapping[str, None], around: Around
) -> tuple[float, tuple[Coins, ...]] | None:
    shares = around.params.terms.get(account, NO_TERMS).collateral or {}
    total, coins = 0.0, []
    for currency, amount in sums.items():
        if currency in STABLE:
            total += amount * (shares.get(currency, 0.0) if amount > 0 else 1.0)
            continue
        price = around.prices.index(currency)
        if price is None and amount > 0 and not shares.get(currency) and currency not in earns:
            continue  # counts for nothing, whatever it is worth
        if price is None:
            return None
        share = shares.get(currency, 0.0)
        coins.append(Coins(currency, amount, share, price))
        total += amount * price * (share if amount > 0 else 1.0)
    return total, tuple(coins)


# --- options ------------------------------------------------------------------


def _curves(
    cushions: Cushions,
    key: Key,
    told: PoolFigures,
    options: Sequence[Instrument],
    around: Around,
) -> _Curves | None:
    """Return what options come to at other prices, by underlying; None: an input is missing."""
    if not options:
        return ()
    version, known = around.ledger.version, cushions.options.get(key)
    if known is None or known.version != version or around.now > known.until:
        made = []
        for name in dict.fromkeys(each.underlying for each in options):
            mine = [each for each in options if each.underlying == name]
            curve = _curve(key[0], told, name, mine, around)
            if curve is None:
                return None
            made.append((name, curve))
        lasts = curves.lasts(options, around.now)
        known = cushions.options[key] = Options(version, lasts, tuple(made))
    found = []
    for name, curve in known.curves:
        price = around.prices.index(name)
        if price is None:
            return None
        found.append((name, price, curve))
    return tuple(found)


def _curve(
    account: str, told: PoolFigures, name: str, options: list[Instrument], around: Around
) -> Curve | None:
    """Return the curve of the options of one underlying; None: an input is missing."""
    index, held = around.prices.index(name), []
    if index is None:
        return None
    for each in options:
        said = around.prices.option(each.id)
        if said is None:
            return None
        held.append(curves.Held(each, _size(account, each, around), *said))
    portfolio = around.params.terms.get(account, NO_TERMS).portfolio
    return curves.curve(held, index, around.now, in_coin=not told.together, portfolio=portfolio)
