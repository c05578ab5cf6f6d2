"""A first configuration: from a few answers to a commented file, its limits derived.

The answers are those of a holder of coins who hedges with one perpetual. What he
changes afterwards he changes in the file; every line says what it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from rebalancer.core.instruments import Instrument
from rebalancer.errors import UsageError
from rebalancer.settings import catalogue
from rebalancer.settings.cross import lot_in_coins
from rebalancer.settings.models import Settings

PRICES: Mapping[str, Decimal] = {"BTC": Decimal(100_000), "ETH": Decimal(3_500)}  # USD, a guess
NUMERAIRES, PLACES, MODES = ("usd", "coin"), ("outside", "venue"), ("paper", "live")
ALERTS = ("none", "telegram", "webhook")
BAND = Decimal("0.02")  # of what is held, to each side, where nothing else was said
WIDEST = 4  # what is held ÷ the widest band
_COLLATERAL = 2  # a hedge's notional ÷ what lies under it


@dataclass(frozen=True, slots=True)
class Offer:
    """A venue to hedge at."""

    title: str
    hedge: str  # instrument id, {coin} in it
    coins: bool  # whether coins themselves may lie there and be counted
    cash: str  # what its hedge settles in; {coin}: in the coin
    terms: str  # lines of its table: fees and tiers as listed, to be compared with the account's


OFFERS: Mapping[str, Offer] = {
    "deribit": Offer(
        "Deribit, inverse perpetual, coins as collateral",
        "deribit:{coin}-PERPETUAL",
        True,
        "{coin}",
        "fees = { maker = 0.0, taker = 0.0005 }\n"
        "tiers = [[0, 0.01], [2_500_000, 0.015], [10_000_000, 0.02]]    # USD, maintenance rate",
    ),
    "binanceusdm": Offer(
        "Binance USDⓈ-M, perpetual in USDT",
        "binanceusdm:{coin}USDT",
        False,
        "USDT",
        "fees = { maker = 0.0002, taker = 0.0005 }\n"
        "tiers = [[0, 0.004], [300_000, 0.005], [800_000, 0.0065], [3_000_000, 0.01]]"
        "    # USD, maintenance rate",
    ),
    "bybit": Offer(
        "Bybit, perpetual in USDT, unified account",
        "bybit:{coin}USDT",
        False,
        "USDT",
        "fees = { maker = 0.0002, taker = 0.00055 }\n"
        "tiers = [[0, 0.005], [2_000_000, 0.01], [10_000_000, 0.02]]    # USD, maintenance rate\n"
        "collateral = { USDT = 1.0 }                           # share of each that counts",
    ),
    "okx": Offer(
        "OKX, perpetual swap in USDT",
        "okx:{coin}-USDT-SWAP",
        True,
        "USDT",
        "fees = { maker = 0.0002, taker = 0.0005 }\n"
        "tiers = [[0, 0.01], [2_500_000, 0.015], [10_000_000, 0.02]]    # USD, maintenance rate",
    ),
}


@dataclass(frozen=True, slots=True)
class Answers:
    """What was asked, answered; coins are positive."""

    book: str
    coin: str
    held: Decimal  # coins
    place: str  # outside: where no venue sees them; venue: at the one that hedges
    numeraire: str
    venue: str
    price: Decimal  # USD a coin, about
    band: Decimal  # coins to each side
    mode: str
    alerts: str = "none"
    account: str = "12345"  # uid, of a live book
    credentials: str = "desk"  # name of its key


@dataclass(frozen=True, slots=True)
class Limits:
    """What follows from the answers: coins, then USD."""

    order: Decimal
    position: Decimal
    net_delta: Decimal
    leverage: Decimal
    turnover_per_day: Decimal
    loss_per_day: Decimal
    drawdown: Decimal


def hedge_of(venue: str, coin: str) -> Instrument:
    """Return the perpetual of a venue that hedges a coin.

    Raises:
        UsageError: The venue has none that is known here.
    """
    found = catalogue.known(OFFERS[venue].hedge.format(coin=coin))
    if found is None:
        raise UsageError(f"--venue: must have a known perpetual of {coin}, {venue} has none")
    return found


def proposed_band(held: Decimal, hedge: Instrument, price: Decimal) -> Decimal:
    """Return a half-width in coins: a fiftieth of what is held, two lots at the least."""
    lot = lot_in_coins(hedge, float(price)) or Decimal(0)
    return max(short(held * BAND), short(2 * lot))


def widest_band(held: Decimal) -> Decimal:
    """Return the largest half-width in coins: wider, most of what is held may stay unhedged."""
    return held / WIDEST


def limits_of(told: Answers) -> Limits:
    """Return limits that leave the hedge room and stop what is not one.

    An order is a quarter of what is held, a position twice it; net delta may be a
    quarter of it, or three bands, and never more than half of it. In a day four
    times its worth may be traded; a twentieth of it lost in a day, or three in all,
    stops hedging.
    """
    worth = told.held * told.price
    return Limits(
        order=short(told.held / 4),
        position=short(2 * told.held),
        net_delta=short(max(told.held / 4, min(3 * told.band, told.held / 2))),
        leverage=Decimal(3),
        turnover_per_day=short(4 * worth),
        loss_per_day=short(worth / 20),
        drawdown=short(worth * 3 / 20),
    )


def short(number: Decimal) -> Decimal:
    """Return a positive number with two digits that count.

    >>> short(Decimal("0.05432")), short(Decimal(123456))
    (Decimal('0.054'), Decimal('120000'))
    """
    step = Decimal(1).scaleb(number.adjusted() - 1)
    rounded = (number / step).quantize(Decimal(1), ROUND_HALF_UP) * step
    return Decimal(f"{rounded:f}") if rounded < 1 else Decimal(f"{rounded.normalize():f}")


def written(told: Answers) -> str:
    """Return the configuration, TOML with a comment on every line that is to be judged."""
    offer = OFFERS[told.venue]
    parts = [
        _head(told),
        f'[book]\nid = "{told.book}"\nmode = "{told.mode}"',
        _venue(told, offer),
        _underlying(told, offer),
        _limits(limits_of(told)),
        _holdings(told, offer),
        _GUARDS,
        _alerts(told.alerts),
    ]
    return "\n\n".join(each for each in parts if each) + "\n"


def _line(text: str, comment: str) -> str:
    return f"{text:38} # {comment}"


def _head(told: Answers) -> str:
    first = "# Paper orders in the live market: public streams, no key, nothing leaves the machine."
    if told.mode == "live":
        first = "# Real orders. They leave once doctor has passed and run --live was confirmed."
    return f"{first}\n# Limits follow from {told.held:f} {told.coin} at {_plain(told.price)} USD."


def _venue(told: Answers, offer: Offer) -> str:
    lines = [f"[venues.{told.venue}]"]
    if told.mode == "live":
        lines += [
            _line(f'account = "{told.account}"', "uid; a key of any other account is refused"),
            _line(f'credentials = "{told.credentials}"', "name of the key, never the key"),
        ]
    lines += ['margin = "cross"', _line("leverage = 3", "must match what the account has")]
    lines += ["# fees and tiers as the venue lists them: compare with your account's"]
    lines += offer.terms.replace("{coin}", told.coin).splitlines()
    lines += ["latency_ms = 60"] if told.mode == "paper" else []
    return "\n".join(lines)


def _underlying(told: Answers, offer: Offer) -> str:
    protects = "dollars" if told.numeraire == "usd" else "the number of coins"
    edges, limits = f"lower = -{told.band:f}, upper = {told.band:f}", limits_of(told)
    return "\n".join(
        (
            f"[underlyings.{told.coin}]",
            _line(f'numeraire = "{told.numeraire}"', f"protects {protects}"),
            _line("target = 0.0", "net delta to aim at, coins"),
            f'hedge = ["{offer.hedge.format(coin=told.coin)}"]',
            "# coins around the aim; reset: 0 to the nearest edge, 1 to the aim",
            f'band = {{ kind = "fixed", {edges}, reset = 0.0 }}',
            "",
            _line(f"[underlyings.{told.coin}.limits]", "coins"),
            _line(f"order = {limits.order:f}", "one order"),
            _line(f"position = {limits.position:f}", "the hedge instrument"),
            _line(f"net_delta = {limits.net_delta:f}", "beyond it no funding is too dear"),
        )
    )


def _limits(told: Limits) -> str:
    return "\n".join(
        (
            _line("[limits]", "of the whole book; USD but for leverage"),
            _line(f"leverage = {told.leverage:f}", "gross notional ÷ equity"),
            _line(f"turnover_per_day = {_plain(told.turnover_per_day)}", "then nothing is traded"),
            _line(f"loss_per_day = {_plain(told.loss_per_day)}", "beyond it only closing hedges"),
            _line(f"drawdown = {_plain(told.drawdown)}", "the same, from the best there was"),
        )
    )


def _holdings(told: Answers, offer: Offer) -> str:
    rows, inverse = [], offer.cash == "{coin}"
    if told.place == "outside":
        rows.append(_holding(f"outside:{told.coin}", told.held, "outside", "what no venue sees"))
    elif told.mode == "paper":
        rows.append(_holding(f"{told.venue}:{told.coin}", told.held, "book", "coins at the venue"))
    if told.mode == "paper" and not (inverse and told.place == "venue"):
        amount = short(told.held / _COLLATERAL * (1 if inverse else told.price))
        cash = offer.cash.format(coin=told.coin)
        owner = told.coin if told.numeraire == "coin" and not inverse else None
        why = "collateral: coins too, and hedged as well" if inverse else "collateral"
        rows.append(_holding(f"{told.venue}:{cash}", amount, "book", why, owner))
    return "\n\n".join(rows) or "# What is held is read from the venue."


def _holding(name: str, quantity: Decimal, role: str, why: str, owner: str | None = None) -> str:
    lines = [_line("[[holdings]]", why), f'instrument = "{name}"', f'quantity = "{quantity:f}"']
    lines += [f'role = "{role}"', *([] if owner is None else [f'underlying = "{owner}"'])]
    return "\n".join(lines)


def _plain(number: Decimal) -> str:
    return f"{int(number):_}" if number == int(number) else f"{number:f}"


def _alerts(channel: str) -> str:
    """Return the table of alerts; where this release has none, as a comment."""
    if channel == "none":
        return ""
    lines = (
        _line("[[alerts.channels]]", "on which a person is woken"),
        f'kind = "{channel}"',
        _line(f'credentials = "{channel}"', "name of what holds its address or token"),
    )
    known = "alerts" in Settings.model_fields
    return "\n".join(lines if known else (f"# {line}" for line in lines))


_GUARDS = """\
[guards.funding]
cap_per_day = 0.001                    # fraction of notional that a hedge may cost to hold

[guards.margin]                        # maintenance margin ÷ margin balance: 1 is liquidation
ratio    = { warn = 0.40, widen = 0.50, reduce = 0.60, derisk = 0.70, halt = 0.80 }
distance = { warn = 0.25, widen = 0.20, reduce = 0.15, derisk = 0.10, halt = 0.07 }
min_sigmas = 3
reaction_time = "1h"                   # that you need to bring collateral"""
