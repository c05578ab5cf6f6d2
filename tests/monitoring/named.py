"""Whether what an expression names is measured: the lint of rules and dashboard."""

from rebalancer.ops.metrics.table import TABLE, Kind, Metric
from tests.monitoring import promql

SCRAPED = frozenset({"job", "instance"})  # what Prometheus puts on everything that it scrapes
OF_BUCKETS = frozenset({"le"})
OTHERS = {"up": SCRAPED}  # Prometheus' own


def series() -> dict[str, frozenset[str]]:
    """Return every series that a book has, with its labels."""
    found: dict[str, frozenset[str]] = {}
    for each in TABLE.values():
        for name, more in _names(each):
            found[name] = frozenset(each.labels) | SCRAPED | more
    return found | OTHERS


def _names(metric: Metric) -> list[tuple[str, frozenset[str]]]:
    if metric.kind is not Kind.HISTOGRAM:
        return [(metric.full, frozenset())]
    summed = [] if metric.name.startswith("slippage") else ["_sum", "_count"]  # it may be below 0
    plain = [(metric.full + end, frozenset[str]()) for end in summed]
    return [(f"{metric.full}_bucket", OF_BUCKETS), *plain]


def faults(expression: str) -> list[str]:
    """Return what an expression names that no book has."""
    known, found, all_labels = series(), [], set[str]()
    for told in promql.selectors(expression):
        if told.metric not in known:
            found.append(f"{told.metric}: no such metric")
            continue
        all_labels |= known[told.metric]
        found += [
            f"{told.metric}: no label {label}"
            for label in told.labels
            if label not in known[told.metric]
        ]
    lost = sorted(promql.grouped(expression) - all_labels)
    return found + [f"{label}: no metric here has such a label" for label in lost]
