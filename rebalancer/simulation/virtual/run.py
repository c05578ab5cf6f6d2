"""One run: a phase in which things go wrong, and one in which nothing does any more."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from rebalancer.core.events import Verb
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.ports import SECOND
from rebalancer.runtime.virtual import run_virtual
from rebalancer.simulation.virtual import book, goals, weather
from rebalancer.simulation.virtual.dice import Dice
from rebalancer.simulation.virtual.market import SETTLEMENT
from rebalancer.simulation.virtual.oracle import Violation
from rebalancer.simulation.virtual.weather import Weather
from rebalancer.simulation.virtual.world import World

LONG = 900  # s of one run in ten
SAFETY = 60  # s of the others
LIVENESS = 75  # s in which all must come to rest: an unknown order takes up to a minute
STAYS = 5  # s in a row inside the band
BEFORE = 30 * SECOND  # ns before a settlement, where a fifth of the runs begin


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one seed showed."""

    seed: int
    violations: tuple[Violation, ...]
    goals: Mapping[str, int]
    trace: str  # SHA-256 over all that happened at the exchanges, hex
    orders: int
    seconds: int  # virtual
    story: tuple[tuple[int, str], ...] = ()  # what happened, ns and words


def length(seed: int) -> int:
    """Return how long faults strike in the run of a seed, s."""
    dice = Dice(seed, "shape")
    dice.chance(0.2)  # where it begins
    return LONG if dice.chance(0.1) else SAFETY


def run(seed: int, told: Weather | None = None, safety: int | None = None) -> Outcome:
    """Run one seed.

    Args:
        seed: Everything follows from it, and from the two others where they are given.
        told: What goes wrong, instead of what the seed draws.
        safety: Seconds in which it does.
    """
    drawn = weather.draw(seed) if told is None else told
    dice = Dice(seed, "shape")
    start = SETTLEMENT - BEFORE if dice.chance(0.2) else book.START
    world = World(seed, drawn, start)
    order = Dice(seed, "order")
    seconds = length(seed) if safety is None else safety
    run_virtual(world.clock, order.shuffle, _play(world, seed, seconds))
    return _outcome(seed, world, start)


def _outcome(seed: int, world: World, start: int) -> Outcome:
    lines = hashlib.sha256()
    for wire in world.wires.values():
        for _, record in wire.records:
            lines.update(repr(record).encode())
    oracle = world.oracle
    seconds = (world.clock.now() - start) // SECOND
    return Outcome(
        seed=seed,
        violations=tuple(oracle.violations),
        goals=dict(oracle.goals),
        trace=lines.hexdigest(),
        orders=len(oracle.orders),
        seconds=seconds,
        story=tuple(oracle.story),
    )


async def _play(world: World, seed: int, seconds: int) -> None:
    dice = Dice(seed, "events")
    world.step()
    world.rates()
    world.boot()
    for second in range(seconds):
        await world.clock.sleep(SECOND)
        _happen(world, dice)
        if second % 60 == 0:
            world.rates()
    world.heal()
    if world.process is None or world.mode is None:
        await world.clock.sleep(5 * SECOND)
    await _rest(world)
    _judge_end(world)
    if world.process is not None:
        world.process.kill()
    await world.clock.sleep(SECOND)
    await world.tasks.close()


def _happen(world: World, dice: Dice) -> None:
    """Let a second pass: the market goes on, and what goes wrong each second may."""
    strikes = {name: world.faults.strikes(name, dice) for name in _EACH_SECOND}
    gap = (dice.share() - 0.5) * 0.12 if strikes["gap"] else 0.0
    world.step(gap)
    if strikes["feed_frozen"]:
        world.freeze(dice.between(1, 15) * SECOND)
    if strikes["feed_absurd"]:
        world.mislead()
    if strikes["stream_dead"]:
        world.lose_stream(dice.between(1, 10) * SECOND)
    if strikes["traded_by_hand"]:
        world.hands.trade()
    if strikes["deposit"]:
        world.hands.move_coins()
    if strikes["crash"]:
        world.crash()
    if strikes["paused"]:
        world.operate(Verb.PAUSE if not world.oracle.paused else Verb.RESUME)
    if strikes["reconciled"]:
        world.operate(Verb.RECONCILE)
    if strikes["maintenance"]:
        name = dice.pick(list(world.wires))
        world.oracle.note(world.clock.now(), f"{name} takes no orders for a while")
        world.faults.close(name, dice.between(2, 10) * SECOND, world.clock)
    if strikes["killed"]:
        world.operate(Verb.KILL)


