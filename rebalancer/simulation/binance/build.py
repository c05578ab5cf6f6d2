"""What the Binance of this machine is made of: three venues."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange.fees import FeeSchedule
from rebalancer.exchange.terms import Schedule, TradingRules
from rebalancer.simulation.binance.desk import COINM, SPOT, USDM, Desk, House
from rebalancer.simulation.binance.keys import Keyring
from rebalancer.simulation.binance.protocol import Binance
from rebalancer.simulation.key import Key
from rebalancer.simulation.place import Place
from rebalancer.simulation.spoken import Names, Played
from rebalancer.venues.modelled import MODELS

FLAT = Schedule(((Decimal(0), Decimal("0.005")),))
_FUTURES = FeeSchedule(Decimal("0.0002"), Decimal("0.0005"))
_FEES: Mapping[str, FeeSchedule] = {
    Kind.SPOT: FeeSchedule(Decimal("0.001"), Decimal("0.001"), received=True),
    Kind.PERPETUAL: _FUTURES,
    Kind.FUTURE: FeeSchedule(_FUTURES.maker, _FUTURES.taker, delivery=_FUTURES.taker),
}
# Where neither coins nor contracts that pay in them have a delta that moves, options have one.
_DESKS = dict.fromkeys((SPOT.venue, COINM.venue), "demo-coins.toml")


def _played(house: House) -> Played:
    def speak(place: Place, keys: Sequence[Key]) -> Binance:
        return Binance(Desk(place, Keyring(keys), house))

    def rules(listed: Iterable[Instrument]) -> dict[str, TradingRules]:
        known = MODELS.get(house.venue)
        if known is None:
            return {}
        return {each.id: own for each in listed if (own := known.rules(each)) is not None}

    version = "v3" if house.spot else "v1"
    return Played(
        hosts=house.hosts,
        speak=speak,
        fees=_FEES,
        maintenance={Kind.PERPETUAL: FLAT, Kind.FUTURE: FLAT},
        names=Names(
            order=f"signed/POST {house.base}/{version}/order",
            query=f"signed/GET {house.base}/{version}/order",
            reads="signed/GET *",
            trades="executionReport" if house.spot else "ORDER_TRADE_UPDATE",
            touch="*@bookTicker",
            market="*@*",
        ),
        rules=rules,
        desk=_DESKS.get(house.venue, "demo-binance.toml"),
    )


PLAYED, COINM_PLAYED, SPOT_PLAYED = _played(USDM), _played(COINM), _played(SPOT)
