"""Running: points on all cores or on a cluster; each one's outcome is one line of a file.

A sweep that is cut off goes on where its file ends. What a point shows follows
from its settings and the recordings alone: where it ran, and when, makes no difference.
"""

import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rebalancer.errors import DataError, RebalancerError, Unavailable, UsageError
from rebalancer.ports import Clock, Log
from rebalancer.research.replay import Request, replay
from rebalancer.research.sweep.measures import parts
from rebalancer.research.sweep.points import Job
from rebalancer.research.sweep.shelf import opener

Line = dict[str, Any]
Work = Callable[[Sequence[Job]], Iterable[Line]]

OUTCOME = {"key", "first", "rest", "whole", "digest"}  # what every outcome has, and nothing else
TOLD = ("orders", "hedges", "refusals", "liquidations", "max_margin_ratio", "max_abs_net_delta")


def one(job: Job) -> Line:
    """Play one point.

    Returns:
        Its outcome as JSON values; where it could not be played, why, under "failed".
    """
    try:
        request = Request(
            job.settings,
            job.source.folder,
            job.source.window,
            _quiet,
            attributes=False,
            market=opener(job.source, job.stamps),
        )
        summary = replay(request)
    except RebalancerError as error:
        return {"key": job.key, "failed": str(error)}
    told = {name: summary.result[name] for name in TOLD}
    figures = parts(summary.recorder.samples, job.split, job.warm_up)
    digest, residual = summary.result["digest"], summary.result["accounting_residual"]
    return {"key": job.key, **told, **figures, "accounting_residual": residual, "digest": digest}


class _Silence:
    """A log that nobody reads."""

    def _say(self, event: str, **facts: Any) -> None:
        pass

    debug = info = warning = error = _say


def _quiet(_clock: Clock) -> Log:
    return _Silence()


def play(
    jobs: Sequence[Job], told: Callable[[Line], None], resume: Path | None, work: Work
) -> dict[str, Line]:
    """Play points; those that the file has are not played again.

    Args:
        jobs: Which.
        told: Hears of each outcome as it comes.
        resume: Where outcomes are kept; None: nowhere.
        work: Plays them, `here` or on a `cluster`.

    Returns:
        Outcomes by key.

    Raises:
        DataError: A point could not be played, or the file is not one of outcomes.
    """
    known = {} if resume is None else read(resume)
    found = {job.key: known[job.key] for job in jobs if job.key in known}
    left = [job for job in jobs if job.key not in found]
    if not left:
        return found
    names = {job.key: job.point.label for job in left}
    with _kept(resume) as keep:
        for line in work(left):
            if "failed" in line:
                raise DataError(f"{names[line['key']]}: {line['failed']}")
            found[line["key"]] = line
            keep(line)
            told(line)
    return found


def read(path: Path) -> dict[str, Line]:
    """Return the outcomes of a file by key; a last line that was cut off is left out.

    A first line that was cut off is told as no outcome: it may be anything.

    Raises:
        DataError: A line before the last is none, or the first one.
        UsageError: It is no file of text, or cannot be read.
    """
    rows = _text(path).split("\n")
    found: dict[str, Line] = {}
    for number, row in enumerate(rows[: max(len(rows) - 1, 1)], 1):
        if row or len(rows) > 1:
            told = _outcome(row)
            if told is None:
                must, was = "must be a point's outcome", row[:40]
                raise DataError(f"{path}: line {number}: {must}, was {was!r}: left as it is")
            found[told["key"]] = told
    return found


def _text(path: Path) -> str:
    """Return what a file of outcomes holds; nothing where there is none yet."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: must be a file of outcomes, is no text") from error
    except OSError as error:
        raise UsageError(f"{path}: must be a file of outcomes: {error.strerror}") from error


def _outcome(row: str) -> Line | None:
    try:
        told = json.loads(row)
    except json.JSONDecodeError:
        return None
    known = isinstance(told, dict) and told.keys() >= OUTCOME and isinstance(told["key"], str)
    return told if known else None


@contextmanager
def _kept(path: Path | None) -> Iterator[Callable[[Line], None]]:
    """Write each outcome down as it comes, behind those that are there."""
    if path is None:
        yield lambda _: None
        return
    try:
        file = path.open("a+b")
    except OSError as error:
        raise UsageError(f"{path}: must be a file that can be written: {error.strerror}") from error
    with file:
        file.seek(0)
        whole = file.read().rpartition(b"\n")
        file.truncate(len(whole[0]) + len(whole[1]))

        def keep(line: Line) -> None:
            file.write(json.dumps(line).encode() + b"\n")
            file.flush()

        yield keep


def here(jobs: Sequence[Job]) -> Iterator[Line]:
    """Play points one after the other in this process."""
    return map(one, jobs)


@contextmanager
def cluster(address: str | None) -> Iterator[Work]:
    """Return what plays points beside one another and yields outcomes as they come.

    Args:
        address: Of a Dask scheduler; None: one of its own, with a process a core.

    Raises:
        Unavailable: The extra is not installed, or nobody answers there.
    """
    try:
        import distributed
    except ImportError as error:
        raise Unavailable("sweep: needs the extra `cluster` (dask.distributed)") from error
    library: Any = distributed
    if address is not None:
        with _client(library, address) as client:
            yield _beside(library, client)
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with (
        library.LocalCluster(
            n_workers=cores or 1,
            threads_per_worker=1,
            dashboard_address=None,
            silence_logs=logging.ERROR,
        ) as local,
        library.Client(local) as client,
    ):
        yield _beside(library, client)


def _client(library: Any, address: str) -> Any:
    try:
        return library.Client(address)
    except (OSError, ValueError, TimeoutError) as error:
        raise Unavailable(f"--scheduler: nobody answers at {address}: {error}") from error


def _beside(library: Any, client: Any) -> Work:
    def work(jobs: Sequence[Job]) -> Iterator[Line]:
        keys = [f"point-{job.key}" for job in jobs]
        for done in library.as_completed(client.map(one, jobs, key=keys)):
            yield done.result()

    return work
