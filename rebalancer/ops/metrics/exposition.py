"""The exposition: what a book measures, as the text of one scrape (format 0.0.4).

Every scrape asks the book anew, in a registry of its own: nothing is kept from
one to the next, and nothing of the process's other libraries slips in. What the
kernel says of the process comes from prometheus_client, but for its start: that
needs a file that a locked-down service does not see, so the book tells its own.
"""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from rebalancer.errors import Defect
from rebalancer.ops.metrics.table import TABLE, Kind
from rebalancer.ports import Measure, Sample, Spread, StatusSource

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(source: StatusSource) -> bytes:
    """Return all metrics of a running book.

    Raises:
        Defect: The book measures what the table of metrics lacks.
    """
    registry = CollectorRegistry()
    registry.register(_Book(source))
    return generate_latest(registry)


class _Book(Collector):
    """What a book measures, and what the kernel says of its process."""

    def __init__(self, source: StatusSource) -> None:
        self._source = source

    def describe(self) -> Iterable[Metric]:
        """Return nothing: names are checked against the table, not against one another."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the families in the order of the table."""
        found: dict[str, list[Measure]] = {name: [] for name in TABLE}
        for told in (*self._source.measures(), *_process()):
            if told.metric not in found:
                raise Defect(f"{told.metric}: must be in the table of metrics")
            found[told.metric].append(told)
        for name, measures in found.items():
            if measures:
                yield _family(name, measures)


def _family(name: str, measures: Iterable[Measure]) -> Metric:
    metric = TABLE[name]
    if metric.kind is Kind.HISTOGRAM:
        spread = HistogramMetricFamily(metric.full, metric.help, labels=metric.labels)
        for told in measures:
            if not isinstance(told, Spread):
                raise Defect(f"{name}: must be told in buckets")
            spread.add_metric(told.labels, list(_summed(told)), told.total)
        return spread
    make = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    family = make(metric.full, metric.help, labels=metric.labels)
    for told in measures:
        if not isinstance(told, Sample) or len(told.labels) != len(metric.labels):
            raise Defect(f"{name}: must be one number with labels {metric.labels}")
        family.add_metric(told.labels, float(told.value))
    return family


def _summed(told: Spread) -> Iterator[tuple[str, float]]:
    """Yield each bound with how many measures lie at or below it."""
    below = 0
    for bound, count in zip((*told.bounds, float("inf")), told.counts, strict=True):
        below += count
        yield "+Inf" if bound == float("inf") else repr(bound), below


def _process() -> Iterator[Sample]:
    """Yield what the kernel says of this process, but not when it started."""
    for family in ProcessCollector(registry=None).collect():
        for sample in family.samples:
            if sample.name != "process_start_time_seconds":
                yield Sample(sample.name, sample.value)
