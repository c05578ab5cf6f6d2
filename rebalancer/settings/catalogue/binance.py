"""Binance's contracts: July 2026, recorded answers of `exchangeInfo`."""

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.settings.catalogue.steps import Steps, make

SPOT = {"BTCUSDT": Steps("0.00001", "0.01"), "ETHUSDT": Steps("0.0001", "0.01")}
LINEAR = {
    "BTCUSDT": Steps("0.001", "0.1"),
    "ETHUSDT": Steps("0.001", "0.01"),
    "SOLUSDT": Steps("0.01", "0.01"),
    "XRPUSDT": Steps("0.1", "0.0001"),
    "BNBUSDT": Steps("0.01", "0.01"),
    "DOGEUSDT": Steps("1", "0.00001"),
    "BTCUSDC": Steps("0.001", "0.1"),
    "ETHUSDC": Steps("0.001", "0.01"),
}
INVERSE = {
    "BTCUSD_PERP": Steps("1", "0.1", "100"),
    "ETHUSD_PERP": Steps("1", "0.01", "10"),
}
LISTED = (
    *(f"binance:{name}" for name in SPOT),
    *(f"binanceusdm:{name}" for name in LINEAR),
    *(f"binancecoinm:{name}" for name in INVERSE),
)


def spot(name: str) -> Instrument | None:
    """Return a spot pair, None where it is not known."""
    return _pair("binance", name, Kind.SPOT, SPOT.get(name))


def linear(name: str) -> Instrument | None:
    """Return a USD-M contract, None where it is not known."""
    return _pair("binanceusdm", name, Kind.PERPETUAL, LINEAR.get(name))


def inverse(name: str) -> Instrument | None:
    """Return a COIN-M contract, None where it is not known."""
    coin = name.removesuffix("USD_PERP")
    return make(name, Kind.PERPETUAL, ("binancecoinm", coin, coin), INVERSE.get(name))


def _pair(venue: str, name: str, kind: Kind, steps: Steps | None) -> Instrument | None:
    """Return a pair of a coin against a stable currency of four letters."""
    return make(name, kind, (venue, name[:-4], name[-4:]), steps)
