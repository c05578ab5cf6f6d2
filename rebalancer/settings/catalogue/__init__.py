"""Catalogue: instruments that everybody knows, by their id.

Contract sizes, lots and ticks are the venues' published ones; each venue's module
says of when. A live book takes its own from the
venue; here they serve replay, paper and the checks of a configuration. A name
without an entry is unknown, never guessed: a wrong size is a wrong hedge.
"""

from collections.abc import Callable, Mapping

from rebalancer.core.instruments import STABLE, Instrument, cash_instrument
from rebalancer.settings.catalogue import binance, bybit, deribit, okx

COINS = ("BTC", "ETH", "SOL", "XRP", "BNB", "DOGE")
VENUES: Mapping[str, Callable[[str], Instrument | None]] = {
    "deribit": deribit.known,
    "binance": binance.spot,
    "binanceusdm": binance.linear,
    "binancecoinm": binance.inverse,
    "bybit": bybit.known,
    "okx": okx.known,
}
LISTED = (*deribit.LISTED, *binance.LISTED, *bybit.LISTED, *okx.LISTED)


def known(instrument_id: str) -> Instrument | None:
    """Return the instrument of this id, None when it is not in the catalogue.

    Args:
        instrument_id: VENUE:NATIVE_NAME; cash is VENUE:CURRENCY on any venue.

    >>> option = known("deribit:BTC-27FEB26-98000-C")
    >>> option.kind, option.strike, option.sign, option.settle, option.lot
    (<Kind.OPTION: 'option'>, Decimal('98000'), 1, 'BTC', Decimal('0.1'))
    >>> option.expiry  # 2026-02-27 08:00 UTC
    1772179200000000000
    >>> known("deribit:BTC-PERPETUAL").inverse, known("binanceusdm:BTCUSDT").inverse
    (True, False)
    >>> known("binanceusdm:USDT").kind, known("binanceusdm:USDT").underlying
    (<Kind.CASH: 'cash'>, '')
    >>> known("deribit:BTC-31FEB26") is None
    True
    """
    venue, colon, name = instrument_id.partition(":")
    if not colon or not venue or not name:
        return None
    if name in STABLE or name in COINS:
        return cash_instrument(venue, name)
    find = VENUES.get(venue)
    return None if find is None else find(name)
