"""`demo --wire`: the whole daemon in live dress, against a venue that runs on this machine.

Real sockets, unmodified ccxt, the native stream, the account as it is read
live. At the end the ledger is held against the venue's own books.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal

from rebalancer.cli.serving import Wish, serve
from rebalancer.core.ids import least_epoch
from rebalancer.errors import ConfigError, Fault
from rebalancer.ops.log import configure
from rebalancer.runtime.clock import WallClock, run_wall
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.settings import resolve
from rebalancer.simulation.deribit.keys import Key
from rebalancer.simulation.dress import UID, differences, in_live_dress
from rebalancer.simulation.loopback import seeded_loopback
from rebalancer.storage.sqlite import open_journal
from rebalancer.venues.credentials import Credentials, Secret
from rebalancer.wiring import Running, Surrounding, live

VENUES = ("deribit",)


@dataclass(frozen=True, slots=True)
class Wired:
    """How a run against a loopback venue ended."""

    running: Running
    differences: Mapping[str, Decimal]  # ledger less the venue's books, by instrument or currency


def run_wired(wish: Wish, venue: str) -> Wired:
    """Run a book in live dress against a loopback venue, on the wall clock.

    Args:
        wish: Its settings say what the account holds at the venue.
        venue: One of `VENUES`.

    Raises:
        ConfigError: The settings do not name the venue, or another beside it.
    """
    if venue not in VENUES or list(wish.settings.venues) != [venue]:
        must = f"must be the one table that --wire {venue} plays; known are {', '.join(VENUES)}"
        raise ConfigError(
            wish.settings.book.id, [Fault("venues", must, ", ".join(wish.settings.venues))]
        )
    return run_wall(_wired(wish, venue))


async def _wired(wish: Wish, venue: str) -> Wired:
    """Start the venue, then the daemon; compare their books when the daemon has ended."""
    clock, settings = WallClock(), wish.settings
    instruments = resolve(settings)
    key = Key("loopback", "loopback", venue, UID)
    loopback = seeded_loopback(settings, instruments, [key], clock, wish.seed)
    keys = {venue: Credentials(Secret(key.client_id), Secret(key.secret))}
    await loopback.start()
    with ExitStack() as stack:
        try:
            dressed = in_live_dress(settings, venue, loopback.address)
            journal = open_journal(wish.folder / "journal.sqlite", least_epoch(clock.now()))
            stack.callback(journal.close)
            log = configure(wish.log(stack), clock)
            around = Surrounding(
                clock=clock,
                journal=journal,
                log=log,
                feed=None,
                dress="demo --wire",
                extra={"seed": wish.seed, "speed": 1, "duration": wish.duration},
                randomness=SeededRandomness(wish.seed),
                flight=wish.flight,
            )
            running = await live(dressed, resolve(dressed), keys, around)
            log.info("demo.started", seed=wish.seed, market=f"loopback {venue}")
            await serve(running, wish, log)
            return Wired(running, differences(running, loopback, venue))
        finally:
            await loopback.stop()
