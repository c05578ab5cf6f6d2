"""Planted bugs: each is put into a copy of the tree, and the seeds must find it.

    python -m tests.simulation.mutants [NAME …] [--most 1000] [--start 0]

A bug is a text of one file and what it becomes, more than once where one defence
stands behind another; a text that is not there is an error, so that no bug is
ever planted nowhere. `FOREIGN` are by somebody who had not read the oracle. The
table printed says which seed found it first, and by which invariant.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from multiprocessing.pool import ThreadPool
from pathlib import Path

from tests.simulation.planted import BUGS, FOREIGN, Bug

ROOT = Path(__file__).resolve().parents[2]


def planted(bug: Bug, folder: Path) -> Path:
    """Return a copy of the package in which a bug is planted."""
    tree = folder / "tree"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "rebalancer", tree / "rebalancer", ignore=ignored)
    each: Bug | None = bug
    while each is not None:
        path = tree / each.file
        text = path.read_text()
        times = text.count(each.before)
        if times != 1:
            raise SystemExit(f"{each.file}: must hold the text once, held it {times} times")
        path.write_text(text.replace(each.before, each.after))
        each = each.beside
    return tree


_HUNT = """
import json, sys
from rebalancer.simulation.virtual.campaign import one
for seed in range(int(sys.argv[1]), int(sys.argv[1]) + int(sys.argv[2])):
    found = [each for each in one(seed)["violations"] if each[0] not in ("broke", "I13")]
    if found:
        print(json.dumps([seed, found[0]]))
        break
"""


def _first(tree: Path, start: int, most: int) -> tuple[int, str, str] | None:
    """Return (seed, invariant, text) of the first violation that is more than a crash."""
    told = subprocess.run(
        [sys.executable, "-c", _HUNT, str(start), str(most)],
        env={**os.environ, "PYTHONPATH": str(tree)},
        cwd=tree,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if not told:
        return None
    seed, (invariant, _, text) = json.loads(told)
    return seed, invariant, text


def hunted(bug: Bug, start: int, most: int) -> tuple[int, str, str] | None:
    """Return (seed, invariant, text) that found a bug first; None: none did.

    A seed in which the shipped tree does not hold either finds nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        tree, seed = planted(bug, Path(folder)), start
        while seed < start + most:
            found = _first(tree, seed, start + most - seed)
            if found is None or _first(ROOT, found[0], 1) is None:
                return found
            seed = found[0] + 1
    return None


def main() -> int:
    """Print the table; 1 when a bug was not found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--most", type=int, default=1000)
    parser.add_argument("--start", type=int, default=0)
    asked = parser.parse_args()
    bugs, missed = {**BUGS, **FOREIGN}, 0
    names = asked.names or list(bugs)
    with ThreadPool(os.cpu_count() or 1) as pool:
        hunts = pool.imap(lambda name: hunted(bugs[name], asked.start, asked.most), names)
        for name, found in zip(names, hunts, strict=True):
            missed += found is None
            told = "NOT FOUND" if found is None else _row(*found)
            foreign = "  (by another hand)" if name in FOREIGN else ""
            print(f"{name + foreign:66} {told}", flush=True)
    return 1 if missed else 0


def _row(seed: int, invariant: str, text: str) -> str:
    return f"seed {seed:4}  {invariant:5} {text[:70]}"


if __name__ == "__main__":
    sys.exit(main())
