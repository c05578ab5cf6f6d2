"""The live venue: orders through an unmodified ccxt exchange, each sent once and then proved.

What an answer proves is `outcomes`'s to say. Fills and endings that come with an
answer are delivered as hints; the truth is what `query`, `positions` and
`history` read from the venue, and they alone would do. An order that nobody can
vouch for is never sent again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

from rebalancer.core.commands import Cancel, Query, Submit, TimeInForce
from rebalancer.core.events import (
    AccountEvent,
    Ending,
    Event,
    Fill,
    OrderAccepted,
    OrderEnded,
    OrderEvent,
    OrderNotFound,
    OrderRejected,
    OrderUnknown,
    PositionReport,
)
from rebalancer.core.figures import MarginTold
from rebalancer.core.ids import decode
from rebalancer.core.instruments import Instrument
from rebalancer.core.orders import Order
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND, Clock
from rebalancer.venues import requests
from rebalancer.venues.accounts import (
    BEFORE_INTENT,
    SENT,
    Account,
    History,
    Placed,
    Shelf,
    ended,
)
from rebalancer.venues.budget import Budget, Lane
from rebalancer.venues.connection import Connection
from rebalancer.venues.dead_man import DeadManSwitch
from rebalancer.venues.hold import VenueHold
from rebalancer.venues.leaving import sending
from rebalancer.venues.listings import ListingWatch
from rebalancer.venues.outcome import Malformed, Outcome
from rebalancer.venues.outcomes import explain, judge
from rebalancer.venues.profile import MATCHING, Profile
from rebalancer.venues.requests import Market
from rebalancer.venues.skew import SkewWatch

Deliver = Callable[[Event], None]
Bars = Callable[[Submit], str | None]  # why an order may not leave any more
LONG_OVER = requests.VALIDITY + 30 * SECOND  # ns: an order that may not rest has ended long since
LOOK_BACK = 3_600 * SECOND  # ns from where fills of an order of an earlier start are looked for


def unbarred(_order: Submit) -> str | None:
    """Return nothing: nobody forbids an order to leave."""
    return None


class Sent:
    """The orders that this process sent: when, and as what the venue knows them."""

    def __init__(self) -> None:
        self._at: dict[str, int] = {}
        self.order_ids: dict[str, str] = {}  # client order id → the venue's
        self.over: dict[str, None] = {}  # client order ids whose end was delivered
        self._hasty: set[str] = set()  # client order ids of what may not rest

    def note(self, name: str, ts: int, *, hasty: bool = False) -> None:
        """Remember that an order leaves now; a hasty one ends at once, or never arrives."""
        self._at[name] = ts
        if hasty:
            self._hasty.add(name)

    def remember(self, order: Order) -> None:
        """Take over an order of an earlier start, with the venue's name for it if one is known."""
        name = order.submit.client_order_id
        hasty = order.submit.time_in_force is TimeInForce.IOC
        self.note(name, order.sent_at, hasty=hasty)
        if order.venue_order_id is not None:
            self.order_ids[name] = order.venue_order_id

    def made(self, label: str) -> bool:
        """Whether this start sent it, or remembers it from an earlier one."""
        return label in self._at

    def ours(self, label: str) -> bool:
        """Whether a label is a client order id of ours, of this start or an earlier one."""
        return label in self._at or decode(label) is not None

    def ended(self, name: str, now: int) -> bool:
        """Whether an order, if it ever arrived, cannot live any more and is shown everywhere."""
        return name in self._hasty and now - self._at[name] >= LONG_OVER

    def since(self, name: str, now: int) -> int:
        """Return from when fills of an order are looked for, ns."""
        return self._at.get(name, now - LOOK_BACK) - BEFORE_INTENT


@dataclass(frozen=True, slots=True)
class Line:
    """What one account's orders go through."""

    connection: Connection  # its markets must be loaded: `load`
    profile: Profile
    budget: Budget  # the right to send
    clock: Clock
    dead_man: DeadManSwitch  # without an armed one nothing that may rest leaves
    sent: Sent  # shared with the account's reader, which must know our labels
    skew: SkewWatch | None = None  # whether the clock may be trusted; None: nobody looks
    hold: VenueHold | None = None  # whether the venue takes orders; None: nobody looks
    listings: ListingWatch | None = None  # whether an instrument is fit; None: nobody looks
    barred: Bars = unbarred  # whether an order that waited for a connection may still leave

    def refusal(self, instrument: str) -> str | None:
        """Return why nothing may be sent, or not to an instrument; None where it may."""
        refused = None if self.skew is None else self.skew.refusal()
        refused = refused or (None if self.hold is None else self.hold.refusal(instrument))
        return refused or (None if self.listings is None else self.listings.refusal(instrument))

    def bars(self, order: Submit) -> str | None:
        """Return why an order may not leave after all: asked right before it does."""
        stood = None if self.skew is None else self.skew.refusal()
        return self.barred(order) or stood

    def heard(self, instrument: str, error: BaseException, code: str | None) -> None:
        """Take note of how an order failed."""
        if self.hold is not None:
            self.hold.heard(code)
        if self.listings is not None:
            self.listings.heard(instrument, error, code)


