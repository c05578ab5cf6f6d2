"""The lint that keeps time, chance, ids, tasks and order out of the ambient.

A run replays to the same decisions only when nothing in it reads the world
behind the back of the ports. The lint resolves each name to what was imported
under it, however it was renamed, and looks that up in `BANNED`. It judges the
reference and not the call: `now = time.time` reads a clock as well.

Not seen: what is reached through `getattr`, and sets whose type shows only in
another module.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.architecture.sets import walks_over_sets

CLOCK, CHANCE, IDENTITY, TASK, RUN, ORDER = "clock", "chance", "identity", "task", "run", "order"

# What each port module may do; a folder speaks for all that is in it.
ALLOWED: Mapping[str, frozenset[str]] = {
    "rebalancer/runtime/clock.py": frozenset({CLOCK, RUN}),  # owns the event loops
    "rebalancer/runtime/virtual.py": frozenset({CLOCK, RUN}),  # and this one another
    "rebalancer/simulation/virtual/campaign.py": frozenset({TASK}),  # one process a core
    "rebalancer/ops/control.py": frozenset({CLOCK}),  # deadlines of a client's socket
    "rebalancer/ops/web/": frozenset({CLOCK}),  # the same of a browser's, and frames for an eye
    "rebalancer/runtime/tasks.py": frozenset({TASK}),
    "rebalancer/runtime/randomness.py": frozenset({CHANCE}),
    "rebalancer/simulation/victim.py": frozenset({TASK}),  # forks whom it kills
    "rebalancer/simulation/nursery.py": frozenset({TASK}),  # and has it born
    "rebalancer/simulation/soak.py": frozenset({TASK}),  # a daemon and its venues, each a process
    "rebalancer/storage/caretaker.py": frozenset({TASK, CLOCK}),  # a process, and its deadline
    "rebalancer/storage/errand.py": frozenset({TASK}),  # that process hears when it is alone
    # the process that sends alerts, and who starts it: deadlines of strangers, tasks beside
    "rebalancer/ops/messenger/__main__.py": frozenset({CLOCK, TASK, RUN}),
    **{
        f"rebalancer/ops/messenger/{name}.py": frozenset({CLOCK, TASK})
        for name in ("apprised", "asking", "child", "courier", "desk")
    },
    "rebalancer/cli/": frozenset({RUN}),
    "rebalancer/cli/journalctl.py": frozenset({TASK}),  # the journal's own program reads it
}

# Dotted name → kind. A module's name speaks for everything under it.
BANNED: Mapping[str, str] = {
    **{
        f"time.{name}": CLOCK
        for name in (
            *("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"),
            *("process_time", "process_time_ns", "thread_time", "thread_time_ns", "clock_gettime"),
            *("clock_gettime_ns", "sleep", "localtime", "gmtime", "ctime", "asctime", "strftime"),
        )
    },
    **{f"datetime.datetime.{name}": CLOCK for name in ("now", "utcnow", "today")},
    "datetime.date.today": CLOCK,
    "os.times": CLOCK,
    "signal.alarm": CLOCK,
    "signal.setitimer": CLOCK,
    "sched": CLOCK,
    **{f"asyncio.{name}": CLOCK for name in ("sleep", "timeout", "timeout_at", "wait_for")},
    "random": CHANCE,
    "secrets": CHANCE,
    "os.urandom": CHANCE,
    "os.getrandom": CHANCE,
    "numpy.random": CHANCE,
    "uuid": IDENTITY,
    **{
        f"asyncio.{name}": TASK
        for name in (
            *("create_task", "ensure_future", "TaskGroup", "Task", "gather", "wait"),
            *("as_completed", "to_thread", "run_coroutine_threadsafe"),
            *("create_subprocess_exec", "create_subprocess_shell"),
        )
    },
    "threading.Thread": TASK,
    "threading.Timer": TASK,
    "_thread": TASK,
    "concurrent.futures": TASK,
    "multiprocessing": TASK,
    "os.fork": TASK,
    "os.system": TASK,
    "subprocess": TASK,
    "asyncio.run": RUN,
    "asyncio.Runner": RUN,
}

# Imported whole they are judged by what is used of them.
PACKAGES = frozenset({"numpy.random", "concurrent.futures"})
# Never passed on as a value: nobody could tell what is used of them.
OPAQUE = frozenset({"time", "asyncio"})

# Under a banned module, yet harmless: types to annotate with and to catch.
HARMLESS = frozenset(
    {
        "numpy.random.Generator",
        "numpy.random.BitGenerator",
        "uuid.UUID",
        "concurrent.futures.CancelledError",
        "concurrent.futures.TimeoutError",
    }
)

# Methods that give themselves away by name alone, and those that need a loop before the dot.
METHODS: Mapping[str, str] = {
    "call_later": CLOCK,
    "create_task": TASK,
    "run_in_executor": TASK,
    "run_until_complete": RUN,
    "run_forever": RUN,
    "rvs": CHANCE,  # scipy.stats: draws from numpy's global generator
}
LOOP_METHODS: Mapping[str, str] = {"time": CLOCK, "call_at": CLOCK}
LOOP_NAMES = frozenset({"loop", "_loop", "event_loop", "_event_loop"})
LOOP_MAKERS = frozenset(
    f"asyncio.{name}" for name in ("get_running_loop", "get_event_loop", "new_event_loop")
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where a module reaches past the ports."""

    line: int
    kind: str
    what: str


