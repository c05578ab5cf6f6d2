"""`demo --wire`: the whole daemon in live dress, against a venue that runs on this machine.

Real sockets, unmodified ccxt, the native stream, the account as it is read
live. At the end the ledger is held against the venue's own books.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rebalancer.cli.serving import Wish, serve
from rebalancer.errors import ConfigError, Fault
from rebalancer.ops.log import configure
from rebalancer.runtime.clock import WallClock, run_wall
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.settings import Settings, resolve
from rebalancer.settings.models import Mode
from rebalancer.simulation.deribit.keys import Key
from rebalancer.simulation.loopback import Loopback, seeded_loopback
from rebalancer.storage.sqlite import open_journal
from rebalancer.venues.credentials import Credentials, Secret
from rebalancer.wiring import Running, Surrounding, live

VENUES = ("deribit",)
UID = 12345
CENT = Decimal("1e-12")  # of a currency: nothing finer is booked


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
            journal = open_journal(wish.folder / "journal.sqlite")
            stack.callback(journal.close)
            log = configure(wish.log(stack), clock)
            around = Surrounding(
                clock=clock,
                journal=journal,
                log=log,
                feed=_no_feed,
                dress="demo --wire",
                extra={"seed": wish.seed, "speed": 1, "duration": wish.duration},
                randomness=SeededRandomness(wish.seed),
            )
            running = await live(dressed, resolve(dressed), keys, around)
            log.info("demo.started", seed=wish.seed, market=f"loopback {venue}")
            await serve(running, wish, log)
            return Wired(running, differences(running, loopback, venue))
        finally:
            await loopback.stop()


def in_live_dress(settings: Settings, venue: str, address: str) -> Settings:
    """Return the settings of a book that trades for money, with a venue on this machine."""
    book = settings.book.model_copy(update={"mode": Mode.LIVE})
    told = {"loopback": address, "account": str(UID), "credentials": "loopback"}
    own = settings.venues[venue].model_copy(update=told)
    return settings.model_copy(update={"book": book, "venues": {venue: own}, "holdings": ()})


def differences(running: Running, loopback: Loopback, venue: str) -> dict[str, Decimal]:
    """Return where the ledger and the venue's own books disagree: ledger less venue."""
    ledger, place = running.engine.state.ledger, loopback.place
    found: dict[str, Decimal] = {}
    for currency, balance in place.balances(venue).items():
        apart = ledger.balance(venue, currency) - balance
        if abs(apart) > CENT:
            found[currency] = apart
    truth: Mapping[str, Decimal] = place.positions(venue)
    names = {name for holder, name in ledger.positions if holder == venue}
    for name in sorted({*truth, *names}):
        apart = ledger.position(venue, name).quantity - truth.get(name, Decimal(0))
        if apart:
            found[name] = apart
    return found


def _no_feed(*_unused: object) -> Any:
    raise NotImplementedError("a live book has the feeds of its venues")
