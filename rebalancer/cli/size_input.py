"""What was typed at `size`, checked whole, as the question that it asks."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rebalancer.cli.times import nanoseconds, utc
from rebalancer.errors import UsageError
from rebalancer.recordings.listed_quotes import listed_quotes
from rebalancer.research import sizing_listed
from rebalancer.research.sizing import Costs, Holding, Quote, Smile, expected_funding, priced
from rebalancer.research.sizing_answer import Question
from rebalancer.research.sizing_margin import MarginTerms
from rebalancer.research.sizing_mix import Limits

BASIS = 1e-4
HIGHEST = 10.0  # a vol or a multiple above it was typed as per cent, or is a price
LISTED_FEE = 3.0  # bp of the coin: what a recorded option costs where nothing else is said
MOST_BASIS = 500.0  # one way: more was typed as something else
# Multiples of the price that a mix may choose from where nothing is listed.
PUTS = (0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
CALLS = (1.0, 1.05, 1.1, 1.15, 1.2, 1.25, 1.3, 1.4, 1.5)


class Faults:
    """What is wrong with the arguments, gathered so that all of it is told at once."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def require(self, holds: bool, option: str, must: str, was: object) -> None:
        """Note a fault unless `holds`."""
        if not holds:
            shown = f"{was:g}" if isinstance(was, float) else "missing" if was is None else was
            self._lines.append(f"{option}: must {must}, was {shown}")

    def within(self, option: str, value: float | None, low: float, high: float) -> None:
        """Note a fault unless `value` lies above `low` and at or below `high`; None is absent."""
        bounds = f"be above {low:g} and at most {high:g}"
        self.require(value is None or low < value <= high, option, bounds, value)

    def check(self, command: str) -> None:
        """Raise UsageError with every fault; with none do nothing."""
        if len(self._lines) == 1:
            raise UsageError(self._lines[0])
        if self._lines:
            raise UsageError("\n  ".join([f"{command}: {len(self._lines)} faults", *self._lines]))


@dataclass(frozen=True, slots=True)
class Typed:
    """The options of `size`, each as it was typed; None and () are the default."""

    coin: str
    quantity: float
    price: float | None
    days: float
    vol: float | None
    skew: float
    iv: Sequence[str]
    real_vol: float | None
    fat_tails: bool
    funding: float
    funding_mean: float | None
    funding_reverts: float
    fee_bp: float
    option_fee_bp: float | None
    ratios: Sequence[float]
    puts: Sequence[float]
    calls: Sequence[float]
    margin: MarginTerms
    cvar_limit: float | None
    capital_limit: float | None
    chain: Path | None
    at: str | None


def question(typed: Typed) -> tuple[Question, str]:
    """Return what is asked, and in words where its options come from.

    Raises:
        UsageError: Arguments make no sense; all of them are named.
        DataError: The chain cannot be trusted, or lacks what is asked for.
    """
    faults = Faults()
    _require(faults, typed)
    points = _points(faults, typed)
    faults.check("size")
    if typed.chain is not None and typed.at is not None:
        return _listed(typed, typed.chain, nanoseconds(typed.at))
    return _priced(typed, points)


def _require(faults: Faults, typed: Typed) -> None:
    """Note what is wrong with single options, and with what must or must not stand together."""
    within = faults.within
    within("--quantity", typed.quantity, 0, math.inf if typed.quantity < math.inf else 0)
    within("--days", typed.days, 0, 3650)
    within("--real-vol", typed.real_vol, 0, HIGHEST)
    within("--funding-reverts", typed.funding_reverts, 0, 3650)
    within("--leverage", typed.margin.leverage, 0, 1000)
    within("--haircut", typed.margin.haircut, 0, 1)
    within("--sigmas", typed.margin.sigmas, 0, 20)
    within("--reaction-days", typed.margin.reaction_days, 0, 365)
    for name, values in (("--ratio", typed.ratios), ("--put", typed.puts), ("--call", typed.calls)):
        for value in values:
            within(name, value, 0, 1.5 if name == "--ratio" else HIGHEST)
    for name, rate in (("--funding", typed.funding), ("--funding-mean", typed.funding_mean)):
        must = "be a fraction per year such as 0.10"
        faults.require(rate is None or abs(rate) <= HIGHEST, name, must, rate)
    for name, bp in (("--fee-bp", typed.fee_bp), ("--option-fee-bp", typed.option_fee_bp)):
        good = bp is None or 0 <= bp <= MOST_BASIS
        faults.require(good, name, f"lie in 0 to {MOST_BASIS:g}", bp)
    rate = typed.margin.maintenance
    faults.require(0 <= rate < 1, "--maintenance", "lie in 0 to 1, without 1", rate)
    _require_source(faults, typed)
    limit, capital = typed.cvar_limit, typed.capital_limit
    faults.require(limit is None or math.isfinite(limit), "--cvar-limit", "be finite", limit)
    faults.within("--capital-limit", capital, 0, math.inf)
    alone = capital is not None and limit is None
    faults.require(not alone, "--cvar-limit", "be given beside --capital-limit", limit)


