"""Prices: what the markets said, which index counts, and which word of it is believed.

An underlying has one index at a time: two venues that take turns would move
its delta by what lies between them. A jump needs a second word, and a mark that
cannot be true beside the index is not taken.
"""

import math
from collections.abc import Iterable, Mapping

from rebalancer.core import funding, quotes, valuation, volatility
from rebalancer.core import memory as memories
from rebalancer.core.commands import Style
from rebalancer.core.events import FundingRate, Index, Mark, MarketEvent, OptionMark
from rebalancer.core.exposure import Book, Exposure, OptionInput
from rebalancer.core.fixings import NEVER, Fixing
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.memory import Memory
from rebalancer.core.params import Params, UnderlyingParams
from rebalancer.core.skew import Curves, Deltas
from rebalancer.core.valuation import Holdings

USUAL = 86_400_000_000_000  # ns after which a basis counts half in what is usual
_MARKS = OptionMark | Mark
_VALUES = OptionMark | Mark | Index


class Prices:
    """The market side of what a book knows.

    Args:
        instruments: Every instrument that may be met, by id.
        params: Settings of the book.
        memory: By underlying; keeps which index was believed last.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        params: Params,
        memory: Mapping[str, Memory],
    ) -> None:
        self.markets = quotes.Markets()
        self._instruments, self._params, self._memory = instruments, params, memory
        self.version = 0  # words taken that something is valued by: marks and indexes
        self.curves = Curves()
        self.deltas = Deltas()
        self.carries: dict[str, funding.Track] = {}  # perpetual → what its funding did
        self._usual: dict[str, tuple[int, float]] = {}  # future → ns, its slow mark ÷ index − 1
        self._valuation = valuation.Valuation()
        self._sources = {name: _sources(own) for name, own in params.underlyings.items()}

    def index(self, underlying: str, now: int) -> Index | None:
        """Return the index that an underlying is measured by.

        The first hedge venue's that is young enough; failing that, the youngest.
        """
        return self._index(underlying, now)[0]

    def _index(self, underlying: str, now: int) -> tuple[Index | None, bool]:
        """Return the same, and whether it is young enough."""
        oldest = now - self._params.staleness.index
        for key, slot in self._sources.get(underlying, ()):
            own = self.markets.indexes.get(key)
            if own is not None and self.markets.advanced.get(slot, 0) >= oldest:
                return own, True
        found, youngest = None, -1
        for (_, name), index in self.markets.indexes.items():
            since = self._advanced(index) if name == underlying else -1
            if since > youngest:
                found, youngest = index, since
        return found, youngest >= oldest

    def _advanced(self, index: Index) -> int:
        subject = f"{index.venue}:{index.underlying}"
        return self.markets.advanced.get((Index.__name__, subject), 0)

    def believed(self, underlying: str, now: int) -> Index | None:
        """Return the index, unless it jumped and nothing has confirmed it yet."""
        return None if self._doubted(underlying) else self.index(underlying, now)

    def _doubted(self, underlying: str) -> bool:
        memory = self._memory.get(underlying)
        return memory is not None and memory.suspect is not None

    def mark_price(self, name: str, now: int) -> float | None:
        """Return an instrument's mark if it is young enough, else the index if it has no date."""
        mark, age = self.markets.marks.get(name), quotes.age(self.markets, Mark, name, now)
        if mark is not None and age is not None and age <= self._params.staleness.mark:
            return float(mark.price)
        instrument = self._instruments[name]
        undated = instrument.kind in (Kind.PERPETUAL, Kind.SPOT)
        return self.index_price(instrument.underlying, now) if undated else None

    def index_price(self, coin: str, now: int) -> float | None:
        """Return a coin's index if it is believed and young enough, USD."""
        if self._doubted(coin):
            return None
        index, young = self._index(coin, now)
        return float(index.price) if index is not None and young else None

    def stands(self, names: Iterable[str], now: int) -> int:
        """Return until when the marks of `names` and all indexes stay as young as at `now`, ns."""
        told, own = self.markets.advanced, self._params.staleness
        ends = [told.get((Mark.__name__, name), 0) + own.mark for name in names]
        ends += [self._advanced(each) + own.index for each in self.markets.indexes.values()]
        return min((each for each in ends if each >= now), default=NEVER)

    def option_input(self, name: str) -> tuple[float, float, float] | None:
        """Return vol and forward ÷ index of an option, and the mean that it settles on so far.

        As they were told last. The mean in USD per coin, 0 before its average has
        begun; None where one of the three is not known.
        """
        return valuation.option_input(self._valuation, self._instruments[name])

    @property
    def inputs(self) -> Mapping[str, OptionInput]:
        """What is believed of each option, held or not, by id."""
        return self._valuation.options

    def turn(self, name: str, turned: float) -> None:
        """Write down how an option's vol moves with the price: dvol/d ln F at its strike."""
        self.version += 1
        valuation.turn(self._valuation, self._instruments[name], turned)

    @property
    def fixings(self) -> dict[str, dict[int, Fixing]]:
        """Settlements that are being averaged, by underlying and expiry."""
        return self._valuation.fixings

    def usual_basis(self, name: str) -> float | None:
        """Return the slow mean of a future's mark ÷ index − 1; None: nothing was told."""
        told = self._usual.get(name)
        return None if told is None else told[1]

    def vol(self, underlying: str) -> float | None:
        """Return how wild a coin is, per year: what it did, or what its held options say.

        The larger of the two; None where neither says anything.
        """
        memory, compiled = self._memory.get(underlying), self._valuation.compiled.get(underlying)
        done = None if memory is None else volatility.annual(memory.realised)
        said = None if compiled is None else compiled.vol
        if done is None or said is None:
            return said if done is None else done
        return max(done, said)

    @property
    def vols(self) -> tuple[int, int]:
        """What `vol` rests on: while it is equal every vol is what it was."""
        return self.version, self._valuation.made

    def measure(self, book: Book, price: float, now: int) -> Exposure:
        """Return the deltas of a book at an index price, USD per coin, at `now`, ns."""
        return valuation.measure(self._valuation, book, price, now)

    def book(self, underlying: str, version: int, holdings: Holdings) -> Book:
        """Return the compiled holdings of an underlying, up to date.

        Args:
            underlying: Of the settings.
            version: Of the ledger that the holdings are read from.
            holdings: Tells those of an underlying; asked only when something changed.
        """
        own = self._params.underlyings[underlying]
        return valuation.book(self._valuation, own, version, holdings)

    def take(self, event: MarketEvent, now: int) -> None:
        """Write down what a market says."""
        self.version += isinstance(event, _VALUES)
        if isinstance(event, FundingRate) and not funding.possible(event.rate, event.interval):
            self.markets.funding.pop(event.instrument, None)  # nobody knows it any more
            self.markets.refused += 1
            return
        known = isinstance(event, Index) or event.instrument in self._instruments
        if isinstance(event, _MARKS) and known and not self._plausible(event, now):
            self.markets.refused += 1
            return
        if not known or not quotes.take_down(self.markets, event):
            return
        match event:
            case OptionMark() | Mark():
                instrument = self._instruments[event.instrument]
                believed = self.believed(instrument.underlying, now)
                beside = self.index(instrument.underlying, now)
                valuation.take(self._valuation, event, instrument, believed, beside)
                if instrument.kind is Kind.FUTURE and believed is not None:
                    self._note_basis(instrument.id, now, float(event.price) / float(believed.price))
            case FundingRate():
                track = self.carries.setdefault(event.instrument, funding.Track())
                funding.note(track, now, event.rate, event.interval)
            case Index():
                self._take_index(event, now)
            case _:
                pass

    def _note_basis(self, name: str, now: int, carry: float) -> None:
        ts, mean = self._usual.get(name, (now, carry - 1.0))
        fresh = -math.expm1(-math.log(2) * max(now - ts, 0) / USUAL)
        self._usual[name] = (now, mean + fresh * (carry - 1.0 - mean))

    def _plausible(self, event: OptionMark | Mark, now: int) -> bool:
        """Whether what an option or a future is valued by can be true, by index and past."""
        instrument = self._instruments[event.instrument]
        index = self.believed(instrument.underlying, now)
        if index is not None and not valuation.possible(event, instrument, index):
            return False
        return isinstance(event, Mark) or valuation.believed(self._valuation, event, instrument)

    def _take_index(self, event: Index, now: int) -> None:
        own = self._params.underlyings.get(event.underlying)
        if own is not None and self.index(event.underlying, now) is event:
            told, price = self._memory[own.name], float(event.price)
            memories.weigh(told, price, self._params.collar.jump)
            memories.saw(told, event.ts_local, price, own.band.move_window)
            if own.execution.style is not Style.IOC:
                memories.moves(told, event.ts_local, price)
            if told.suspect is None:
                volatility.take(told.realised, event.ts_local, price)
        believed = self.believed(event.underlying, now)
        if believed is not None:
            valuation.take_index(self._valuation, believed, self._instruments)


def _sources(own: UnderlyingParams) -> tuple[tuple[tuple[str, str], tuple[str, str]], ...]:
    """Return where the indexes of the hedge venues are kept: each and when it advanced."""
    venues = dict.fromkeys(name.partition(":")[0] for name in (*own.hedge_buy, *own.hedge_sell))
    return tuple(((venue, own.name), (Index.__name__, f"{venue}:{own.name}")) for venue in venues)
