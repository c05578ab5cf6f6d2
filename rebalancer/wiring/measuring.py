"""Measuring: the meter of a book, and what it asks that only the composition knows."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from rebalancer import __version__
from rebalancer.ops.counting import CountedLog
from rebalancer.ports import SECOND, Measure, Sample
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.meter import BookMeter, Probe
from rebalancer.runtime.upkeep import Care
from rebalancer.settings import Settings, fingerprint
from rebalancer.wiring.beginning import Surrounding, care_of

if TYPE_CHECKING:
    from rebalancer.venues.live import LiveVenue


def measured(settings: Settings, around: Surrounding) -> tuple[Surrounding, BookMeter]:
    """Return the surroundings of a book with a log that is counted, and its meter.

    Args:
        settings: Of the book.
        around: As it is handed in.
    """
    log, meter = CountedLog.over(around.log), BookMeter(around.clock)
    meter.ask(process(settings, replace(around, log=log)))
    care = care_of(settings, around)
    if care is not None:
        meter.ask(_room(care))
    return replace(around, log=log), meter


def process(settings: Settings, around: Surrounding) -> Probe:
    """Return what tells which release runs on which settings, and what it said so far.

    Args:
        settings: Of the book, which need not have begun.
        around: What it is put into.
    """
    labels = (settings.book.id, __version__, fingerprint(settings), around.dress)
    started = around.clock.now() if around.started is None else around.started
    fixed = (
        Sample("build_info", 1, labels),
        Sample("process_start_time_seconds", started / SECOND),
        Sample("epoch", around.journal.epoch),
    )
    log, outbox = around.log, around.outbox

    def probe() -> Iterable[Measure]:
        yield from fixed
        if isinstance(log, CountedLog):
            yield from log.samples()
        if outbox is not None:
            yield from outbox.samples()

    return probe


def pulse_of(around: Surrounding, meter: BookMeter) -> Callable[[int], None] | None:
    """Return what hears how late the event loop is; None where a market's clock waits for it."""
    return meter.lagged if isinstance(around.clock, WallClock) else None


def _room(care: Care) -> Probe:
    def probe() -> Iterable[Measure]:
        try:
            room = care.caretaker.room()
        except OSError:  # the disk is gone: so is the metric, and an alert says that it is
            return
        yield Sample("disk_free_bytes", room.free)
        yield Sample("disk_least_bytes", care.least.of(room.total))

    return probe


def outside(opened: "Mapping[str, LiveVenue]") -> Probe:
    """Return what tells how the ways to venues are: clocks, budgets, dead-man switches."""

    def probe() -> Iterable[Measure]:
        for name, venue in opened.items():
            yield from _line(name, venue)

    return probe


def _line(name: str, venue: "LiveVenue") -> Iterable[Measure]:
    line = venue.line
    apart = None if line.skew is None else line.skew.measured
    if apart is not None:
        yield Sample("clock_skew_seconds", apart / SECOND, (name,))
    for bucket, used in line.budget.shares().items():
        yield Sample("rate_budget_used_ratio", used, (name, bucket))
    yield Sample("rate_complaints_total", line.budget.complaints, (name,))
    switch = line.dead_man
    yield Sample("dead_man_wanted", switch.kept, (name,))
    yield Sample("dead_man_armed", switch.armed, (name,))
    if switch.age is not None:
        yield Sample("dead_man_age_seconds", switch.age / SECOND, (name,))
