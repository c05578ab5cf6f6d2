"""Countdowns: timers of a venue that withdraw an account's open orders when they run out."""

from collections.abc import Callable

from rebalancer.core.instruments import Instrument
from rebalancer.ports import Timer
from rebalancer.simulation.accounts import OrderState
from rebalancer.simulation.place import Place

COUNTED_DOWN = "countdown"  # why an order was cancelled


def _any(_instrument: Instrument) -> bool:
    return True


class Countdowns:
    """The timers of one venue, on its own clock.

    Args:
        place: Whose orders they withdraw.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._running: dict[tuple[str, str], Timer] = {}  # by account and scope

    def wind(
        self, account: str, span: int, scope: str = "", chosen: Callable[[Instrument], bool] = _any
    ) -> int | None:
        """Let a timer run out; return when, ns since 1970 UTC; None where it was stopped.

        Args:
            account: Whose orders go.
            span: ns from now; 0 stops it.
            scope: Of several timers, which one.
            chosen: In which instruments an order goes.
        """
        before = self._running.pop((account, scope), None)
        if before is not None:
            before.cancel()
        if not span:
            return None
        clock = self._place.clock
        ends = clock.now() + span

        def run_out() -> None:
            del self._running[account, scope]
            for each in self._place.orders(account):
                if each.state is OrderState.OPEN and chosen(each.instrument):
                    self._place.cancel(account, each.order_id, COUNTED_DOWN)

        self._running[account, scope] = clock.call_at(ends, run_out)
        return ends
