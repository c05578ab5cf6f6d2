"""What can be held: one record an instrument, the contract's constants and nothing else."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

STABLE = frozenset({"USD", "USDT", "USDC"})  # counted as one US dollar each


class Kind(StrEnum):
    """The families of holdings."""

    CASH = "cash"  # a balance: coins or a stable currency
    SPOT = "spot"  # a pair that is paid in full
    PERPETUAL = "perpetual"
    FUTURE = "future"  # dated
    OPTION = "option"  # European, cash settled


_PAID_IN_FULL, _MARGINED = (Kind.CASH, Kind.SPOT), (Kind.PERPETUAL, Kind.FUTURE)


@dataclass(frozen=True, slots=True)
class Instrument:
    """The constants of one contract.

    `size` is coins of the underlying per contract, but USD per contract for an
    inverse perpetual or future. An instrument is inverse when it pays in the
    coin that it is about.
    """

    id: str  # VENUE:NATIVE_NAME, e.g. deribit:BTC-PERPETUAL
    kind: Kind
    underlying: str  # coin, e.g. BTC; "" for a stable currency that belongs to none
    settle: str  # currency of premium, profit and margin; of a cash balance its own
    size: Decimal = Decimal(1)  # see above, > 0
    lot: Decimal = Decimal("0.00000001")  # step of a quantity, contracts, > 0
    minimum: Decimal = Decimal("0.00000001")  # smallest order, contracts, > 0
    tick: Decimal = Decimal("0.01")  # step of a price, quote currency (options: settle), > 0
    expiry: int | None = None  # ns since 1970 UTC; None: never
    strike: Decimal | None = None  # USD per coin, options only
    sign: int = 0  # +1 call, -1 put, 0 otherwise

    @property
    def venue(self) -> str:
        """Name of the venue: what stands before the colon."""
        return self.id.partition(":")[0]

    @property
    def name(self) -> str:
        """The venue's own name: what stands after the colon."""
        return self.id.partition(":")[2]

    @property
    def inverse(self) -> bool:
        """Whether profit or premium is paid in the coin that the contract is about."""
        return self.settle == self.underlying and self.kind not in _PAID_IN_FULL

    @property
    def margined(self) -> bool:
        """Whether only profit and loss changes hands (perpetuals and futures)."""
        return self.kind in _MARGINED


def cash_instrument(account: str, currency: str) -> Instrument:
    """Return the record of a cash balance, e.g. `deribit:BTC` or `binanceusdm:USDT`."""
    underlying = "" if currency in STABLE else currency
    return Instrument(f"{account}:{currency}", Kind.CASH, underlying, currency)
