"""Retuned: what an operator changed of the settings in earlier starts, put back.

It holds for the file that it changed. A start with another file drops it, says
so, and writes down a change of nothing under the new file: what was dropped does
not come back with the old one.
"""

from collections.abc import Sequence

from rebalancer.core import tuning
from rebalancer.core.knobs import Tuned
from rebalancer.core.state import State
from rebalancer.ops.vocabulary import EVENTS
from rebalancer.ports import Entry, Journal, Log
from rebalancer.runtime.telling import TUNED
from rebalancer.runtime.why import EVENT, still_held
from rebalancer.storage import codec

DAEMON = "daemon"  # who drops


def retune(state: State, journal: Journal, log: Log, fingerprint: str) -> None:
    """Let a state begin with what was changed before this start.

    Args:
        state: Of this start.
        journal: Of the book.
        log: Hears what holds again, and what is dropped.
        fingerprint: Of the settings of this start.
    """
    payloads = still_held(entry.payload for entry in journal.read(EVENT, TUNED))
    events: Sequence[Tuned] = [codec.decode(each) for each in payloads]
    changes = [f"{each.name}: {each.after:g}" for event in events for each in event.changes]
    if not changes:
        return
    if events[-1].fingerprint == fingerprint:
        for event in events:
            tuning.tune(state.tuning, event, state.memory)
        log.warning("config.retuned", changes=changes)
        return
    mark = Tuned(state.now, (), "the file has changed", DAEMON, fingerprint)
    journal.append(Entry(0, state.now, EVENT, TUNED, codec.encode(mark)))
    journal.flush()
    action = EVENTS["config.dropped"].action
    log.error("config.dropped", changes=changes, action=action)
