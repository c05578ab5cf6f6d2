"""A Dask cluster of one worker, in a process of its own: its threads draw from `random`.

Hypothesis watches that generator while it draws, and takes a thread's draw for a strategy's.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SERVE = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""


@contextmanager
def scheduler(folder) -> Iterator[str]:
    """Yield the address of the scheduler of a cluster, which ends with the block.

    Args:
        folder: Where its program is put; workers begin by reading it.
    """
    program = folder / "cluster.py"
    program.write_text(_SERVE, "utf-8")
    with subprocess.Popen(
        [sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait(timeout=60)