def _require_source(faults: Faults, typed: Typed) -> None:
    """Note where options are neither priced nor read, or both."""
    if typed.chain is None:
        faults.require(typed.at is None, "--at", "be absent without --chain", typed.at)
        for name, value, top in (("--price", typed.price, 1e12), ("--vol", typed.vol, HIGHEST)):
            faults.require(value is not None, name, "be given without --chain", value)
            faults.within(name, value, 0, top)
        return
    faults.require(typed.at is not None, "--at", "be given beside --chain", typed.at)
    others = (("--price", typed.price), ("--vol", typed.vol), ("--iv", typed.iv or None))
    for name, given in (*others, ("--skew", typed.skew or None)):
        faults.require(given is None, name, "be absent beside --chain", given)


def _points(faults: Faults, typed: Typed) -> Mapping[float, float]:
    """Return the vols of single strikes, USD per coin."""
    points = {}
    for text in typed.iv:
        left, _, right = text.partition("=")
        try:
            strike, vol = float(left), float(right)
        except ValueError:
            strike = vol = math.nan
        good = strike > 0 and 0 < vol <= HIGHEST and math.isfinite(strike)
        faults.require(good, "--iv", "be STRIKE=VOL such as 0.9=0.7 or 90000=0.7", text)
        points[strike * (typed.price or 0.0) if strike <= HIGHEST else strike] = vol
    return points


def _listed(typed: Typed, chain: Path, at: int) -> tuple[Question, str]:
    listed = listed_quotes(chain, typed.coin, at)
    expiry = sizing_listed.nearest(listed, typed.coin, typed.quantity, typed.days)
    now = expiry.holding.price
    bought = sizing_listed.picked(expiry.puts, typed.puts, now)
    sold = sizing_listed.picked(expiry.calls, typed.calls, now)
    offered = sizing_listed.within((*expiry.puts, *expiry.calls), now)
    held = f"puts at the ask, calls at the bid of {chain.name}, {utc(listed.ts)}"
    return _asked(typed, expiry.holding, expiry.vol, (bought, sold, offered)), held


def _priced(typed: Typed, points: Mapping[float, float]) -> tuple[Question, str]:
    holding = Holding(typed.coin, typed.quantity, typed.price or 0.0, typed.days)
    smile = Smile(typed.vol or 0.0, typed.skew, points)
    asked = typed.cvar_limit is not None
    puts, calls = (*typed.puts, *(PUTS if asked else ())), (*typed.calls, *(CALLS if asked else ()))
    lowest = min(smile.vol(each * holding.price, holding.price) for each in (*puts, *calls))
    if lowest <= 0:
        raise UsageError(f"--skew: must leave every vol above 0, lowest was {lowest:.3g}")
    bought, sold = priced(holding, typed.puts, -1, smile), priced(holding, typed.calls, 1, smile)
    offered = (
        *priced(holding, sorted(dict.fromkeys(puts)), -1, smile),
        *priced(holding, sorted(dict.fromkeys(calls)), 1, smile),
    )
    told = f"options at the model's price, vol {smile.level:g} at the money, skew {smile.skew:g}"
    return _asked(typed, holding, smile.level, (bought, sold, offered)), told


def _asked(
    typed: Typed,
    holding: Holding,
    implied: float,
    quotes: tuple[tuple[Quote, ...], tuple[Quote, ...], tuple[Quote, ...]],
) -> Question:
    funding = typed.funding
    if typed.funding_mean is not None:
        reverts = typed.funding_reverts
        funding = expected_funding(funding, typed.funding_mean, reverts, holding.days)
    option_fee = typed.option_fee_bp
    if option_fee is None:
        option_fee = 0.0 if typed.chain is None else LISTED_FEE
    return Question(
        holding,
        tuple(typed.ratios),
        quotes[0],
        quotes[1],
        Costs(funding, typed.fee_bp * BASIS, option_fee * BASIS),
        implied if typed.real_vol is None else typed.real_vol,
        typed.fat_tails,
        typed.margin,
        quotes[2],
        None if typed.cvar_limit is None else Limits(typed.cvar_limit, typed.capital_limit),
    )
