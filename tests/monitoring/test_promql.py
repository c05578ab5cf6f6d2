"""What an expression names is read off it as Prometheus would."""

import pytest

from tests.monitoring import named, promql


@pytest.mark.parametrize(
    ("expression", "metrics"),
    [
        ("up", ["up"]),
        ("a_b > 60", ["a_b"]),
        ("abs(a - b) > c", ["a", "b", "c"]),
        ('rate(a_total{x="b", y=~"c|d"}[5m])', ["a_total"]),
        ("sum by (job, le) (rate(a_bucket[5m]))", ["a_bucket"]),
        ("a unless on (job) b == 1 or c", ["a", "b", "c"]),
        ("a offset 5m + on (x) group_left (y) b", ["a", "b"]),
        ("vector(1)", []),
        ("1e3 * a:b:sum", ["a:b:sum"]),
        ('a{x="b{c}"} and d', ["a", "d"]),
    ],
)
def test_metrics(expression, metrics):
    """Functions, keywords, labels and texts are no metrics; everything else is."""
    assert metrics == [each.metric for each in promql.selectors(expression)]


def test_what_is_no_expression():
    """What cannot be read is a fault, and not passed over."""
    with pytest.raises(ValueError, match="no PromQL"):
        promql.selectors("a ? b")


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ('rebalancer_state{state="active"}', []),
        ("rebalancer_stat", ["rebalancer_stat: no such metric"]),
        ('rebalancer_state{venue="x"}', ["rebalancer_state: no label venue"]),
        ("sum by (venue) (rebalancer_state)", ["venue: no metric here has such a label"]),
        ("rate(rebalancer_loop_lag_seconds[5m])", ["rebalancer_loop_lag_seconds: no such metric"]),
        ('rebalancer_loop_lag_seconds_bucket{le="0.25"}', []),
        ("rebalancer_nothing_total + up", ["rebalancer_nothing_total: no such metric"]),
    ],
)
def test_names(expression, found):
    """A metric or a label that no book has is found."""
    assert found == named.faults(expression)
