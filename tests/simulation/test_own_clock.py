"""The clock of a simulated process on a machine whose own goes wrong."""

from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core.commands import Style
from rebalancer.core.events import FeedStatus
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock
from rebalancer.runtime.virtual import run_virtual
from rebalancer.simulation.virtual import book
from rebalancer.simulation.virtual.own_clock import Machine, OwnClock
from rebalancer.simulation.virtual.weather import CALM
from rebalancer.simulation.virtual.world import World

MS = 1_000_000
RATES = st.sampled_from((0, 50_000, -50_000, 500_000, 80 * MS, -80 * MS))
STEPS = st.lists(
    st.tuples(RATES, st.integers(1, 20 * SECOND), st.integers(0, 5 * SECOND)), min_size=1
)


def until(clock, ts):
    """Let true time pass, and all that is due in it happen."""
    while clock._calls and clock._calls[0][0] <= ts:
        clock.jump()
    clock.call_at(ts, lambda: None)
    clock.jump()


@given(STEPS)
def test_it_never_runs_back(steps):
    """However its machine gains and loses, and whatever the process waits for."""
    clock, machine = MarketClock(0), Machine()
    own, shown = OwnClock(clock, machine), []
    for gains, passes, waits in steps:
        own.wait(waits)
        machine.drift(gains, own.true())
        shown.append(own.now())
        until(clock, clock.now() + passes)
        shown.append(own.now())

    assert sorted(shown) == shown


@given(STEPS, st.lists(st.integers(0, 60 * SECOND), min_size=1, max_size=5))
def test_nothing_comes_early(steps, waits):
    """What is due comes when the process's own clock shows it, or later where that gains."""
    clock, machine = MarketClock(0), Machine()
    own, came = OwnClock(clock, machine), []
    for wait in waits:
        due = own.now() + wait
        own.call_at(due, lambda due=due: came.append(own.now() - due))
    for gains, passes, _ in steps:
        machine.drift(gains, clock.now())
        until(clock, clock.now() + passes)
    machine.drift(0, clock.now())
    until(clock, clock.now() + 120 * SECOND)

    assert len(waits) == len(came)
    assert all(0 <= late <= 80 * MS * 60 + 1 for late in came)  # what it may gain in a minute


def test_what_is_due_is_waited_for():
    """A clock that loses makes its process wait longer, one that gains is heard in time."""
    clock, machine = MarketClock(0), Machine()
    own, came = OwnClock(clock, machine), []
    machine.drift(-80 * MS, 0)
    own.call_at(SECOND, lambda: came.append(clock.now()))
    until(clock, 2 * SECOND)
    machine.drift(80 * MS, 2 * SECOND)
    own.call_at(own.now() + SECOND, lambda: came.append(clock.now()))
    until(clock, 4 * SECOND)

    assert [1_086_956_522, 2 * SECOND + 925_925_926] == came


def test_set_and_anchored():
    """Set right, the machine shows the truth; a process does once it follows."""
    clock, machine = MarketClock(0), Machine()
    own = OwnClock(clock, machine)
    machine.drift(-80 * MS, 0)
    until(clock, 10 * SECOND)
    assert (-800 * MS, 9_200 * MS, 9_200 * MS) == (own.ahead, own.now(), own.wall())
    machine.drift(0, clock.now())
    machine.set(0, clock.now())
    assert (-800 * MS, 10 * SECOND) == (own.ahead, own.wall())
    own.anchor()
    assert (0, 10 * SECOND) == (own.ahead, own.now())


def test_what_comes_while_it_stands_still_waits_in_its_order():
    """Also where it stands still once more before it was heard: a stream ends before it is back."""
    world = World(1, CALM, book.START, Style.IOC)

    async def story():
        world.step()
        world.boot()
        await world.clock.sleep(5 * SECOND)
        process, heard = world.process, []
        process.engine.watch(lambda event: heard.append((world.clock.now(), event)))
        began = world.clock.now()
        process.clock.stop(30 * SECOND)
        await world.clock.sleep(2 * SECOND)
        process.hear(FeedStatus(world.clock.now(), "deribit", alive=False))
        await world.clock.sleep(10 * SECOND)
        process.clock.stop(40 * SECOND)
        process.hear(FeedStatus(world.clock.now(), "deribit", alive=True))
        await world.clock.sleep(50 * SECOND)
        told = [(ts - began, each.alive) for ts, each in heard if isinstance(each, FeedStatus)]
        assert [(52 * SECOND, False), (52 * SECOND, True)] == told
        process.kill()
        await world.clock.sleep(SECOND)
        await world.tasks.close()

    run_virtual(world.clock, lambda _: None, story())