_EACH_SECOND = (
    *("gap", "feed_frozen", "feed_absurd", "stream_dead", "traded_by_hand", "deposit"),
    *("crash", "paused", "reconciled", "killed", "maintenance"),
)


async def _rest(world: World) -> None:
    """Let time pass until all has come to rest, or long enough."""
    quiet, armed = 0, False
    for second in range(LIVENESS):
        await world.clock.sleep(SECOND)
        world.step()
        if second % 60 == 0:
            world.rates()
        if world.mode is TradingState.PAUSED:
            world.operate(Verb.RESUME)
        latched = world.mode is TradingState.HALTED
        if latched and not armed and second >= 5:
            world.oracle.goals[goals.HALTED] += 1
            world.operate(Verb.ARM)
            armed = True
        elif second % 20 == 0:
            armed = False
        quiet = quiet + 1 if second >= 2 and _calm(world) else 0
        if quiet >= STAYS:
            return


def _calm(world: World) -> bool:
    process = world.process
    return (
        process is not None
        and world.mode is TradingState.ACTIVE
        and not process.state.open_orders()
        and abs(world.net) <= 0.05 + SLACK
        and not world.differences()
    )


def _excused(world: World) -> bool:
    """Whether a person was told of a limit that keeps net delta outside its band, and still does.

    The alarm of a gap names what refuses; it lasts until it is said to be restored.
    """
    since = world.clock.now() - (LIVENESS + 60) * SECOND
    told = [(ts, alert.event) for ts, alert in world.told.alerts]
    gaps = [event for _, event in told if event in ("delta.unhedged", "delta.restored")]
    lasting = gaps[-1:] == ["delta.unhedged"]
    return lasting or any(event in _EXCUSES for ts, event in told if ts >= since)


_EXCUSES = ("margin.warned", "margin.critical", "limit.reached", "protect.refused")
SLACK = 0.005  # coins: the daemon's price is a tenth of a tick off ours


def _count(world: World) -> None:
    """Count what became of orders whose outcome was unknown, and what guards refused."""
    oracle = world.oracle
    for traced in oracle.orders.values():
        if traced.unknown:
            oracle.goals[goals.FILLED if traced.filled else goals.ABSENT] += 1
    if world.process is not None and world.process.engine.tally.refusals:
        oracle.goals[goals.VETOED] += 1


def _judge_end(world: World) -> None:
    """Judge how it came to rest."""
    now, process, oracle = world.clock.now(), world.process, world.oracle
    if process is None:
        oracle.accuse("I3", now, f"no process runs: {world.told.failures[-1:]}")
        return
    if world.mode is not TradingState.ACTIVE:
        text = f"it is {world.mode}: {process.state.mode_reason} {dict(process.state.halted)}"
        oracle.accuse("I3", now, text)
    waits = [each.submit.client_order_id for each in process.state.open_orders()]
    if waits:
        oracle.accuse("I7", now, f"still open: {', '.join(waits)}")
    if abs(world.net) > 0.05 + SLACK and not _excused(world):
        oracle.accuse("I3", now, f"net delta is {world.net:.4f}, and nobody was told why")
    for what, gap in world.differences().items():
        oracle.accuse("I7", now, f"{what}: ledger less exchange is {gap}")
    _count(world)
    for name, traced in oracle.orders.items():
        order = process.state.orders.get(name)
        if order is not None and name not in waits and not oracle.known(traced):
            oracle.accuse("I9", now, f"{name} is {order.state}, and nothing proved it")
