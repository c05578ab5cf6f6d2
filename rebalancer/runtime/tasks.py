"""Task spawning: every task has a name, an owner and a place in the order of shutdown."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class TaskRegistry:
    """Starts tasks and ends them, youngest first.

    Args:
        failed: Is told of an exception that a task died of; it should stop the
            daemon, in order. A cancellation is no failure.
    """

    def __init__(self, failed: Callable[[BaseException], None]) -> None:
        self._failed = failed
        self._running: dict[asyncio.Task[None], None] = {}  # a dict keeps the order of starting

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Start `work`."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running[task] = None
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)

    async def close(self) -> None:
        """Cancel what still runs, youngest first, and wait for each in turn."""
        current = asyncio.current_task()
        while rest := [task for task in self._running if task is not current]:
            task = rest[-1]
            task.cancel()
            await asyncio.wait([task])
            self._running.pop(task, None)


def tasks_running() -> int:
    """Return how many tasks the running event loop has, whoever started them; 0 without one."""
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:
        return 0