def findings(source: str, path: str) -> list[Finding]:
    """Return what `source` does that its place in the tree does not allow.

    Args:
        source: A Python module.
        path: Its path from the project's root, with forward slashes.

    Returns:
        Findings by line; empty when all is well.
    """
    tree = ast.parse(source)
    names = _imported(tree)
    allowed = _allowed(path)
    found = {*_imports(tree), *_references(tree, names), *_loop_calls(tree, names)}
    found.update(Finding(line, ORDER, what) for line, what in walks_over_sets(tree))
    return sorted(
        (finding for finding in found if finding.kind not in allowed),
        key=lambda finding: (finding.line, finding.kind, finding.what),
    )


def _allowed(path: str) -> frozenset[str]:
    """Return the kinds that the module at `path` may use."""
    kinds = (kinds for place, kinds in ALLOWED.items() if _covers(place, path))
    return frozenset().union(*kinds)


def _covers(place: str, path: str) -> bool:
    """Tell whether an entry of `ALLOWED` speaks for `path`."""
    return path.startswith(place) if place.endswith("/") else path == place


def _kind(dotted: str) -> str | None:
    """Return the kind of a dotted name, by itself or by a module that it lies in."""
    parts = dotted.split(".")
    prefixes = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
    if HARMLESS.intersection(prefixes):
        return None
    return next((BANNED[prefix] for prefix in prefixes if prefix in BANNED), None)


def _imported(tree: ast.Module) -> dict[str, str]:
    """Return local name → dotted name for every import, wherever in the module it stands."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.split(".")[0]
                names[alias.asname or root] = alias.name if alias.asname else root
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def _imports(tree: ast.Module) -> Iterator[Finding]:
    """Yield what is banned already where it is imported: `from time import time`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                dotted = f"{node.module}.{alias.name}"
                if alias.name == "*":
                    yield from _star(node.lineno, node.module)
                elif (kind := _kind(dotted)) and dotted not in PACKAGES:
                    yield Finding(node.lineno, kind, dotted)
        elif isinstance(node, ast.Call) and (module := _imported_by_call(node)):
            yield from _star(node.lineno, module)


def _star(line: int, module: str) -> Iterator[Finding]:
    """Yield a finding for each kind that a module brings in whole."""
    kinds = {kind for name, kind in BANNED.items() if f"{name}.".startswith(f"{module}.")}
    for kind in sorted(kinds | {kind for kind in [_kind(module)] if kind}):
        yield Finding(line, kind, f"{module}.*")


def _imported_by_call(call: ast.Call) -> str | None:
    """Return the module that `__import__` or `import_module` is called with."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else None
    name = call.func.id if isinstance(call.func, ast.Name) else name
    if name not in ("__import__", "import_module") or not call.args:
        return None
    first = call.args[0]
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return first.value
    return None


def _references(tree: ast.Module, names: Mapping[str, str]) -> Iterator[Finding]:
    """Yield every use of a banned name, and a module of them that is passed on whole."""
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if not isinstance(node, (ast.Name, ast.Attribute)) or id(node) in inner:
            continue
        if dotted := _dotted(node, names):
            if kind := _kind(dotted):
                yield Finding(node.lineno, kind, dotted)
            elif dotted in OPAQUE:
                yield Finding(node.lineno, CLOCK, f"{dotted} as a value")


def _dotted(node: ast.expr, names: Mapping[str, str]) -> str | None:
    """Return what an expression like `t.time` refers to, by the imports of its module."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute) and (base := _dotted(node.value, names)):
        return f"{base}.{node.attr}"
    return None


def _loop_calls(tree: ast.Module, names: Mapping[str, str]) -> Iterator[Finding]:
    """Yield methods of event loops, task groups and distributions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            kind = METHODS.get(node.attr)
            if kind is None and node.attr in LOOP_METHODS and _is_loop(node.value, names):
                kind = LOOP_METHODS[node.attr]
            if kind and not _kind(_dotted(node, names) or ""):
                yield Finding(node.lineno, kind, f".{node.attr}")


def _is_loop(node: ast.expr, names: Mapping[str, str]) -> bool:
    """Tell whether an expression looks like an event loop."""
    if isinstance(node, ast.Call):
        return _dotted(node.func, names) in LOOP_MAKERS
    name = node.attr if isinstance(node, ast.Attribute) else None
    name = node.id if isinstance(node, ast.Name) else name
    return name in LOOP_NAMES
