"""Nothing in the package reads the world behind the ports' back, and the lint would see it."""

from textwrap import dedent

import pytest

from tests.architecture import ambient
from tests.architecture.tree import ROOT, modules

ELSEWHERE = "rebalancer/ops/status.py"


@pytest.mark.parametrize("path", modules(), ids=str)
def test_package(path):
    """Every module takes time, chance, ids and tasks from the ports, and lists no set."""
    source = (ROOT / path).read_text(encoding="utf-8")

    assert [] == ambient.findings(source, path.as_posix())


@pytest.mark.parametrize(
    ("kind", "snippet"),
    [
        # The clock, under every name that it goes by.
        (ambient.CLOCK, "import time\ntime.time()"),
        (ambient.CLOCK, "import time\ntime.time_ns()"),
        (ambient.CLOCK, "import time\ntime.monotonic()"),
        (ambient.CLOCK, "import time\ntime.monotonic_ns()"),
        (ambient.CLOCK, "import time\ntime.perf_counter()"),
        (ambient.CLOCK, "import time\ntime.perf_counter_ns()"),
        (ambient.CLOCK, "import time\ntime.sleep(1)"),
        (ambient.CLOCK, "import time as t\nt.time()"),
        (ambient.CLOCK, "import time\nnow = time.time"),
        (ambient.CLOCK, "import time\nread(time)"),
        (ambient.CLOCK, "from time import time"),
        (ambient.CLOCK, "from time import monotonic as mono"),
        (ambient.CLOCK, "from time import *"),
        (ambient.CLOCK, "__import__('time').time()"),
        (ambient.CLOCK, "import importlib\nimportlib.import_module('time')"),
        (ambient.CLOCK, "def f():\n    import time\n    return time.time()"),
        (ambient.CLOCK, "import datetime\ndatetime.datetime.now()"),
        (ambient.CLOCK, "import datetime as d\nd.datetime.now(tz=d.UTC)"),
        (ambient.CLOCK, "from datetime import datetime\ndatetime.utcnow()"),
        (ambient.CLOCK, "from datetime import datetime as dt\ndt.today()"),
        (ambient.CLOCK, "from datetime import date\ndate.today()"),
        (ambient.CLOCK, "import asyncio\nasyncio.get_running_loop().time()"),
        (ambient.CLOCK, "import asyncio\nloop = asyncio.new_event_loop()\nloop.time()"),
        (ambient.CLOCK, "self._loop.time()"),
        (ambient.CLOCK, "loop.call_at(3, f)"),
        (ambient.CLOCK, "loop.call_later(3, f)"),
        (ambient.CLOCK, "import asyncio\nasync def f():\n    await asyncio.sleep(0)"),
        (ambient.CLOCK, "import asyncio\nasync def f():\n    async with asyncio.timeout(1): ..."),
        (ambient.CLOCK, "import asyncio as a\nasync def f():\n    await a.wait_for(g(), 1)"),
        (ambient.CLOCK, "from asyncio import sleep"),
        # Chance.
        (ambient.CHANCE, "import random\nrandom.random()"),
        (ambient.CHANCE, "import random\nrandom.Random(7)"),
        (ambient.CHANCE, "import random\ndraw(random)"),
        (ambient.CHANCE, "from random import choice"),
        (ambient.CHANCE, "import secrets\nsecrets.token_hex()"),
        (ambient.CHANCE, "import os\nos.urandom(8)"),
        (ambient.CHANCE, "import numpy as np\nnp.random.default_rng()"),
        (ambient.CHANCE, "import numpy as np\nnp.random.default_rng(7)"),
        (ambient.CHANCE, "import numpy as np\nnp.random.seed(7)"),
        (ambient.CHANCE, "import numpy as np\nnp.random.normal()"),
        (ambient.CHANCE, "import numpy.random\nnumpy.random.rand(3)"),
        (ambient.CHANCE, "import numpy.random as npr\nnpr.shuffle(x)"),
        (ambient.CHANCE, "from numpy import random\nrandom.normal()"),
        (ambient.CHANCE, "from numpy.random import default_rng"),
        (ambient.CHANCE, "from scipy import stats\nstats.norm.rvs(3)"),
        # Identity.
        (ambient.IDENTITY, "import uuid\nuuid.uuid4()"),
        (ambient.IDENTITY, "from uuid import uuid4"),
        (ambient.IDENTITY, "import uuid\nuuid.uuid5(a, b)"),
        # Tasks and threads.
        (ambient.TASK, "import asyncio\nasyncio.create_task(f())"),
        (ambient.TASK, "from asyncio import create_task as spawn"),
        (ambient.TASK, "import asyncio\nasyncio.ensure_future(f())"),
        (ambient.TASK, "import asyncio\nasync def f():\n    async with asyncio.TaskGroup(): ..."),
        (ambient.TASK, "group.create_task(f())"),
        (ambient.TASK, "import asyncio\nasyncio.gather(f(), g())"),
        (ambient.TASK, "import asyncio\nasyncio.wait([f])"),
        (ambient.TASK, "import asyncio\nasyncio.as_completed([f])"),
        (ambient.TASK, "import asyncio\nasyncio.to_thread(f)"),
        (ambient.TASK, "loop.run_in_executor(None, f)"),
        (ambient.TASK, "import threading\nthreading.Thread(target=f)"),
        (ambient.TASK, "from threading import Timer"),
        (ambient.TASK, "from concurrent.futures import ThreadPoolExecutor"),
        (ambient.TASK, "from concurrent import futures\nfutures.ProcessPoolExecutor()"),
        (ambient.TASK, "import multiprocessing as mp\nmp.Process(target=f)"),
        (ambient.TASK, "import asyncio\nasyncio.create_subprocess_exec('ls')"),
        (ambient.TASK, "import subprocess\nsubprocess.run(['ls'])"),
        (ambient.TASK, "import os\nos.system('ls')"),
        (ambient.RUN, "import asyncio\nasyncio.run(f())"),
        (ambient.RUN, "loop.run_until_complete(f())"),
        # The order of sets.
        (ambient.ORDER, "for x in {1, 2}: ..."),
        (ambient.ORDER, "for x in set(xs): ..."),
        (ambient.ORDER, "for x in frozenset(xs): ..."),
        (ambient.ORDER, "for x in {x for x in xs}: ..."),
        (ambient.ORDER, "[x for x in set(xs)]"),
        (ambient.ORDER, "{x: 1 for x in set(xs)}"),
        (ambient.ORDER, "list(set(xs))"),
        (ambient.ORDER, "sum(set(xs))"),
        (ambient.ORDER, "sum(x for x in set(xs))"),
        (ambient.ORDER, "', '.join({'a', 'b'})"),
        (ambient.ORDER, "dict.fromkeys({'a', 'b'})"),
        (ambient.ORDER, "[*{1, 2}]"),
        (ambient.ORDER, "a, b = {1, 2}"),
        (ambient.ORDER, "{1, 2}.pop()"),
        (ambient.ORDER, "for x in set(a) - b: ..."),
        (ambient.ORDER, "for x in a.keys() & b.keys(): ..."),
        (ambient.ORDER, "for x in set(a).union(b): ..."),
        (ambient.ORDER, "def f():\n    seen = set()\n    return [x for x in seen]"),
        (ambient.ORDER, "SEEN = frozenset('ab')\ndef f():\n    return [x for x in SEEN]"),
        (ambient.ORDER, "def f(seen: set[str]):\n    yield from seen"),
        (ambient.ORDER, "class A:\n    seen: frozenset[str]\ndef f(a):\n    for x in a.seen: ..."),
    ],
)
def test_caught(kind, snippet):
    """Each way past the ports is seen and named after what it reaches for."""
    kinds = {finding.kind for finding in ambient.findings(snippet, ELSEWHERE)}

    assert {kind} == kinds


