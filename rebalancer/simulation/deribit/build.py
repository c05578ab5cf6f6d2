"""What the Deribit of this machine is made of."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange.fees import FeeSchedule
from rebalancer.exchange.terms import Schedule, TradingRules
from rebalancer.simulation.deribit.desk import Desk
from rebalancer.simulation.deribit.keys import Keyring
from rebalancer.simulation.deribit.protocol import Deribit
from rebalancer.simulation.key import Key
from rebalancer.simulation.place import Place
from rebalancer.simulation.spoken import Names, Played
from rebalancer.venues.modelled import DERIBIT_COIN_OPTIONS, DERIBIT_DELIVERY, DERIBIT_OPTIONS

TAKER = Decimal("0.0005")
FEES: Mapping[str, FeeSchedule] = {
    Kind.SPOT: FeeSchedule(Decimal(0), Decimal(0)),
    Kind.PERPETUAL: FeeSchedule(Decimal(0), TAKER),
    Kind.FUTURE: FeeSchedule(Decimal(0), TAKER, delivery=DERIBIT_DELIVERY),
    Kind.OPTION: DERIBIT_OPTIONS,
}
FLAT = Schedule(((Decimal(0), Decimal("0.01")),))


def rules(listed: Iterable[Instrument]) -> dict[str, TradingRules]:
    """Return the ticks of options that settle in coins, by id."""
    coin = (each for each in listed if each.kind is Kind.OPTION and each.inverse)
    return {each.id: DERIBIT_COIN_OPTIONS for each in coin}


def speak(place: Place, keys: Sequence[Key]) -> Deribit:
    """Return who speaks for it."""
    return Deribit(Desk(place, Keyring(keys)))


PLAYED = Played(
    hosts=("www.deribit.com", "test.deribit.com"),
    speak=speak,
    fees=FEES,
    maintenance={Kind.PERPETUAL: FLAT, Kind.FUTURE: FLAT},
    names=Names(
        order="private/[bs][ue][yl]*",
        query="private/get_order*",
        reads="private/get*",
        trades="user.*",
        touch="quote.*",
        market="*BTC*",
    ),
    rules=rules,
    sessions=True,
)
