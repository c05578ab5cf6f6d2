"""Accidents: what can go wrong in each second of a run, to the market, the wires or the process."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType

from rebalancer.core.events import FeedStatus, Verb
from rebalancer.ports import SECOND
from rebalancer.simulation.virtual import goals
from rebalancer.simulation.virtual.book import INVERSE, LINEAR
from rebalancer.simulation.virtual.dice import Dice
from rebalancer.simulation.virtual.pace import STEEPEST
from rebalancer.simulation.virtual.weather import MILLISECOND
from rebalancer.simulation.virtual.world import World

Accident = Callable[[World, Dice], None]

# What a machine's clock may be ahead of the true time, ns: less than counts, more, and an hour.
WRONG = tuple(
    sign * each
    for each in (100 * MILLISECOND, 400 * MILLISECOND, 900 * MILLISECOND, 2 * SECOND, 3600 * SECOND)
    for sign in (1, -1)
)

# What it may gain in a second, ns: as a poor one, and as one that is made to come round fast.
GAINED = tuple(sign * each for each in (50_000, 500_000, STEEPEST) for sign in (1, -1))
FAR = 250 * MILLISECOND  # ns of a drift that counts
HEDGES = (("deribit", INVERSE), ("binanceusdm", LINEAR))
BANDS = (0.03, 0.05, 0.08)  # coins, to each side of the aim


def happen(world: World, dice: Dice) -> None:
    """Let a second pass: the market goes on, and what goes wrong each second may."""
    struck = [name for name in (*_BEFORE, *_AFTER) if world.faults.strikes(name, dice)]
    for name in struck:
        if name in _BEFORE:
            _BEFORE[name](world, dice)
    world.step()
    for name in struck:
        if name in _AFTER:
            _AFTER[name](world, dice)


def _leap(most: float) -> Accident:
    return lambda world, dice: world.places.market.leap((2 * dice.share() - 1) * most)


def _slide(world: World, dice: Dice) -> None:
    """Let the price fall several times a second, as one after the other is sold out."""
    each, now = -0.002 - 0.006 * dice.share(), world.clock.now()

    def fall() -> None:
        if world.faults.on:
            world.places.market.leap(each)
            world.step()

    for time in range(1, dice.between(10, 40)):
        world.clock.call_at(now + time * 310 * MILLISECOND, fall)


def _stand(world: World, dice: Dice) -> None:
    world.places.market.stands = world.clock.now() + dice.between(3, 15) * SECOND


def _thin(world: World, dice: Dice) -> None:
    world.places.market.thin(world.clock.now() + dice.between(3, 20) * SECOND)


def _fund(world: World, dice: Dice) -> None:
    world.places.market.fund(0.03 if dice.chance(0.5) else -0.03)
    world.rates()


def _freeze(world: World, dice: Dice) -> None:
    duration = dice.between(1, 15 if dice.chance(0.9) else 150) * SECOND
    world.oracle.note(world.clock.now(), f"the market is silent for {duration / SECOND:g} s")
    world.feed.freeze(duration)


def _delay(world: World, dice: Dice) -> None:
    late = dice.between(1, 10) * SECOND
    world.oracle.note(world.clock.now(), f"the market is heard {late / SECOND:g} s late")
    world.feed.delay(late, dice.between(5, 20) * SECOND)


def impoverish(world: World, dice: Dice) -> None:
    """Let most of the coins be gone when a run begins, so that margin is scarce."""
    world.hands.take(dice.between(10, 17))


def _mislead(world: World, _: Dice) -> None:
    """Show the process one word of the market that is not true."""
    lie = world.places.market.absurd(world.clock.now())
    world.oracle.conduct.words.lie(lie)
    world.oracle.note(world.clock.now(), f"a false word: {lie}")
    world.show(lie)


def _lose_stream(world: World, dice: Dice) -> None:
    """Let an account's stream die and come back, both of which the process notices."""
    name, now = dice.pick(list(world.wires)), world.clock.now()
    world.faults.dead.add(name)
    world.oracle.note(now, f"the stream of {name} dies")
    world.tell(FeedStatus(now, name, alive=False))

    def back() -> None:
        world.faults.dead.discard(name)
        world.oracle.note(world.clock.now(), f"the stream of {name} is back")
        world.tell(FeedStatus(world.clock.now(), name, alive=True))

    world.clock.call_at(now + dice.between(1, 10) * SECOND, back)


def _mute(world: World, dice: Dice) -> None:
    """Let an account's stream say nothing, and nothing of that."""
    name = dice.pick(list(world.wires))
    world.faults.dead.add(name)
    world.oracle.note(world.clock.now(), f"the stream of {name} is mute")
    end = world.clock.now() + dice.between(1, 20) * SECOND
    world.clock.call_at(end, lambda: world.faults.dead.discard(name))


def _repeat(world: World, dice: Dice) -> None:
    name = dice.pick(list(world.wires))
    world.oracle.note(world.clock.now(), f"the stream of {name} tells its last words again")
    world.wires[name].repeat()


def _close(world: World, dice: Dice) -> None:
    name = dice.pick(list(world.wires))
    world.oracle.note(world.clock.now(), f"{name} takes no orders for a while")
    world.faults.close(name, dice.between(2, 10) * SECOND, world.clock)


def _bar(world: World, dice: Dice) -> None:
    name = dice.pick(list(world.wires))
    world.oracle.goals[goals.BARRED] += 1
    world.oracle.note(world.clock.now(), f"{name} does not take the key for a while")
    world.faults.bar(name, dice.between(2, 20) * SECOND, world.clock)


