"""Tasks: a failure is told, the end comes youngest first, and nothing is left behind."""

import asyncio

from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock, run_market
from rebalancer.runtime.tasks import TaskRegistry


def run(story):
    """Run a story with a registry; return what it returns and the failures told."""
    clock, failures = MarketClock(0), []

    async def main():
        tasks = TaskRegistry(failures.append)
        return await story(tasks, clock)

    return run_market(clock, main()), failures


async def _work(clock, name, said, error=None):
    try:
        await clock.sleep(10 * SECOND)
        if error is not None:
            raise error
        said.append(f"{name} done")
    except asyncio.CancelledError:
        said.append(f"{name} canceled")
        raise


def test_failure_is_told():
    """An exception is told once, by itself; the other tasks live on."""

    async def story(tasks, clock):
        said = []
        tasks.spawn("bad", _work(clock, "bad", said, LookupError("bad")))
        tasks.spawn("good", _work(clock, "good", said))
        await clock.sleep(11 * SECOND)
        return said

    said, failures = run(story)

    assert ["good done"] == said
    assert ["LookupError('bad')"] == [repr(each) for each in failures]


def test_close_youngest_first():
    """Tasks end youngest first, each before the next is asked to; a cancellation is no failure."""

    async def story(tasks, clock):
        said = []
        for name in ("oldest", "middle", "youngest"):
            tasks.spawn(name, _work(clock, name, said))
        await clock.sleep(SECOND)
        await tasks.close()
        await tasks.close()
        return said

    assert (["youngest canceled", "middle canceled", "oldest canceled"], []) == run(story)


def test_close_waits_for_cleaning_up():
    """A task may take its time to clean up; an error in it is told, and all others still end."""

    async def story(tasks, clock):
        said = []

        async def careful():
            try:
                await clock.sleep(60 * SECOND)
            finally:
                await clock.sleep(SECOND)
                said.append("cleaned")
                raise LookupError("while cleaning")

        tasks.spawn("other", _work(clock, "other", said))
        tasks.spawn("careful", careful())
        await clock.sleep(SECOND)
        await tasks.close()
        return said

    said, failures = run(story)

    assert ["cleaned", "other canceled"] == said
    assert 1 == len(failures)


def test_spawned_while_closing():
    """What a dying task still starts is ended as well."""

    async def story(tasks, clock):
        said = []

        async def parent():
            try:
                await clock.sleep(60 * SECOND)
            finally:
                tasks.spawn("child", _work(clock, "child", said))

        tasks.spawn("parent", parent())
        await clock.sleep(SECOND)
        await tasks.close()
        await clock.sleep(60 * SECOND)
        return said

    assert (["child canceled"], []) == run(story)


def test_close_from_within():
    """A task may close the others; it is not made to wait for itself."""

    async def story(tasks, clock):
        said = []
        done = asyncio.Event()

        async def closer():
            await tasks.close()
            said.append("closed")
            done.set()

        tasks.spawn("other", _work(clock, "other", said))
        await clock.sleep(SECOND)
        tasks.spawn("closer", closer())
        await done.wait()
        return said

    assert (["other canceled", "closed"], []) == run(story)
