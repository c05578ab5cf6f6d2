"""Requests: an order of ours as ccxt's `create_order` must be given it, or why it must not go.

A price is rounded to the venue's step against the order, so that no limit is
ever loosened; ccxt would round it to the nearest. A quantity that is no multiple
of the lot is refused; ccxt would cut it. Numbers travel as plain text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from rebalancer.core.commands import Submit
from rebalancer.core.instruments import Instrument
from rebalancer.ports import SECOND
from rebalancer.venues.payloads import MILLISECOND, Row, as_iso, optional
from rebalancer.venues.profile import Profile, Unit
from rebalancer.venues.wording import Wording

ZERO = Decimal(0)
VALIDITY = 5 * SECOND  # ns after which the venue must not accept a request any more
TRAVEL = 2 * SECOND  # ns that a signed order may travel, where the venue counts from its signature


@dataclass(frozen=True, slots=True)
class Request:
    """What `create_order` is called with."""

    symbol: str
    side: str
    amount: str
    price: str
    params: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Market:
    """What a venue says of an instrument, as far as an order needs it."""

    symbol: str  # ccxt's
    name: str  # the venue's
    active: bool
    step: Decimal  # of a quantity, contracts
    minimum: Decimal  # contracts
    tick: Decimal  # of a price
    coarser: Sequence[tuple[Decimal, Decimal]] = ()  # (above this price, tick)
    worth: Decimal | None = None  # least of an order that does not only reduce, quote currency

    def tick_at(self, price: Decimal) -> Decimal:
        """Return the step of a price; Deribit's options have a coarser one above 0.005."""
        return max([self.tick, *(tick for above, tick in self.coarser if price > above)])


def named(raw: Row, profile: Profile | None = None) -> str:
    """Return the name of an instrument, of the fields of ccxt's market structure.

    Of a pair it is ccxt's symbol, where a contract has the same name.
    """
    if profile is not None and profile.spot_by_symbol and raw.get("spot") is True:
        return str(raw["symbol"])
    template = "{id}" if profile is None else profile.name
    return template.format(**{str(field): each for field, each in raw.items()})


def traded(raw: Row, profile: Profile | None) -> bool:
    """Whether an instrument is one that the account of a profile trades, and settles in."""
    if profile is None:
        return True
    own = not profile.types or raw.get("type") in profile.types
    return own and (not profile.settles or raw.get("settle") in profile.settles)


def market(raw: Row, profile: Profile | None = None) -> Market | None:
    """Return what ccxt's market structure says; None where it lacks a step, or is traded elsewhere.

    ccxt leaves `tick_size_steps` out of its structure; they stand in `info`. And
    where a price has so many significant digits, its tick is that of one price.
    """
    precision, limits = raw.get("precision") or {}, (raw.get("limits") or {}).get("amount") or {}
    step, tick = optional(precision, "amount"), optional(precision, "price")
    if step is None or tick is None or step <= 0 or tick <= 0 or not traded(raw, profile):
        return None
    minimum = optional(limits, "min")
    steps = coarser(raw.get("info") or {})
    if profile is not None and profile.significant_digits:
        tick, steps = digits(step, profile)
    return Market(
        symbol=str(raw["symbol"]),
        name=named(raw, profile),
        active=raw.get("active") is not False,
        step=step,
        minimum=step if minimum is None else minimum,
        tick=tick,
        coarser=steps,
        worth=optional((raw.get("limits") or {}).get("cost") or {}, "min"),
    )


def digits(step: Decimal, profile: Profile) -> tuple[Decimal, list[tuple[Decimal, Decimal]]]:
    """Return the finest tick of a price with so many significant digits, and the coarser ones.

    A quantity and a price share a number of decimals; whole prices may have any
    number of digits.
    """
    places = -int(step.normalize().as_tuple().exponent)
    finest = Decimal(1).scaleb(-max(profile.price_decimals - max(places, 0), 0))
    steps: list[tuple[Decimal, Decimal]] = []
    while (tick := finest * 10 ** (len(steps) + 1)) <= 1:
        steps.append((tick * 10 ** (profile.significant_digits - 1), tick))
    return finest, steps


def coarser(info: Row) -> list[tuple[Decimal, Decimal]]:
    """Return the coarser steps of a price in Deribit's own words."""
    return [
        (above, own)
        for each in info.get("tick_size_steps") or ()
        if (above := optional(each, "above_price")) is not None
        and (own := optional(each, "tick_size")) is not None
    ]