@pytest.mark.parametrize(
    "snippet",
    [
        "def f(clock):\n    return clock.now() + clock.monotonic()",
        "def f(clock):\n    return clock.call_at(3, g)",
        "async def f(clock):\n    await clock.sleep(3)",
        "def f(tasks):\n    tasks.spawn('feed', g())",
        "def f(event):\n    time = event.time\n    return time.time()",
        "from datetime import UTC, datetime\ndatetime.fromtimestamp(3, UTC)",
        "from datetime import datetime\ndatetime(2026, 2, 27).replace(hour=8)",
        "import asyncio\nqueue = asyncio.Queue()",
        "import asyncio\nasync def f():\n    raise asyncio.CancelledError",
        "import numpy as np\ndef f(random: np.random.Generator):\n    return random.normal()",
        "from numpy.random import Generator\ndef f(random: Generator): ...",
        "from rebalancer.runtime import clock\nclock.time()",
        "from .time import time\ntime()",
        "import threading\nlock = threading.Lock()",
        "for x in sorted({1, 2}): ...",
        "sorted(x for x in set(xs))",
        "{x for x in set(xs)}",
        "{*a, *set(b)}",
        "len(set(xs)) == max({1, 2})",
        "3 in {1, 2}",
        "any(x for x in {1, 2})",
        "for x in a.keys(): ...",
        "for x in {1: 2}: ...",
        "for x in a - b: ...",
        "def f(seen: list[str]):\n    seen = sorted(set(seen))\n    return [x for x in seen]",
        "def f():\n    seen = set()\n    seen = sorted(seen)\n    return [x for x in seen]",
    ],
)
def test_passes(snippet):
    """The ports themselves, harmless types and sets that are only asked or sorted pass."""
    assert [] == ambient.findings(snippet, ELSEWHERE)


@pytest.mark.parametrize(
    ("path", "snippet", "passes"),
    [
        ("rebalancer/runtime/clock.py", "import time\ntime.time_ns()", True),
        ("rebalancer/runtime/clock.py", "import asyncio\nasyncio.create_task(f())", False),
        ("rebalancer/runtime/tasks.py", "import asyncio\nasyncio.create_task(f())", True),
        ("rebalancer/runtime/tasks.py", "import time\ntime.time_ns()", False),
        ("rebalancer/runtime/randomness.py", "import numpy as np\nnp.random.default_rng(7)", True),
        ("rebalancer/runtime/randomness.py", "import uuid\nuuid.uuid4()", False),
        ("rebalancer/cli/run.py", "import asyncio\nasyncio.run(f())", True),
        ("rebalancer/cli/run.py", "import asyncio\nasyncio.gather(f())", False),
        ("rebalancer/runtime/clock.py", "for x in {1, 2}: ...", False),
        ("rebalancer/core/clock.py", "import time\ntime.time_ns()", False),
    ],
)
def test_port_modules(path, snippet, passes):
    """A port module may do what it is the port for, and nothing more."""
    assert passes == (not ambient.findings(snippet, path))


def test_finding_names_the_place():
    """A finding tells line, kind and the full name, whatever the alias."""
    source = dedent(
        """
        import time as t

        def age():
            return t.monotonic()
        """
    )

    expected = [ambient.Finding(5, ambient.CLOCK, "time.monotonic")]
    assert expected == ambient.findings(source, ELSEWHERE)
