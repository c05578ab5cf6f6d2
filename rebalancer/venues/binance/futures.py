"""What a Binance futures account holds, and how it stands: USD-M and COIN-M.

Each asset is a pool by itself, unless USD-M counts all of them together; an isolated
position is a pool of its own. Cash is the wallet: what was realised is in it at once,
open profit is not. Long and short of one symbol side by side are refused: the ledger nets.
"""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

from rebalancer.core.events import PositionReport
from rebalancer.core.figures import TOGETHER, LegFigures, PoolFigures
from rebalancer.venues.accounts import Standing
from rebalancer.venues.binance import rows
from rebalancer.venues.binance.calls import BinanceCalls
from rebalancer.venues.budget import Lane
from rebalancer.venues.outcome import Malformed
from rebalancer.venues.payloads import Row, decimal, optional, table, text
from rebalancer.venues.payloads import rows as rows_of

_READINGS = 3  # of account and positions, while something is traded
_FIRST = Decimal(4)  # `adl` of who is deleveraged first
ZERO = Decimal(0)


class Futures:
    """The holdings of one futures account.

    Args:
        calls: Ask the venue.
        settled: Currencies that what is traded settles in: told even when empty.
        symbols: Of what the book knows there.
    """

    def __init__(
        self, calls: BinanceCalls, settled: Collection[str], symbols: Collection[str]
    ) -> None:
        self._calls, self._settled = calls, tuple(settled)
        self.symbols: dict[str, None] = dict.fromkeys(symbols)  # that were ever met
        self._together: bool | None = (
            None  # whether all assets counted as one at first; None: not asked
        )
        self._coins = not calls.venue.private.startswith("fapi")  # each contract pays in its coin

    async def account(self) -> Row:
        """Return the raw account: assets, and positions without their prices."""
        call = self._calls.venue.profile.figures.call
        return table(await self._calls.ask(call, {}, Lane.POLL), call)

    async def risks(self, lane: Lane = Lane.POLL, symbol: str = "") -> Sequence[Row]:
        """Return the raw positions with entry, margin and liquidation price."""
        call = self._calls.venue.call("Get" if self._coins else "V3Get", "PositionRisk")
        params = {"symbol": symbol} if symbol and not self._coins else {}
        answer = rows_of(await self._calls.ask(call, params, lane), call)
        told = [_netted(each, call) for each in answer]
        return [each for each in told if symbol in ("", each["symbol"])]

    async def position(self, instrument: str) -> Decimal | None:
        """Return what is held of an instrument.

        USD-M leaves out what is not held; COIN-M lists all, and what it does not list
        it has not told.
        """
        symbol = instrument.partition(":")[2]
        told = await self.risks(Lane.HEDGE, symbol)
        if not told:
            return None if self._coins else ZERO
        return sum((_amount(each, symbol) for each in told), ZERO)

    async def positions(self) -> Sequence[PositionReport]:
        """Return every position that is held, and the cash of every asset, as of one moment."""
        asked, account = self._calls.clock.now(), self._calls.venue.name
        left = _READINGS
        while True:
            told, left = await self.account(), left - 1
            held = _held(told, account)
            entries = {str(each["symbol"]): each for each in await self.risks()}
            same = (_amount(entries.get(name, {}), name) == size for name, size in held.items())
            if all(same) or not left:
                break
        ts, found = self._calls.clock.now(), list[PositionReport]()
        self.symbols |= dict.fromkeys(held)
        for symbol, size in held.items():
            entry = rows.entry_of(entries.get(symbol, {}))
            found.append(PositionReport(ts, asked, account, f"{account}:{symbol}", size, entry))
        for each in standings(told, account):
            if each.cash or each.currency in self._settled:
                name = f"{account}:{each.currency}"
                found.append(PositionReport(ts, asked, account, name, each.cash))
        return found

    async def standing(self) -> Sequence[Standing]:
        """Return each asset of the account."""
        return standings(await self.account(), self._calls.venue.name)

    async def figures(self) -> tuple[Sequence[PoolFigures], Sequence[LegFigures]]:
        """Return how the account stands, and each position of it, by the venue's reckoning."""
        told, risks = await self.account(), [each for each in await self.risks() if _size(each)]
        name = self._calls.venue.name
        maintained = _maintained(told, risks)
        legs = [
            LegFigures(
                instrument=f"{name}:{each['symbol']}",
                maintenance=maintained.get(str(each["symbol"])),
                liquidation=optional(each, "liquidationPrice") or None,
                queue=_place(each),
            )
            for each in risks
        ]
        if await self._counted_together():
            return (_whole(told, name),), legs
        alone = [each for each in risks if optional(each, "isolatedMargin")]
        pools = [self._alone(each, maintained) for each in alone]
        for row in standings(told, name):
            pools.append(_shared(row, [each for each in pools if each.currency == row.currency]))
        return pools, legs

    async def _counted_together(self) -> bool:
        """Return whether all assets count as one; raises Malformed where that has changed.

        Somebody may switch it while the book runs. Then the account is no longer the one
        that was examined, and its figures are none that the settings can be held against.
        """
        if self._coins:
            return False
        call = self._calls.venue.call("Get", "AccountConfig")
        told = table(await self._calls.ask(call, {}, Lane.POLL), call).get("multiAssetsMargin")
        if not isinstance(told, bool):
            raise Malformed(f"{call}: multiAssetsMargin must be true or false")
        self._together = told if self._together is None else self._together
        if told is not self._together:
            must = f"must be {self._together}, as at the start, was {told}"
            raise Malformed(f"{call}: multiAssetsMargin {must}: no figure of it is believed")
        return told

    def _alone(self, row: Row, maintained: Mapping[str, Decimal]) -> PoolFigures:
        """Return an isolated position as the pool that it is."""
        where, name = f"{self._calls.venue.name} position", str(row["symbol"])
        balance = decimal(row, "isolatedWallet", where) + decimal(row, "unRealizedProfit", where)
        held = maintained.get(name, ZERO)
        return PoolFigures(
            currency=self._asset(row),
            equity=balance,
            balance=balance,
            maintenance=held,
            initial=optional(row, "initialMargin") or held,
            instrument=f"{self._calls.venue.name}:{name}",
        )

    def _asset(self, row: Row) -> str:
        if self._coins:
            return text(row, "symbol", "position").partition("USD")[0]
        return text(row, "marginAsset", "position")