async def load(connection: Connection) -> dict[str, Market]:
    """Load the venue's markets once and return those that an order can be made of, by name.

    It parses for half a second on the event loop: before a book is active, and
    never on its hot path.

    Raises:
        Unavailable: The venue did not answer, or not with markets.
    """
    try:
        with localcontext():
            raw = await connection.exchange.load_markets()
    except Exception as error:  # noqa: BLE001 - ccxt's texts carry addresses
        raise explain(connection.venue, "load_markets", error) from None
    found = (requests.market(each, connection.profile) for each in raw.values())
    markets = {each.name: each for each in found if each is not None}
    if not markets:  # ccxt takes a page for people with status 200 for "there are none"
        raise Malformed(f"{connection.venue} load_markets: must name markets, was none")
    return markets


class CcxtVenue:
    """One account behind ccxt; a `ports.Venue`.

    Args:
        account: Its key in the settings.
        books: Reads and asks the account.
        line: What orders go through.
        markets: What the venue trades, by its own names.
        instruments: What we may trade, by id; anything else is rejected here.
        deliver: Where hints go.
    """

    def __init__(
        self,
        account: str,
        books: Account,
        line: Line,
        markets: Mapping[str, Market],
        instruments: Mapping[str, Instrument],
        deliver: Deliver,
    ) -> None:
        self.account = account
        self._books = books
        self._line = line
        self._markets = markets
        self._instruments = instruments
        self._deliver = deliver

    async def submit(self, order: Submit) -> OrderEvent:
        """Send once, never again; return accepted, rejected or unknown."""
        line, name = self._line, order.client_order_id
        line.connection.check()
        where = self._markets.get(order.instrument.partition(":")[2])
        known = self._instruments.get(order.instrument)
        refused = requests.refusal(order, known, where, line.profile)
        refused = refused or line.dead_man.refusal(order)
        refused = refused or line.refusal(order.instrument)
        if refused is not None or where is None:
            return self._rejected(name, f"not sent: {refused}", sent=False)
        pause = line.budget.take(MATCHING, Lane.HEDGE)
        if pause:
            reason = f"not sent: the rate budget is spent for {pause // 1_000_000} ms"
            return self._rejected(name, reason, sent=False)
        hasty = order.time_in_force is TimeInForce.IOC
        line.sent.note(name, line.clock.now(), hasty=hasty)
        sent = requests.request(order, where, line.profile, line.clock.now())
        beside = requests.headers(line.profile, line.clock.now())
        words = requests.wording(order, sent, line.profile)
        with sending(words, beside, lambda: line.bars(order)) as sends:
            try:
                answer = await self._send(order, where, sent, sends)
                placed, fills = self._books.answered(answer)
                if placed.label != name:
                    raise Malformed(f"label must be {name}, was {placed.label!r}")
            except Exception as error:  # noqa: BLE001 - whatever broke, `judge` says what it proves
                return self._failed(order, error, sends)
        if placed.rejected and not placed.filled:
            return self._rejected(name, placed.rejected)
        line.sent.order_ids[name] = placed.order_id
        self._hint(placed, fills)
        return OrderAccepted(line.clock.now(), placed.ts, name, placed.order_id)

    async def _send(
        self, order: Submit, where: Market, sent: requests.Request, sends: list[str]
    ) -> Any:
        """Send an order: what may rest goes where the dead-man switch holds."""
        line, socket = self._line, self._line.dead_man.socket
        if order.time_in_force is TimeInForce.IOC or socket is None:
            with localcontext():  # ccxt rounds its own way, for whoever comes after it too
                told = await line.connection.exchange.create_order(
                    sent.symbol, "limit", sent.side, sent.amount, sent.price, dict(sent.params)
                )
            # Some answers repeat nothing of what was sent.
            return {**told, SENT: order} if isinstance(told, Mapping) else told
        sends.append("websocket")
        return await socket.order(order, where, line.profile, line.clock.now())

    def _failed(self, order: Submit, error: Exception, sends: Sequence[str]) -> OrderEvent:
        line, name = self._line, order.client_order_id
        judged = judge(line.profile.venue, error, sends, line.profile.codes)
        line.heard(order.instrument, error, judged.code)
        match judged.outcome:
            case Outcome.REJECTED:
                return self._rejected(name, judged.reason)
            case Outcome.LIMITED:
                line.budget.complained()
                return self._rejected(name, judged.reason)
            case Outcome.NOT_SENT:
                return self._rejected(name, f"not sent: {judged.reason}", sent=False)
            case Outcome.DUPLICATE:
                reason = f"one with this id is there: {judged.reason}"
                return OrderUnknown(line.clock.now(), None, name, reason)
            case Outcome.UNKNOWN:
                return OrderUnknown(line.clock.now(), None, name, judged.reason)

    def _rejected(self, name: str, reason: str, *, sent: bool = True) -> OrderRejected:
        return OrderRejected(self._line.clock.now(), None, name, reason, sent=sent)

    def _hint(self, placed: Placed, fills: Sequence[Fill]) -> None:
        """Deliver what is known of an order, once the caller has heard that it was accepted."""
        now, sent = self._line.clock.now(), self._line.sent
        end = None if placed.label in sent.over else ended(placed, now)
        if end is not None:
            sent.over[placed.label] = None

        def arrive() -> None:
            for event in (*fills, *(() if end is None else (end,))):
                self._deliver(event)

        self._line.clock.call_at(now, arrive)

    async def cancel(self, order: Cancel) -> None:
        """Withdraw an order by our id; its end arrives as a hint.

        Raises:
            Unavailable: The venue did not answer, so that nobody knows whether it rests.
        """
        name = order.client_order_id
        count = await self._books.cancel(name, order.instrument)
        if not count:
            return
        for placed in await self._books.placed(name, order.instrument):
            self._hint(placed, await self._books.fills_of(placed))

    async def query(self, order: Query) -> Sequence[AccountEvent]:
        """Return what the venue knows of an order: by our id, among open ones, by its trades.

        An order that was accepted under a number is also asked for by that
        number. "Not found" is said only when every question was answered with no,
        and with the position as it was after that. A venue forgets what has ended:
        an order that may not rest, is not open and is long past its time has
        ended with what its trades tell.

        Raises:
            Unavailable: A question was not answered, or the venue denies an order
                that it has accepted: nothing follows from that.
        """
        line, name, now = self._line, order.client_order_id, self._line.clock.now()
        sent = line.sent
        found = list(await self._books.placed(name, order.instrument))
        known = sent.order_ids.get(name)
        if not found and known is not None:
            by_id = await self._books.by_id(known, order.instrument)
            found = [] if by_id is None else [by_id]
        if found:
            return [event for placed in found for event in await self._told(placed)]
        since = sent.since(name, now)
        fills = await self._books.fills_labelled(name, order.instrument, since)
        timely = bool(line.profile.deadline or line.profile.window)
        if (fills or known is not None) and timely and sent.ended(name, now):
            return (*fills, _forgotten(name, fills, now))
        if fills:
            return fills
        if known is not None:
            raise Unavailable(
                f"{line.profile.venue} shows no {name} though it accepted it as {known};"
                " it may be behind, asking again"
            )
        position = await self._books.position(order.instrument)
        return (OrderNotFound(line.clock.now(), None, name, position, asked=now),)

    async def _told(self, placed: Placed) -> Sequence[AccountEvent]:
        """Return the whole story of an order that was found."""
        now, name = self._line.clock.now(), placed.label
        if placed.rejected and not placed.filled:
            return (self._rejected(name, placed.rejected),)
        self._line.sent.order_ids[name] = placed.order_id
        end = ended(placed, now)
        accepted = OrderAccepted(now, placed.ts, name, placed.order_id)
        fills = await self._books.fills_of(placed)
        return (accepted, *fills, *(() if end is None else (end,)))

    async def resting(self) -> Shelf:
        """Return every open order of the account, whoever placed it."""
        return await self._books.resting()

    async def positions(self) -> Sequence[PositionReport]:
        """Return every position and cash balance of the account."""
        return await self._books.positions()

    async def margin(self) -> MarginTold:
        """Return how the account stands by the venue's own reckoning."""
        asked = self._line.clock.now()
        pools, legs = await self._books.figures()
        return MarginTold(self._line.clock.now(), asked, self.account, tuple(pools), tuple(legs))

    async def history(self, since: int, *, whole: bool = True) -> History:
        """Return every booking since `since` (ns), by venue time, each once.

        Bookings show late: a caller asks from `accounts.OVERLAP` before where
        its last look ended, and the ledger knows what it booked already.
        """
        return await self._books.history(since, whole=whole)


def _forgotten(name: str, fills: Sequence[Fill], now: int) -> OrderEnded:
    """Return the end of an order that the venue shows no more, but for its trades."""
    at = max((each.ts_venue or 0 for each in fills), default=0)
    filled = sum((each.quantity for each in fills), Decimal(0))
    return OrderEnded(now, at or None, name, Ending.EXPIRED, filled)
