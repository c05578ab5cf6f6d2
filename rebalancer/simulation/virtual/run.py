"""One run: a phase in which things go wrong, and one in which nothing does any more."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from rebalancer.core.commands import Style
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.tuning import effective
from rebalancer.ports import SECOND
from rebalancer.runtime.virtual import run_virtual
from rebalancer.simulation.virtual import book, goals, weather
from rebalancer.simulation.virtual.accidents import happen, impoverish
from rebalancer.simulation.virtual.bounds import DEAR, Standing
from rebalancer.simulation.virtual.compared import differences, doubtful, gaps
from rebalancer.simulation.virtual.dice import Dice
from rebalancer.simulation.virtual.market import EXPIRY, SETTLEMENT
from rebalancer.simulation.virtual.oracle import Violation
from rebalancer.simulation.virtual.process import remembered
from rebalancer.simulation.virtual.weather import Weather
from rebalancer.simulation.virtual.world import World

LONG = 900  # s of one run in ten
SAFETY = 60  # s of the others
ROUGH = 0.1  # coins: what a forward and an index that are told seconds apart do to the delta
LIVENESS = 180  # s in which all must come to rest: an unknown order, a clock and a key that
#   was not taken need a minute each, and a process that stands still two thirds of one
STAYS = 5  # s in a row inside the band
CAPFUL, EACH = 5.0, 4  # coins that a hedge may have, and s that one takes, throttled or in part
LAST = 10  # s of a rest in which nobody brings collateral any more
BEFORE = 30 * SECOND  # ns before a settlement or an expiry, where a fifth of the runs begin
EARLIER = (40, 150)  # s before the expiry: it comes to rest only after that
AMID = 0.05  # of the others: that it begins earlier in the half hour that an expiry averages
WRITTEN = 2 * SECOND  # ns after which a booking is on the disk
MOST_TASKS = 60  # at once
STALE = ("quote_stale", "index_stale", "mark_stale", "option_stale")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one seed showed."""

    seed: int
    violations: tuple[Violation, ...]
    goals: Mapping[str, int]
    trace: str  # SHA-256 over all that happened and was told, hex
    orders: int
    seconds: int  # virtual
    story: tuple[tuple[int, str], ...] = ()  # what happened, ns and words


def length(seed: int) -> int:
    """Return how long faults strike in the run of a seed, s."""
    return LONG if Dice(seed, "length").chance(0.1) else SAFETY


def begins(seed: int) -> int:
    """Return when the run of a seed begins, ns: one in five right before something ends."""
    dice, amid = Dice(seed, "begin"), Dice(seed, "averaging")
    if not dice.chance(0.2):
        return EXPIRY - amid.between(*EARLIER) * SECOND if amid.chance(AMID) else book.START
    return (EXPIRY if dice.chance(0.5) else SETTLEMENT) - BEFORE


def run(
    seed: int,
    told: Weather | None = None,
    safety: int | None = None,
    executes: Style | None = None,
) -> Outcome:
    """Run one seed.

    Args:
        seed: Everything follows from it, and from the two others where they are given.
        told: What goes wrong, instead of what the seed draws.
        safety: Seconds in which it does.
        executes: How hedges are executed, instead of what the seed draws.
    """
    drawn = weather.draw(seed) if told is None else told
    start = begins(seed)
    world = World(seed, drawn, start, book.style(seed) if executes is None else executes)
    order = Dice(seed, "order")
    seconds = length(seed) if safety is None else safety
    run_virtual(world.clock, order.shuffle, _play(world, seed, seconds))
    return _outcome(seed, world, start)


def _outcome(seed: int, world: World, start: int) -> Outcome:
    lines = hashlib.sha256()
    for wire in world.wires.values():
        for _, record in wire.lists.records:
            lines.update(repr(record).encode())
    oracle = world.oracle
    for ts, text in oracle.story:  # what was sent, what people said and heard, what went wrong
        lines.update(f"{ts} {text}\n".encode())
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
    dice, left = Dice(seed, "events"), EXPIRY - world.clock.now()
    world.oracle.goals[goals.AVERAGED] += BEFORE < left <= EARLIER[-1] * SECOND
    world.step()
    world.rates()
    if world.faults.strikes("poor", dice):
        impoverish(world, dice)
    world.boot()
    for second in range(seconds):
        await world.clock.sleep(SECOND)
        _look(world)  # before the price goes on: it had a second to hedge
        happen(world, dice)
        if second % 60 == 0:
            world.rates()
    world.heal()
    await _rest(world)
    _judge_end(world)
    if world.process is not None:
        world.process.kill()
    await world.clock.sleep(SECOND)
    await world.tasks.close()


