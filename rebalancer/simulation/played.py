"""Played: the venues that this machine can play. Whoever needs one asks here, by its name."""

from collections.abc import Mapping

from rebalancer.simulation.binance import build as binance
from rebalancer.simulation.bybit import build as bybit
from rebalancer.simulation.deribit import build as deribit
from rebalancer.simulation.okx import build as okx
from rebalancer.simulation.spoken import Played

PLAYED: Mapping[str, Played] = {
    "deribit": deribit.PLAYED,
    "binanceusdm": binance.PLAYED,
    "binancecoinm": binance.COINM_PLAYED,
    "binance": binance.SPOT_PLAYED,
    "bybit": bybit.PLAYED,
    "okx": okx.PLAYED,
}
