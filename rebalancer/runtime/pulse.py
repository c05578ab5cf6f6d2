"""The pulse: how late the event loop is with what is due, looked at all the time.

A call is asked for ten times a second, and how late it comes is the lag of all
that was due then. A loop that stood still for a second made one call late, and
would have made nine more: those count too, each as late as it would have been,
or a long stall would look like one bad moment among thousands.
"""

from collections.abc import Callable

from rebalancer.ports import SECOND, Clock

EVERY = SECOND // 10  # ns between two looks


async def pulse(clock: Clock, hear: Callable[[int], None], every: int = EVERY) -> None:
    """Tell how late each look was, ns, until canceled.

    Args:
        clock: Of the looks.
        hear: Is told.
        every: ns between two looks.
    """
    due = clock.monotonic() + every
    while True:
        await clock.sleep(max(due - clock.monotonic(), 0))
        now = clock.monotonic()
        for late in lags(now - due, every):
            hear(late)
        due = now + every


def lags(late: int, every: int) -> range:
    """Return how late a look was, and those that it kept from being made, ns.

    >>> list(lags(250, 100))
    [250, 150, 50]
    >>> list(lags(-1, 100))  # a timer may come a little early
    [0]
    """
    return range(max(late, 0), -1, -every)
