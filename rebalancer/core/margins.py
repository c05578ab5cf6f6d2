"""Margins: the margin side of what a book knows, read at the prices of now."""

from collections.abc import Mapping
from typing import NamedTuple

from rebalancer.core import anchors, cushions
from rebalancer.core.anchors import Cushions
from rebalancer.core.cushions import Around
from rebalancer.core.figures import MarginTold
from rebalancer.core.instruments import Instrument
from rebalancer.core.ledger import Ledger
from rebalancer.core.margin.pool import Pool
from rebalancer.core.margin.rungs import Reading, read
from rebalancer.core.params import MarginParams, Params
from rebalancer.core.prices import Prices


class _Found(NamedTuple):
    """The pools of an account, and what they were found for."""

    ledger: int  # version
    prices: int  # version
    told: MarginTold | None  # this very word: an equal one may be another
    pools: tuple[Pool, ...] | None
    at: int  # ns
    until: int | None = None  # ns: till then nothing that they rest on grows too old; None: ask


class _Read(NamedTuple):
    """How a pool was found to stand, and what that rests on."""

    pool: Pool
    names: tuple[str, ...]  # of what moves it
    vols: tuple[float, ...]  # of each
    readings: tuple[Reading, ...]
    own: MarginParams
    rests: tuple[int, int]  # of the prices: what all vols rest on


class Margins:
    """How each account stands.

    Args:
        instruments: Every instrument that may be met, by id.
        params: Settings of the book.
        ledger: What is held.
        prices: What the markets said.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        params: Params,
        ledger: Ledger,
        prices: Prices,
    ) -> None:
        self.cushions = Cushions()
        self._instruments, self._params = instruments, params
        self._ledger, self._prices = ledger, prices
        self._pools: dict[str, _Found] = {}  # by account
        self._read: dict[str, _Read] = {}  # by pool
        self._around: Around | None = None  # of the last moment

    def __getstate__(self) -> dict[str, object]:
        """Return what is kept in a snapshot: not whom to ask, which is no knowledge."""
        return {**self.__dict__, "_around": None}

    def take(self, event: MarginTold, now: int) -> str | None:
        """Write down what a venue reckons, at the prices of now.

        Returns:
            What of it cannot be true, where that is news: then none of it counts.
        """
        before = self.cushions.faults.get(event.account)
        if anchors.take(self.cushions, event):
            self.pools(event.account, now)
        wrong = self.cushions.faults.get(event.account)
        return None if wrong == before else wrong

    def booked(self, account: str, ts: int) -> None:
        """Note that something was booked on an account at `ts`, ns."""
        anchors.note_booking(self.cushions, account, ts)

    def declared(self, account: str) -> None:
        """Note that somebody declared what an account holds."""
        anchors.forget(self.cushions, account)

    def around(self, now: int) -> Around:
        """Return what pools are worked out from at `now`, ns; it only says where to ask."""
        if self._around is not None and self._around.now == now:
            return self._around
        prices = self._prices
        self._around = Around(
            self._ledger,
            self._instruments,
            self._params,
            cushions.Prices(
                lambda name: prices.mark_price(name, now),
                lambda coin: prices.index_price(coin, now),
                prices.option_input,
            ),
            now,
        )
        return self._around

    def pools(self, account: str, now: int) -> tuple[Pool, ...] | None:
        """Return the pools of an account; None where nobody knows how it stands.

        Worked out anew when something that they rest on is told, or becomes too old: the
        ladder and the guard look at the same, and a step that changes neither finds them.
        """
        told, known = self.cushions.told.get(account), self._pools.get(account)
        if (
            known is None
            or known.prices != self._prices.version
            or known.ledger != self._ledger.version
            or known.told is not told
            or (known.at != now and self._until(account, known) < now)
        ):
            found = cushions.pools(self.cushions, account, self.around(now))
            versions = self._ledger.version, self._prices.version
            known = self._pools[account] = _Found(*versions, told, found, now)
        return known.pools

    def _until(self, account: str, known: _Found) -> int:
        """Return until when (ns) pools stand as they were found, if nothing is told."""
        if known.until is not None:
            return known.until
        until = cushions.stands(self.cushions, account, self._prices.stands, known.at)
        self._pools[account] = known._replace(until=until)
        return until

    def age(self, account: str, now: int) -> int | None:
        """Return ns since the figures of an account were asked for; None: there are none."""
        return anchors.age(self.cushions, account, now)

    def overtaken(self, account: str) -> bool:
        """Whether something was booked since the figures that count were asked for."""
        told = self.cushions.told.get(account)
        return told is not None and told.asked < self.cushions.booked.get(account, told.asked)

    def known(self, account: str, own: MarginParams, now: int) -> bool:
        """Whether an account's figures are young enough to grow or to protect by."""
        age = self.age(account, now)
        return age is not None and age <= own.max_age

    def vol(self, underlying: str, own: MarginParams) -> float:
        """Return the volatility that distances are measured by, per year."""
        told = self._prices.vol(underlying)
        wild = max(own.least_vol, 0.0 if told is None else told) * own.tail
        return min(wild, own.most_vol)

    def vols(self, pool: Pool, own: MarginParams) -> tuple[float, ...]:
        """Return the volatility of each coin that moves a pool, per year."""
        return tuple([self.vol(name, own) for name in pool.underlyings])

    def wildest(self, pool: Pool, own: MarginParams) -> float:
        """Return the largest volatility of what moves a pool, per year."""
        return max(self.vols(pool, own), default=own.least_vol)

    def readings(
        self, pool: Pool, own: MarginParams, vols: tuple[float, ...] | None = None
    ) -> tuple[Reading, ...]:
        """Return how a pool stands when each of its coins moves alone, and when all move.

        Args:
            pool: As it is now.
            own: The ladder.
            vols: Of `vols`, where it is at hand.
        """
        known, rests = self._read.get(pool.name), self._prices.vols
        if known is not None and known.pool is pool and known.rests == rests and known.own is own:
            return known.readings
        names = known.names if known is not None and known.pool is pool else pool.underlyings
        vols = tuple([self.vol(name, own) for name in names]) if vols is None else vols
        same = known is not None and known.vols == vols and known.own.ladder == own.ladder
        if known is not None and same and _alike(known.pool, pool):
            self._read[pool.name] = known._replace(pool=pool, own=own, rests=rests)
            return known.readings
        pairs = zip(names, vols, strict=True)
        found = [read(pool, name, vol, own.ladder) for name, vol in pairs]
        if len(names) != 1:  # all together; or nothing that moves, and the ratio alone tells
            found.append(read(pool, "", max(vols, default=own.least_vol), own.ladder))
        told = tuple(found)
        self._read[pool.name] = _Read(pool, names, vols, told, own, rests)
        return told


def _alike(one: Pool, other: Pool) -> bool:
    """Whether two pools of a name stand where they stand for the same reasons."""
    return one is other or (
        one.balance == other.balance
        and one.maintenance == other.maintenance
        and one.legs == other.legs
        and one.coins == other.coins
        and one.curves == other.curves
    )