def standings(told: Row, account: str) -> Sequence[Standing]:
    """Return the assets of an account; raises Malformed."""
    where = f"{account} asset"
    return [
        Standing(
            currency=text(each, "asset", where),
            equity=decimal(each, "marginBalance", where),
            margin_balance=decimal(each, "marginBalance", where),
            maintenance=decimal(each, "maintMargin", where),
            initial=decimal(each, "initialMargin", where),
            cash=decimal(each, "walletBalance", where),
        )
        for each in rows_of(told.get("assets"), where)
    ]


def _shared(told: Standing, apart: Sequence[PoolFigures]) -> PoolFigures:
    """Return an asset as a pool, without the isolated positions that stand in its figures."""
    return PoolFigures(
        currency=told.currency,
        equity=told.equity - sum((each.equity for each in apart), ZERO),
        balance=told.margin_balance - sum((each.balance for each in apart), ZERO),
        maintenance=max(told.maintenance - sum((each.maintenance for each in apart), ZERO), ZERO),
        initial=max(told.initial - sum((each.initial for each in apart), ZERO), ZERO),
    )


def _whole(told: Row, account: str) -> PoolFigures:
    """Return all assets as one pool, USD."""
    balance = decimal(told, "totalMarginBalance", account)
    return PoolFigures(
        currency=TOGETHER,
        equity=balance,
        balance=balance,
        maintenance=decimal(told, "totalMaintMargin", account),
        initial=decimal(told, "totalInitialMargin", account),
        together=True,
    )


def _held(told: Row, account: str) -> dict[str, Decimal]:
    """Return symbol → contracts of what is held; raises Malformed."""
    where = f"{account} position"
    listed = [_netted(each, where) for each in rows_of(told.get("positions"), where)]
    sizes = {str(each["symbol"]): _size(each) for each in listed}
    return {symbol: size for symbol, size in sizes.items() if size}


def _maintained(told: Row, risks: Sequence[Row]) -> Mapping[str, Decimal]:
    """Return symbol → maintenance margin, from whichever list tells it."""
    found: dict[str, Decimal] = {}
    for row in (*risks, *rows_of(told.get("positions"), "positions")):
        margin = optional(row, "maintMargin")
        if margin is not None:
            found[str(row.get("symbol"))] = margin
    return found


def _netted(row: Row, where: str) -> Row:
    """Return a position row of one-way mode; raises Malformed."""
    text(row, "symbol", where)
    side = text(row, "positionSide", where)
    if side != "BOTH":
        raise Malformed(f"{where}: positionSide must be BOTH (one-way mode), was {side}")
    return row


def _size(row: Row) -> Decimal:
    return decimal(row, "positionAmt", "position")


def _amount(row: Row, symbol: str) -> Decimal:
    """Return the contracts of a row that may be missing."""
    return _size(row) if row.get("symbol") == symbol else ZERO


def _place(row: Row) -> float | None:
    """Return the place among who is deleveraged, 0 … 1; None: not told."""
    told = optional(row, "adl")
    return None if told is None else float(told / _FIRST)