def rounded(price: Decimal, quantity: Decimal, where: Market) -> Decimal:
    """Return the price on the venue's steps that is no looser than `price`.

    A buy goes down and a sale up; a sale may then need the coarser step.
    """
    up = quantity < 0
    result = price
    for _ in range(len(where.coarser) + 1):
        tick = where.tick_at(result)
        steps = (result / tick).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR)
        result = steps * tick
    return result


def refusal(
    order: Submit, instrument: Instrument | None, where: Market | None, profile: Profile
) -> str | None:
    """Return why an order must not be sent; None where it may."""
    if where is None or instrument is None or not where.active:
        return f"{order.instrument} is not traded"
    unit = profile.amounts.get(instrument.kind)
    if unit is None:
        return f"{order.instrument}: {profile.venue} takes no order in a {instrument.kind}"
    if unit is not Unit.CONTRACT and instrument.size != 1:
        return f"{order.instrument}: size must be 1, as {unit} is counted, was {instrument.size}"
    if order.reduce_only and not profile.reduce_only[0]:
        return f"{order.instrument}: {profile.venue} takes no order that only reduces"
    if order.time_in_force not in profile.wire_flags:
        return f"{profile.venue} takes no order that is {order.time_in_force}"
    try:
        label = profile.spelling.spelled(order.client_order_id)
    except ValueError as error:
        return f"its id {error}"
    if len(label) > profile.client_id_length:
        return f"its id must have at most {profile.client_id_length} characters, was {label}"
    return _badly_cut(order, instrument, where)


def _badly_cut(order: Submit, instrument: Instrument, where: Market) -> str | None:
    """Return what is wrong with an order's numbers; None where nothing is."""
    size = abs(order.quantity)
    if not order.quantity.is_finite() or not order.price.is_finite() or order.price <= 0:
        return "quantity and price must be numbers, the price above 0"
    if size % where.step or size % instrument.lot:
        return f"quantity must be a multiple of {where.step}, was {order.quantity}"
    if size < where.minimum:
        return f"quantity must be at least {where.minimum}, was {order.quantity}"
    least = ZERO if where.worth is None or order.reduce_only else where.worth
    if not instrument.inverse and size * instrument.size * order.price < least:
        worth = size * instrument.size * order.price
        return f"an order must be worth at least {least}, was {worth.normalize():f}"
    if order.price % instrument.tick:
        return f"price must be a multiple of {instrument.tick}, was {order.price}"
    if rounded(order.price, order.quantity, where) <= 0:
        return f"price must be at least one step ({where.tick}), was {order.price}"
    return None


def request(order: Submit, where: Market, profile: Profile, now: int) -> Request:
    """Return what an order that is not refused is sent as."""
    params: dict[str, object] = {
        profile.client_id: profile.spelling.spelled(order.client_order_id),
        **profile.order_flags[order.time_in_force],
    }
    if order.reduce_only:
        params["reduceOnly"] = True
    if profile.deadline and not profile.deadline_in_header:
        until = now + VALIDITY
        iso = profile.deadline_form == "iso"
        until = TRAVEL if profile.deadline_is_span else until
        params[profile.deadline] = as_iso(until) if iso else until // MILLISECOND
    return Request(
        symbol=where.symbol,
        side="buy" if order.quantity > 0 else "sell",
        amount=plain(abs(order.quantity)),
        price=plain(rounded(order.price, order.quantity, where)),
        params=params,
    )


def headers(profile: Profile, now: int) -> dict[str, str]:
    """Return what of an order travels beside its body."""
    if not profile.deadline_in_header:
        return {}
    return {profile.deadline: str((now + VALIDITY) // MILLISECOND)}


def wording(order: Submit, sent: Request, profile: Profile) -> Wording:
    """Return what must stand on the wire before an order may leave.

    Our id, the flags of its time in force, whether it only reduces, and where
    the profile names them its quantity and its price.
    """
    name, value = profile.reduce_only
    flags = {
        profile.wire_id or profile.client_id: sent.params[profile.client_id],
        **profile.wire_flags[order.time_in_force],
    }
    told = {profile.wire_amount: sent.amount, profile.wire_price: sent.price}
    numbers = {name: number for name, number in told.items() if name}
    if order.reduce_only:
        return Wording({**flags, name: value}, numbers)
    return Wording(flags, numbers, (name,))


def plain(number: Decimal) -> str:
    """Return a number without an exponent.

    >>> plain(Decimal("1E+3")), plain(Decimal("0.0510"))
    ('1000', '0.051')
    """
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
