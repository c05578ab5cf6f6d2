"""What a trade books: its fill, and what spot took of the coin that was bought.

Spot takes its fee from what a trade brings, unless it is paid in BNB. A coin that a book
holds as a pair's position is no cash, so a fee in it is a second fill: the coins that are
missing, sold at the price of the trade, for the fee of what they are worth. Coins and cash
then stand as the venue has them, to the last digit.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal, localcontext

from rebalancer.core.events import Fill
from rebalancer.core.instruments import Instrument, Kind

EXACT = 60  # digits, more than a product of two numbers of the venue has
Split = Callable[[Fill], Sequence[Fill]]  # a fill → all that its trade books


def whole(told: Fill) -> Sequence[Fill]:
    """Return a fill as it is: its fee is cash."""
    return (told,)


def split_of(pairs: Iterable[Instrument]) -> Split:
    """Return what splits the fills of pairs whose coins are positions."""
    known = {each.id: each for each in pairs}

    def split(told: Fill) -> Sequence[Fill]:
        pair = known.get(told.instrument)
        if pair is None or told.fee_currency != pair.underlying or not told.fee:
            return (told,)
        with localcontext() as context:
            context.prec = EXACT
            worth = told.fee * told.price
        kept = replace(told, fee=Decimal(0), fee_currency=pair.settle)
        taken = replace(
            told,
            trade_id=f"{told.trade_id} fee",
            client_order_id=None,
            quantity=-told.fee,
            fee=worth,
            fee_currency=pair.settle,
        )
        return kept, taken

    return split


def pairs_of(venue: str, instruments: Iterable[Instrument]) -> dict[str, Instrument]:
    """Return coin → the one pair by which a book holds it; a coin with two or none is cash."""
    found: dict[str, list[Instrument]] = {}
    for each in instruments:
        if each.venue == venue and each.kind is Kind.SPOT:
            found.setdefault(each.underlying, []).append(each)
    return {coin: pairs[0] for coin, pairs in found.items() if len(pairs) == 1}