def _hold(world: World, dice: Dice) -> None:
    """Let a venue say that it takes no orders for a while."""
    world.notices.hold(dice.pick(list(world.wires)), dice.between(2, 30) * SECOND)


def _hold_contract(world: World, dice: Dice) -> None:
    account, contract = dice.pick(HEDGES)
    world.notices.hold(account, dice.between(2, 30) * SECOND, contract)


def _close_contract(world: World, dice: Dice) -> None:
    account, contract = dice.pick(HEDGES)
    world.notices.close(account, contract, dice.between(20, 200) * SECOND)


def _ban(world: World, dice: Dice) -> None:
    world.notices.ban(dice.pick(list(world.wires)), dice.between(5, 60) * SECOND)


def _lever(world: World, dice: Dice) -> None:
    """Let somebody set the leverage of an account past the daemon."""
    world.notices.lever(dice.pick(list(world.wires)), Decimal(dice.pick((1, 2, 5, 20, 50))))


def _arm(world: World, _: Dice) -> None:
    world.person.arm()


def _tune(world: World, dice: Dice) -> None:
    world.person.tune(dice.pick(BANDS))


def _trade(world: World, _: Dice) -> None:
    world.hands.trade()


def _trade_unlisted(world: World, _: Dice) -> None:
    world.hands.trade(listed=False)


def _deposit(world: World, _: Dice) -> None:
    world.hands.move_coins()


def _withdraw(world: World, dice: Dice) -> None:
    """Let most of the coins be taken away while the book runs."""
    world.oracle.goals[goals.TAKEN] += not world.hands.taken
    world.hands.take(dice.between(10, 17))


def _kill_and_begin(world: World, _: Dice) -> None:
    """Let a person kill the book and begin it anew, which must not lift the kill."""
    world.person.say(Verb.KILL)

    def begin() -> None:
        if world.faults.on and world.oracle.conduct.stopped is not None:
            world.crash("begun anew after a kill")

    world.clock.call_at(world.clock.now() + 2 * SECOND, begin)


def _soon(accident: Accident) -> Accident:
    """Return an accident that comes a moment later, when what the second began is on its way."""

    def later(world: World, dice: Dice) -> None:
        at = world.clock.now() + dice.between(0, 100) * MILLISECOND
        world.clock.call_at(at, lambda: accident(world, dice))

    return later


def _crash(world: World, _: Dice) -> None:
    world.crash("killed")


def _stop(world: World, dice: Dice) -> None:
    if world.process is not None:
        duration = dice.between(1, 40) * SECOND
        world.oracle.goals[goals.STOPPED] += 1
        world.oracle.note(world.clock.now(), f"the process stands still {duration / SECOND:g} s")
        world.process.clock.stop(duration)


def _set_clock(world: World, dice: Dice) -> None:
    """Set the machine's clock wrong; in half of the cases the process starts anew with that."""
    world.set_wrong(dice.pick(WRONG), dice.between(5, 60) * SECOND)
    if dice.chance(0.5):
        world.crash("started anew with its machine")


def _drift(world: World, dice: Dice) -> None:
    """Let the machine's clock go too fast or too slow for a while, and all that runs on it."""
    gained, seconds = dice.pick(GAINED), dice.between(10, 120)
    if world.machine.gains:
        return  # one after the other: together they would be steeper than any clock is
    now = world.clock.now()
    world.oracle.goals[goals.DRIFTED] += abs(gained) * seconds > FAR
    text = f"the machine's clock gains {gained / MILLISECOND:+g} ms a second for {seconds} s"
    world.oracle.note(now, text)
    world.machine.drift(gained, world.reached())
    world.clock.call_at(now + seconds * SECOND, lambda: world.machine.drift(0, world.reached()))


def _fill_disk(world: World, dice: Dice) -> None:
    """Let the disk of the journal be nearly full for a while."""
    world.oracle.note(world.clock.now(), "the disk is nearly full")
    world.disk.short = True

    def clear() -> None:
        world.disk.short = False

    world.clock.call_at(world.clock.now() + dice.between(3, 30) * SECOND, clear)


def _operate(verb: Verb) -> Accident:
    return lambda world, _: world.person.say(verb)


def _pause(world: World, _: Dice) -> None:
    world.person.say(Verb.PAUSE if not world.oracle.conduct.paused else Verb.RESUME)


_BEFORE: Mapping[str, Accident] = MappingProxyType(
    {
        "gap": _leap(0.06),
        "crash_of_price": _leap(0.3),
        "price_stands": _stand,
        "slide": _slide,
        "book_thin": _thin,
        "funding_wild": _fund,
    }
)
_AFTER: Mapping[str, Accident] = MappingProxyType(
    {
        "feed_frozen": _freeze,
        "feed_late": _delay,
        "feed_absurd": _mislead,
        "stream_dead": _lose_stream,
        "stream_again": _repeat,
        "stream_mute": _mute,
        "maintenance": _close,
        "key_barred": _bar,
        "traded_by_hand": _trade,
        "traded_unlisted": _trade_unlisted,
        "deposit": _deposit,
        "crash": _soon(_crash),
        "stopped": _soon(_stop),
        "clock_wrong": _set_clock,
        "disk_short": _fill_disk,
        "paused": _pause,
        "reconciled": _operate(Verb.RECONCILE),
        "reduced": _operate(Verb.REDUCE),
        "killed": _soon(_operate(Verb.KILL)),
        "held": _hold,
        "contract_held": _hold_contract,
        "banned": _ban,
        "contract_closed": _close_contract,
        "leverage_set": _lever,
        "tuned": _tune,
        "armed": _arm,
        "withdrawn": _withdraw,
        "killed_begun": _kill_and_begin,
        "clock_drifts": _drift,
    }
)
