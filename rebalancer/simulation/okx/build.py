"""What the OKX of this machine is made of."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from rebalancer.core.instruments import Kind
from rebalancer.exchange.fees import FeeSchedule
from rebalancer.exchange.terms import Schedule
from rebalancer.simulation.key import Key
from rebalancer.simulation.okx.desk import Desk
from rebalancer.simulation.okx.keys import Keyring
from rebalancer.simulation.okx.protocol import Okx
from rebalancer.simulation.place import Place
from rebalancer.simulation.spoken import Names, Played

# https://www.okx.com/fees, the lowest tier: what a fill, and what a delivery costs
MAKER, TAKER = Decimal("0.0002"), Decimal("0.0005")
FEES: Mapping[str, FeeSchedule] = {
    Kind.SPOT: FeeSchedule(Decimal("0.0008"), Decimal("0.001"), received=True),
    Kind.PERPETUAL: FeeSchedule(MAKER, TAKER),
    Kind.FUTURE: FeeSchedule(MAKER, TAKER, delivery=Decimal("0.0001")),
    Kind.OPTION: FeeSchedule(
        MAKER, Decimal("0.0003"), Decimal("0.125"), delivery=Decimal("0.0002")
    ),
}
FLAT = Schedule(((Decimal(0), Decimal("0.01")),))


def speak(place: Place, keys: Sequence[Key]) -> Okx:
    """Return who speaks for it."""
    return Okx(Desk(place, Keyring(keys)))


PLAYED = Played(
    hosts=(
        *("www.okx.com", "ws.okx.com:8443", "wspap.okx.com:8443"),
        *("ws.okx.com:443", "wspap.okx.com:443"),  # where ccxt looks for them
    ),
    speak=speak,
    fees=FEES,
    maintenance={Kind.PERPETUAL: FLAT, Kind.FUTURE: FLAT},
    names=Names(
        order="POST trade/batch-orders",
        query="GET trade/order*",
        reads="GET [at][cr]*",
        trades="orders",
        touch="bbo-tbt:*",
        market="*BTC*",
    ),
)
