"""The victim: a daemon in a process of its own that kills itself at a step of its journal.

    python -m rebalancer.simulation.victim FOLDER ADDRESS CONFIG [--seed N]

It is in live dress against a venue whose books are in another process. Every
statement by which its journal writes is a step; right before or right after the
one that was named the process is gone, by SIGKILL: no handler runs, nothing is
flushed, no socket is closed in order.

The command itself only bears: for each line of its standard input, `{"at": STEP,
"nth": N}`, it forks one daemon, says `born PID`, waits for its end and says `dead
CODE`, so that a thousand lives import the program a hundred times only. While a
daemon lives the input is the daemon's: it counts steps from a word on, or from
the beginning where STEP is one of the start; it ends in order when told, and at
once when whoever started it is gone. It says `active` once it trades and knows
the outcome of everything that earlier lives left.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.ids import least_epoch
from rebalancer.errors import RebalancerError
from rebalancer.ops.log import configure
from rebalancer.ports import Log
from rebalancer.runtime.clock import WallClock, run_wall
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.settings import Settings, resolve
from rebalancer.simulation.dress import in_live_dress
from rebalancer.simulation.menu import VENUE, settings_of
from rebalancer.storage.database import Database, Rows, Values
from rebalancer.storage.sqlite import connect, open_journal
from rebalancer.venues.credentials import Credentials, Secret
from rebalancer.wiring import Running, Surrounding
from rebalancer.wiring.live import live

READY, ACTIVE, ARM, STOP = b"ready\n", b"active\n", b"a", b"s"
_NEVER = 1_000_000  # times
_START = "start"  # every step counts, from the opening of the journal on
_WRITES = ("BEGIN", "CREATE", "COMMIT", "DELETE", "INSERT")


class Fate:
    """When the process dies.

    Args:
        side: `before` or `after`; "" where nothing of its own kills it.
        step: `begin`, `meta`, `commit`, the kind of an entry, or `start` for any.
        nth: Which of these, 1 the first.
    """

    def __init__(self, side: str, step: str, nth: int) -> None:
        self._side, self._step, self._left = side, step, nth
        self.armed = step == _START

    def meet(self, side: str, step: str) -> None:
        """Die, if this is the one."""
        if not self.armed or side != self._side or self._step not in (step, _START):
            return
        self._left -= 1
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)


class Counted:
    """A database whose writes are counted, and one of which is the last.

    Args:
        inner: The real one.
        fate: Is told before and after each.
    """

    def __init__(self, inner: Database, fate: Fate) -> None:
        self._inner, self._fate = inner, fate

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._inner.in_transaction

    def execute(self, statement: str, values: Values = (), /) -> Rows:
        """Run one statement."""
        if not statement.startswith(_WRITES):
            return self._inner.execute(statement, values)
        step = step_of(statement, values)
        self._fate.meet("before", step)
        rows = self._inner.execute(statement, values)
        self._fate.meet("after", step)
        return rows

    def close(self) -> None:
        """Let go of the file."""
        self._inner.close()


def step_of(statement: str, values: Values) -> str:
    """Return what a step is called: what it writes, or the verb of the transaction.

    >>> step_of("INSERT INTO entries (sequence, ts, kind)", (7, 1, "order"))
    'order'
    >>> step_of("BEGIN IMMEDIATE", ())
    'begin'
    """
    if statement.startswith("INSERT INTO entries"):
        columns = statement.partition("(")[2].partition(")")[0].split(", ")
        return str(values[columns.index("kind")])
    return "meta" if " meta " in statement else statement.split(maxsplit=1)[0].lower()


def restless(config: Path) -> Settings:
    """Return a book that hedges whatever happens: no guard means the hand that nudges it.

    Who trades its hedge by hand each second fights it, which would halt it; and
    a seeded market may begin with funding too dear to hedge in.
    """
    settings = settings_of(config)
    guards = settings.guards
    often = {"misses": _NEVER, "sides": _NEVER, "hedges_per_minute": _NEVER}
    changes: dict[str, Any] = {"behaviour": guards.behaviour.model_copy(update=often)}
    if guards.funding is not None:
        changes["funding"] = guards.funding.model_copy(update={"cap_per_day": 1.0})
    return settings.model_copy(update={"guards": guards.model_copy(update=changes)})


async def live_and_die(told: Any, fate: Fate, log: Log, clock: WallClock) -> None:
    """Run the daemon until it dies, or is told to stop."""
    settings = in_live_dress(restless(told.config), {VENUE: told.address})
    journal = open_journal(
        told.folder / "journal.sqlite",
        least_epoch(clock.now()),
        lambda path, mode: Counted(connect(path, mode), fate),
    )
    try:
        chance = SeededRandomness(told.seed)
        around = Surrounding(clock, journal, log, None, "kills", randomness=chance)
        keys = {VENUE: Credentials(Secret("loopback"), Secret("loopback"))}
        running = await live(settings, resolve(settings), keys, around)
        _say_when_active(running)
        _listen(running, fate)
        await running.daemon.run()
    finally:
        journal.close()


def _say_when_active(running: Running) -> None:
    """Say so once the book trades and nothing of earlier lives is open any more."""
    state = running.engine.state
    doubted = [each.submit.client_order_id for each in state.open_orders()]
    said = False

    def look(*_step: object) -> None:
        nonlocal said
        if said or state.mode is not TradingState.ACTIVE:
            return
        if any(state.orders[name].open for name in doubted if name in state.orders):
            return
        said = True
        os.write(sys.stdout.fileno(), ACTIVE)

    running.engine.observe(look)


def _listen(running: Running, fate: Fate) -> None:
    """Heed what stands on standard input."""
    loop, place = asyncio.get_running_loop(), sys.stdin.fileno()

    def heed() -> None:
        match os.read(place, 1):
            case b"":
                os._exit(os.EX_UNAVAILABLE)
            case word if word == ARM:
                fate.armed = True
            case word if word == STOP:
                running.stop.ask()
            case _:
                pass

    loop.add_reader(place, heed)


def _be(told: Any, wish: Mapping[str, Any]) -> NoReturn:
    """Be one daemon, in a process that ends with it."""
    code, clock = os.EX_SOFTWARE, WallClock()
    side, _, step = wish["at"].partition(" ")
    try:
        with (told.folder / "log.jsonl").open("a") as stream:
            log = configure(stream, clock)
            try:
                run_wall(live_and_die(told, Fate(side, step, wish["nth"]), log, clock))
                code = os.EX_OK
            except RebalancerError as error:
                log.error("daemon.failed", error=f"{type(error).__name__}: {error}")
                code = error.exit_code
    except Exception:  # noqa: BLE001 - a bug: whoever reads the exit code reads this too
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _wish(place: int) -> bytes:
    """Return the next line of the input, b"" at its end; no byte of what follows is taken."""
    line = b""
    os.set_blocking(place, True)  # the event loop of whoever lived before shared it
    while (byte := os.read(place, 1)) not in (b"", b"\n"):
        line += byte
    return line.lstrip(ARM + STOP)  # words that came too late for whom they were meant


def main(arguments: Sequence[str] | None = None) -> int:
    """Bear one daemon after the other, until the input ends."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("address")
    parser.add_argument("config", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    told = parser.parse_args(arguments)
    said = sys.stdout.fileno()
    os.write(said, READY)
    while wish := _wish(sys.stdin.fileno()):
        born = os.fork()
        if not born:
            _be(told, json.loads(wish))
        os.write(said, b"born %d\n" % born)
        _, status = os.waitpid(born, 0)
        os.write(said, b"dead %d\n" % os.waitstatus_to_exitcode(status))
    return 0


if __name__ == "__main__":
    sys.exit(main())
