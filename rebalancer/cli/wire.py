"""`demo --wire`: the whole daemon in live dress, against venues that run on this machine.

Real sockets, unmodified ccxt, the native stream, the account as it is read
live. At the end the ledger is held against the venues' own books.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal

from rebalancer.cli.outlets import REDACTOR
from rebalancer.cli.serving import Wish, serve
from rebalancer.core.ids import least_epoch
from rebalancer.errors import ConfigError, Fault
from rebalancer.runtime.clock import WallClock, run_wall
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.settings import resolve
from rebalancer.simulation.dress import UID, apart_of_all, in_live_dress
from rebalancer.simulation.key import Key
from rebalancer.simulation.loopback import seeded_loopbacks
from rebalancer.simulation.played import PLAYED
from rebalancer.storage.sqlite import open_journal
from rebalancer.venues.credentials import Credentials, Secret
from rebalancer.wiring import Running, Surrounding, outward
from rebalancer.wiring.live import live

SIGNED = ("loopback", "loopback")  # key and secret of every account


@dataclass(frozen=True, slots=True)
class Wired:
    """How a run against loopback venues ended."""

    running: Running
    differences: Mapping[str, Decimal]  # ledger less books, by venue and what is held there


def run_wired(wish: Wish, name: str) -> Wired:
    """Run a book in live dress against loopback venues, on the wall clock.

    Args:
        wish: Its settings name the venues, and say what its accounts hold there.
        name: Of the desk; for errors.

    Raises:
        ConfigError: The settings name a venue that this machine cannot play.
    """
    unknown = [each for each in wish.settings.venues if each not in PLAYED]
    if unknown or not wish.settings.venues:
        must = f"must be among those that --wire {name} can play: {', '.join(PLAYED)}"
        was = ", ".join(unknown) or "none"
        raise ConfigError(wish.settings.book.id, [Fault("venues", must, was)])
    return run_wall(_wired(wish))


async def _wired(wish: Wish) -> Wired:
    """Start the venues, then the daemon; compare their books when the daemon has ended."""
    clock, settings = WallClock(), wish.settings
    instruments = resolve(settings)
    signs = {each: [Key(*SIGNED, each, UID, passphrase=SIGNED[0])] for each in settings.venues}
    played = seeded_loopbacks(settings, instruments, signs, clock, wish.seed)
    secrets = Credentials(*(Secret(each) for each in (*SIGNED, SIGNED[0])))
    keys = dict.fromkeys(signs, secrets)
    await played.start()
    with ExitStack() as stack:
        try:
            dressed = in_live_dress(settings, played.addresses)
            journal = open_journal(wish.folder / "journal.sqlite", least_epoch(clock.now()))
            stack.callback(journal.close)
            told = outward(settings, wish.log(stack, clock, journal.epoch), REDACTOR)
            around = Surrounding(
                clock=clock,
                journal=journal,
                log=told.written,
                feed=None,
                dress="demo --wire",
                extra={"seed": wish.seed, "speed": 1, "duration": wish.duration},
                randomness=SeededRandomness(wish.seed),
                flight=wish.flight,
                outbox=told.outbox,
                hide=REDACTOR.known,
            )
            running = await live(dressed, resolve(dressed), keys, around)
            market = f"loopback {', '.join(settings.venues)}"
            told.log.info("demo.started", seed=wish.seed, market=market)
            await serve(running, wish, told)
            return Wired(running, apart_of_all(running, played))
        finally:
            await played.stop()
