"""`run --live`: a book that trades for money, and what stands before its first order.

A person confirms the fingerprint of the settings once. Then every venue is
examined as `doctor` does it; whatever fails keeps the book from starting, all at
once. The confirmation is kept in the journal and holds for later starts, which
nobody watches, until the settings mean something else: they wait for venues that
do not answer.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from rebalancer.cli.live import examined, keys_of, unmet
from rebalancer.cli.outlets import REDACTOR
from rebalancer.cli.proving import proofs
from rebalancer.cli.serving import JOURNAL, Wish, serve
from rebalancer.cli.signals import heard, rereader
from rebalancer.core.ids import least_epoch
from rebalancer.errors import ConfigError, Fault
from rebalancer.ports import Journal
from rebalancer.runtime.clock import WallClock, run_wall
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.settings import Settings, fingerprint, resolve
from rebalancer.settings.models import Mode
from rebalancer.storage import ownership
from rebalancer.storage.sqlite import open_journal
from rebalancer.venues.credentials import Credentials
from rebalancer.venues.findings import Finding, Grade
from rebalancer.wiring import Outward, Surrounding, Waiting, outward
from rebalancer.wiring.live import live


def trade(wish: Wish, confirm: str | None) -> None:
    """Run a book in live dress until it is told to stop.

    Args:
        wish: How; its settings are of mode live or testnet.
        confirm: Fingerprint that a person typed; None on a start that nobody watches.

    Raises:
        ConfigError: Something is missing, or nobody confirmed these settings.
    """
    settings, clock = wish.settings, WallClock()
    refuse_paper(settings)
    keys = {name: keys_of(settings, name) for name in settings.venues}
    with ExitStack() as stack:
        wish.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        journal = open_journal(wish.folder / JOURNAL, least_epoch(clock.now()))
        stack.callback(journal.close)  # a second time does no harm
        told = outward(settings, wish.log(stack, clock, journal.epoch), REDACTOR)
        fresh = confirmed(settings, journal, confirm)

        async def main() -> None:
            if fresh:
                refuse_unfit(settings, await examined(settings), await proofs(settings))
            around = Surrounding(
                *(clock, journal, told.written, None, str(settings.book.mode)),
                extra={"duration": wish.duration},
                randomness=SeededRandomness(clock.now()),  # so that no two daemons knock together
                flight=wish.flight,
                caretaker=wish.caretaker,
                brake=wish.brake,
                outbox=told.outbox,
                hide=REDACTOR.known,
                started=clock.now(),
            )
            if not fresh:
                await waited(wish, keys, around, told)
                return
            running = await live(settings, resolve(settings), keys, around)
            ownership.permit(journal, fingerprint(settings))
            await serve(running, wish, told)

        run_wall(main())


async def waited(
    wish: Wish, keys: Mapping[str, Credentials], around: Surrounding, told: Outward
) -> None:
    """Run a book that nobody watches as it starts, as soon as its venues answer.

    Raises:
        RebalancerError: What time does not mend; or what the book died of.
    """
    settings = wish.settings
    read = rereader(wish.config, settings, told.log)
    waiting = Waiting(settings, around, told.leaving, os.environ, REDACTOR, wish.folder)
    with heard(waiting.end, read, last=True):
        async with waiting:
            running = await waiting.until(
                lambda: live(settings, resolve(settings), keys, around, waiting.opening)
            )
            if running is not None:
                await serve(running, wish, told, waiting)


def refuse_paper(settings: Settings) -> None:
    """Refuse a book on paper: --live is for money.

    Raises:
        ConfigError: It is one.
    """
    if settings.book.mode is Mode.PAPER:
        fault = Fault("book.mode", "must be live or testnet with --live", Mode.PAPER)
        raise ConfigError(settings.book.id, [fault])


def confirmed(settings: Settings, journal: Journal, confirm: str | None) -> bool:
    """Return whether these settings are confirmed now, and not by an earlier start.

    Raises:
        ConfigError: They are not confirmed, or something else is.
    """
    name, before = fingerprint(settings), ownership.permitted(journal)
    if confirm is None and before == name:
        return False
    if confirm == name:
        return before != name
    must = f"must be the fingerprint of this file ({name})"
    changed = "missing" if before is None else f"missing; confirmed was {before}"
    was = changed if confirm is None else confirm
    raise ConfigError(settings.book.id, [Fault("--confirm", must, was)])


def refuse_unfit(
    settings: Settings, rows: Sequence[Mapping[str, Any]], alerts: Sequence[Finding]
) -> None:
    """Refuse to trade while something is missing that doctor asks for.

    Args:
        settings: Of the book.
        rows: What doctor found at its venues.
        alerts: What it found of the channels for alerts.

    Raises:
        ConfigError: It lists all that is missing.
    """
    faults = [
        Fault(f"venues.{row['venue']}: {row['name']}", str(row["must"]), str(row["measured"]))
        for row in rows
        if row["grade"] == Grade.FAILED
    ]
    lacking = (each for each in unmet(settings, alerts) if not each.ok)
    faults += [Fault(each.name, each.must, each.measured) for each in lacking]
    if faults:
        raise ConfigError(settings.book.id, faults)
