"""What the Bybit of this machine is made of."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from rebalancer.core.instruments import Kind
from rebalancer.exchange.fees import FeeSchedule
from rebalancer.exchange.terms import Schedule
from rebalancer.simulation.bybit.desk import Desk
from rebalancer.simulation.bybit.keys import Keyring
from rebalancer.simulation.bybit.protocol import Bybit
from rebalancer.simulation.key import Key
from rebalancer.simulation.place import Place
from rebalancer.simulation.spoken import Names, Played

# https://www.bybit.com/en/help-center/article/Trading-Fee-Structure: no tier
MAKER, TAKER = Decimal("0.0002"), Decimal("0.00055")
OPTIONS = FeeSchedule(
    *(Decimal("0.0002"), Decimal("0.0003"), Decimal("0.07")), delivery=Decimal("0.00015")
)
FEES: Mapping[str, FeeSchedule] = {
    Kind.SPOT: FeeSchedule(Decimal("0.001"), Decimal("0.001"), received=True),
    Kind.PERPETUAL: FeeSchedule(MAKER, TAKER),
    Kind.FUTURE: FeeSchedule(MAKER, TAKER, delivery=Decimal("0.0005")),
    Kind.OPTION: OPTIONS,
}
FLAT = Schedule(((Decimal(0), Decimal("0.005")),))


def speak(place: Place, keys: Sequence[Key]) -> Bybit:
    """Return who speaks for it."""
    return Bybit(Desk(place, Keyring(keys)))


PLAYED = Played(
    hosts=(
        *("api.bybit.com", "stream.bybit.com"),
        *("api-testnet.bybit.com", "stream-testnet.bybit.com"),
    ),
    speak=speak,
    fees=FEES,
    maintenance={Kind.PERPETUAL: FLAT, Kind.FUTURE: FLAT},
    names=Names(
        order="private/post/order/create",
        query="private/get/order/*",
        reads="private/get/*",
        trades="user.*",
        touch="orderbook.*",
        market="*BTC*",
    ),
)