def _look(world: World) -> None:
    """Judge what lasts: net delta outside its band, and ever more tasks."""
    now, oracle, process = world.clock.now(), world.oracle, world.process
    lives = process is not None and not process.clock.stopped
    outside = abs(world.places.net) > world.oracle.conduct.edge + ROUGH
    silent = oracle.silence.look(now, outside=outside, lives=lives)
    if silent is not None:
        oracle.accuse("I14", now, f"net delta {world.places.net:.3f} is {silent}")
    if lives:
        oracle.look(now, stale=any(each in STALE for each in world.told.news()))
    tasks = len(asyncio.all_tasks())
    if tasks > MOST_TASKS:
        oracle.accuse("I13", now, f"{tasks} tasks at once")


async def _rest(world: World) -> None:
    """Let time pass until all has come to rest, or long enough."""
    quiet, lasts = 0, LIVENESS + int(abs(world.places.net) / CAPFUL) * EACH
    for second in range(lasts):
        await world.clock.sleep(SECOND)
        _look(world)
        world.step()
        if second % 60 == 0:
            world.rates()
        world.person.mend(world.mode, second, doubtful=doubtful(world))
        outside = abs(world.places.net) > world.oracle.conduct.edge
        if second < lasts - LAST:  # what is brought later helps nobody
            world.person.feed(_refused(world) if outside else "")
        ends = 0 < EXPIRY - world.clock.now() <= EARLIER[-1] * SECOND  # it must see that
        quiet = quiet + 1 if second >= 2 and not ends and _calm(world) else 0
        if quiet >= STAYS:
            return


def _calm(world: World) -> bool:
    process = world.process
    return (
        process is not None
        and not process.clock.stopped
        and world.clock.now() - world.oracle.hearing.latest > WRITTEN
        and world.mode is TradingState.ACTIVE
        and not process.state.open_orders()
        and abs(world.places.net) <= world.oracle.conduct.edge
        and not differences(world)
    )


def _excused(world: World, why: str) -> bool:
    """Whether a guard that was named to a person may still refuse, by what is true."""
    market, turned = world.places.market, world.oracle.conduct.turned
    net = world.places.net
    now = Standing(market.price, net, turned, (-1 if net > 0 else 1) in market.dear)
    return why in world.places.truth.binding(now)


def _refused(world: World) -> str:
    """Return why a guard refused last, or nothing."""
    return world.told.refused[-1] if world.told.refused else ""


def _judge_disk(world: World) -> None:
    """Judge what the next start would make of the disk as it is."""
    now = world.clock.now()
    state = remembered(world.disk, world.own, list(world.wires), now)
    for what, gap in gaps(world, state.ledger).items():
        world.oracle.accuse("I8", now, f"{what}: what the disk makes less exchange is {gap}")
    band = effective(state.tuning, state.params).underlyings[book.COIN].band.upper
    if band != world.oracle.conduct.band:
        text = f"the band would be {band}, and {world.oracle.conduct.band} was set"
        world.oracle.accuse("I8", now, text)


def _count(world: World) -> None:
    """Count what became of orders whose outcome was unknown, and what guards refused."""
    oracle = world.oracle
    for traced in oracle.orders.values():
        if traced.unknown:
            oracle.goals[goals.FILLED if traced.filled else goals.ABSENT] += 1
    if world.process is not None and world.process.engine.tally.refusals:
        oracle.goals[goals.VETOED] += 1
    oracle.goals[goals.FUNDING_VETO] += any(why in DEAR for why in world.told.refused)


def _judge_end(world: World) -> None:
    """Judge how it came to rest."""
    now, process, oracle = world.clock.now(), world.process, world.oracle
    if process is None:
        oracle.accuse("I3", now, f"no process runs: {world.told.failures[-1:]}")
        return
    if world.mode is not TradingState.ACTIVE:
        text = f"it is {world.mode}: {process.state.mode_reason} {dict(process.state.halted)}"
        oracle.accuse("I3", now, text)
    for name, traced in oracle.orders.items():
        if traced.live:
            oracle.accuse("I1", now, f"{name} may still trade when all is over")
    waits = [each.submit.client_order_id for each in process.state.open_orders()]
    if waits:
        oracle.accuse("I7", now, f"still open: {', '.join(waits)}")
    why = _refused(world)
    if abs(world.places.net) > world.oracle.conduct.edge and not _excused(world, why):
        oracle.accuse("I3", now, f"net delta is {world.places.net:.4f}: {why or 'nobody says why'}")
    for account, _, name in oracle.hearing.missing:
        oracle.accuse("I7", now, f"{name} of {account} was never heard of")
    for what, gap in differences(world).items():
        oracle.accuse("I7", now, f"{what}: ledger less exchange is {gap}")
    _judge_disk(world)
    _count(world)
    for name, traced in oracle.orders.items():
        order = process.state.orders.get(name)
        if order is not None and name not in waits and not oracle.known(traced):
            oracle.accuse("I9", now, f"{name} is {order.state}, and nothing proved it")
