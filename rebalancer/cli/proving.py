"""Proving: that alerts of a book arrive, before it trades for money."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rebalancer.ops.messenger.asking import deliver
from rebalancer.ops.messenger.orders import orders_of
from rebalancer.runtime.clock import WallClock
from rebalancer.settings import Settings
from rebalancer.venues.findings import Finding, Grade

MUST = "must deliver a test message"


async def proofs(settings: Settings) -> Sequence[Finding]:
    """Return what came of a test message on each channel, and whether that is enough.

    One channel must deliver. One that ends on this machine is none, unless the
    venues are played here too. A further channel that fails is worth a look. The
    heartbeat stays silent: a book that is down would put off its own alarm.

    Raises:
        ConfigError: A credential of a channel is missing, or not what it needs.
        PermissionRefused: Others may read one of them.
    """
    orders = orders_of(settings, os.environ, Path.home())
    played = all(venue.loopback is not None for venue in settings.venues.values())
    if orders is None or not orders.routes:
        must = "must have a channel that leaves this machine: [[alerts.channels]]"
        return [] if played else [Finding("alerts", Grade.FAILED, "the log alone", must)]
    text = "a test before this book trades: nothing is wrong"
    told = await deliver(replace(orders, heartbeat=None), "alert.tested", text, WallClock())
    counts = [each.ok for each in told if played or not each.loopback]
    enough = any(counts)
    worst = Grade.WARNED if enough else Grade.FAILED
    found = [
        Finding(f"alerts.{each.channel}", Grade.PASSED if each.ok else worst, each.told, MUST)
        for each in told
    ]
    if not counts:
        must = "must have a channel that leaves this machine"
        found.append(Finding("alerts", Grade.FAILED, "loopbacks alone", must))
    return found
