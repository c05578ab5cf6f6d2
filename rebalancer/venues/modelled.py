"""Modelled venues: the exchange model of one venue as its table in the settings describes it.

What the settings leave open is what the venue itself does, as far as it is
known here, and otherwise rather too strict than too lenient: paper must be
harder than live.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from rebalancer.core.instruments import STABLE, Instrument, Kind
from rebalancer.errors import ConfigError, Fault
from rebalancer.exchange.exchange import Exchange, OpeningAccount, OpeningPosition
from rebalancer.exchange.fees import FeeSchedule, FeeTier
from rebalancer.exchange.terms import (
    AccountTerms,
    Liquidation,
    MarginMode,
    Schedule,
    TradingRules,
    VenueTerms,
)
from rebalancer.settings.models import Fees, Holding, Role, Settings, Venue

PREMIUM_CAP = Decimal("0.125")  # most of an option's premium that a fee may take
LEVERAGE = Decimal(10)  # where the settings name none
CAUTIOUS = ((0.0, 0.01),)  # maintenance where the settings name no tiers
FUND_USD, FUND_COINS = Decimal(10_000_000), Decimal(100)  # insurance, of each currency

# https://support.deribit.com/hc/en-us/articles/25944746248989-Fees: options 0.03 % of the
# underlying and half of that at delivery, futures 0.025 % at delivery.
DERIBIT_OPTIONS = FeeSchedule(
    *(Decimal("0.0003"), Decimal("0.0003"), PREMIUM_CAP), delivery=Decimal("0.00015")
)
DERIBIT_DELIVERY = Decimal("0.00025")
# tick_size_steps of https://docs.deribit.com/api-reference/market-data/public-get_instruments
DERIBIT_COIN_OPTIONS = TradingRules(tick_steps=((Decimal("0.005"), Decimal("0.0005")),))
# exchangeInfo of Binance's USD-M futures, 2026-07-04: MIN_NOTIONAL in USDT, LOT_SIZE's maximum,
# PERCENT_PRICE of 5 %, liquidationFee of 1.25 %; where a symbol is not known here, the smallest.
BINANCE_NOTIONALS = {"BTCUSDT": Decimal(50), "ETHUSDT": Decimal(20)}
BINANCE_MAXIMA = {"BTCUSDT": Decimal(1000), "ETHUSDT": Decimal(10_000)}
BINANCE_NOTIONAL = Decimal(5)
BINANCE_BAND = Decimal("0.05")
BINANCE_LIQUIDATION = Liquidation(fee=Decimal("0.0125"))
# https://support.deribit.com/hc/en-us/articles/25944777844125-Standard-Margin-SM: maintenance of
# 1 % and initial margin of 2 %, both rising by this much per coin of position
DERIBIT_SLOPES = {"BTC": Decimal("0.00005"), "ETH": Decimal("0.000001")}
DERIBIT_MAINTENANCE, DERIBIT_INITIAL = Decimal("0.01"), Decimal("0.02")


def _deribit_rules(each: Instrument) -> TradingRules | None:
    return DERIBIT_COIN_OPTIONS if each.kind is Kind.OPTION and each.inverse else None


# exchangeInfo of its spot pairs, 2026-07-03: NOTIONAL and LOT_SIZE. A pair's prices are held
# against its mean of five minutes, by half and by double: nobody gets there.
BINANCE_PAIRS = TradingRules(minimum_notional=Decimal(5), maximum=Decimal(9_000))
# COIN-M counts in contracts, of which there is no least worth.
BINANCE_COINS = TradingRules(maximum=Decimal(1_000_000), price_band=BINANCE_BAND)


def _binance_rules(each: Instrument) -> TradingRules | None:
    if not each.margined:
        return None
    return TradingRules(
        minimum_notional=BINANCE_NOTIONALS.get(each.name, BINANCE_NOTIONAL),
        maximum=BINANCE_MAXIMA.get(each.name),
        price_band=BINANCE_BAND,
    )


PLAIN = Liquidation()


@dataclass(frozen=True, slots=True)
class Model:
    """What a venue does that no settings say."""

    rules: Callable[[Instrument], TradingRules | None] = lambda _: None
    delivery: Decimal | None = None  # fee of a future's; None: as for taking
    options: FeeSchedule | None = None  # None: rates of the settings, and a cap of the premium
    received: bool = False  # whether a pair's fee is taken from what the trade brings
    slopes: Mapping[str, Decimal] = field(default_factory=dict)  # coin → rise of margin a coin
    liquidation: Liquidation = PLAIN


MODELS: Mapping[str, Model] = {
    "deribit": Model(
        rules=_deribit_rules,
        delivery=DERIBIT_DELIVERY,
        options=DERIBIT_OPTIONS,
        slopes=DERIBIT_SLOPES,
    ),
    "binanceusdm": Model(rules=_binance_rules, liquidation=BINANCE_LIQUIDATION),
    "binancecoinm": Model(
        rules=lambda each: BINANCE_COINS if each.margined else None,
        liquidation=BINANCE_LIQUIDATION,
    ),
    "binance": Model(
        rules=lambda each: BINANCE_PAIRS if each.kind is Kind.SPOT else None, received=True
    ),
    "bybit": Model(received=True),
    "okx": Model(received=True),
}
ANY = Model()
INITIAL_FACTOR = Decimal(2)  # the tables of Binance and Deribit ask twice as much at opening


def open_exchange(
    settings: Settings,
    instruments: Mapping[str, Instrument],
    prices: Mapping[str, Decimal],
    venue: str,
    others: Iterable[OpeningAccount] = (),
) -> Exchange:
    """Return the model of one venue with the book's account in it.

    Args:
        settings: Without faults.
        instruments: Every instrument that may be met, by id.
        prices: Entry of each holding, by instrument id.
        venue: Key of its table; also the name of the account.
        others: Who trades there beside the book.

    Raises:
        ConfigError: It has no fees.
    """
    told = settings.venues[venue]
    if told.fees is None:
        must = "must name maker and taker: paper without fees would be kinder than any venue"
        raise ConfigError(settings.book.id, [Fault(f"venues.{venue}.fees", must, "missing")])
    listed = [each for each in instruments.values() if each.venue == venue]
    inside = [each for each in settings.holdings if each.role is not Role.OUTSIDE]
    held = [each for each in inside if instruments[each.instrument].venue == venue]
    account = _account(held, instruments, prices, venue, told)
    accounts = [account, *others]
    return Exchange(listed, _fees(told.fees, venue), accounts, _terms(told, listed, venue))


def _account(
    held: Sequence[Holding],
    instruments: Mapping[str, Instrument],
    prices: Mapping[str, Decimal],
    venue: str,
    told: Venue,
) -> OpeningAccount:
    cash = [each for each in held if instruments[each.instrument].kind is Kind.CASH]
    positions = [each for each in held if instruments[each.instrument].kind is not Kind.CASH]
    shares = told.collateral
    counted = None if shares is None else {name: _exact(each) for name, each in shares.items()}
    terms = AccountTerms(
        mode=MarginMode(told.margin),
        leverage=LEVERAGE if told.leverage is None else _exact(told.leverage),
        collateral=counted,
    )
    return OpeningAccount(
        venue,
        {instruments[each.instrument].settle: each.quantity for each in cash},
        tuple(
            OpeningPosition(each.instrument, each.quantity, prices[each.instrument])
            for each in positions
        ),
        terms,
    )


def _exact(number: float) -> Decimal:
    return Decimal(repr(number))


def _fees(told: Fees, venue: str) -> dict[str, FeeSchedule]:
    """Return the fee schedules of a venue by kind."""
    tiers = tuple(FeeTier(*(_exact(number) for number in row)) for row in told.tiers)
    rates = _exact(told.maker), _exact(told.taker)
    plain = FeeSchedule(*rates, tiers=tiers)
    model = MODELS.get(venue, ANY)
    delivery = rates[1] if model.delivery is None else model.delivery
    return {
        Kind.SPOT: replace(plain, received=model.received),
        Kind.PERPETUAL: plain,
        Kind.FUTURE: FeeSchedule(*rates, delivery=delivery, tiers=tiers),
        Kind.OPTION: model.options or FeeSchedule(*rates, PREMIUM_CAP, delivery=rates[1]),
    }


def _terms(told: Venue, listed: Sequence[Instrument], venue: str) -> VenueTerms:
    """Return what a venue demands: as the settings say, and else as it does itself."""
    maintenance, initial = _schedules(told, listed, venue)
    return VenueTerms(
        rules=_rules(listed, venue),
        maintenance=maintenance,
        initial=initial,
        initial_factor=INITIAL_FACTOR,
        liquidation=MODELS.get(venue, ANY).liquidation,
        insurance=_insurance(told, listed),
        unique_client_ids=True,
    )


def _schedules(
    told: Venue, listed: Iterable[Instrument], venue: str
) -> tuple[dict[str, Schedule], dict[str, Schedule]]:
    """Return maintenance and initial schedules by kind, or by instrument where they differ."""
    rows = CAUTIOUS if told.tiers is None else told.tiers
    asked = Schedule(tuple((_exact(floor), _exact(rate)) for floor, rate in rows), in_usd=True)
    maintenance: dict[str, Schedule] = {Kind.PERPETUAL: asked, Kind.FUTURE: asked}
    initial: dict[str, Schedule] = {}
    slopes = MODELS.get(venue, ANY).slopes
    for each in listed:
        slope = slopes.get(each.underlying)
        if told.tiers is None and each.margined and each.inverse and slope:
            maintenance[each.id] = Schedule(((Decimal(0), DERIBIT_MAINTENANCE),), slope)
            initial[each.id] = Schedule(((Decimal(0), DERIBIT_INITIAL),), slope)
    return maintenance, initial


def _rules(listed: Iterable[Instrument], venue: str) -> dict[str, TradingRules]:
    rules_of = MODELS.get(venue, ANY).rules
    return {each.id: rules for each in listed if (rules := rules_of(each)) is not None}


def _insurance(told: Venue, listed: Iterable[Instrument]) -> dict[str, Decimal]:
    """Return what the insurance fund opens with, as the settings say or plenty."""
    if told.insurance is not None:
        return {currency: _exact(amount) for currency, amount in told.insurance.items()}
    currencies = dict.fromkeys(each.settle for each in listed)
    return {name: FUND_USD if name in STABLE else FUND_COINS for name in currencies}
