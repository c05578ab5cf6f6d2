"""Metrics: the table keeps to Prometheus' rules, and nothing is told that it lacks."""

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from rebalancer.errors import Defect
from rebalancer.ops.counting import CountedLog
from rebalancer.ops.metrics import exposition
from rebalancer.ops.metrics.table import TABLE, Kind
from rebalancer.ports import Sample, Spread


class Book:
    """A status source of which only the measures are asked."""

    def __init__(self, *measures):
        self._measures = measures

    def measures(self):
        return self._measures


def families(*measures):
    """Return what a scrape tells, by name."""
    text = exposition(Book(*measures)).decode()
    return {each.name: each for each in text_string_to_metric_families(text)}


@pytest.mark.parametrize("metric", TABLE.values(), ids=lambda metric: metric.name)
def test_table(metric):
    """A metric has a plain name, a sentence that says what it is, and no label with many values."""
    assert re.fullmatch(r"[a-z][a-z0-9_]*[a-z0-9]", metric.name)
    assert re.fullmatch(r"[A-Z0-9].*\.", metric.help)
    assert (metric.kind is Kind.COUNTER) == metric.name.endswith("_total")
    assert not {"client_order_id", "order", "id", "trade", "text", "why"} & set(metric.labels)
    assert not re.search(r"_(ms|milliseconds|minutes|percent|kb|mib)(_|$)", metric.name)


def test_numbers():
    """A number is told under its full name, with its labels."""
    found = families(
        Sample("net_delta", -0.25, ("BTC",)),
        Sample("net_delta", 3, ("ETH",)),
        Sample("fills_total", 7, ("deribit",)),
    )
    deltas = {
        each.labels["underlying"]: each.value for each in found["rebalancer_net_delta"].samples
    }

    assert {"BTC": -0.25, "ETH": 3.0} == deltas
    assert ("counter", 7.0) == (
        found["rebalancer_fills"].type,
        found["rebalancer_fills"].samples[0].value,
    )


def test_spread():
    """Buckets are summed up as Prometheus wants them."""
    spread = Spread("loop_lag_seconds", (0.1, 0.25), (3, 2, 1), 1.5)
    told = families(spread)["rebalancer_loop_lag_seconds"]
    values = {(each.name[27:], each.labels.get("le")): each.value for each in told.samples}

    assert {
        ("_bucket", "0.1"): 3,
        ("_bucket", "0.25"): 5,
        ("_bucket", "+Inf"): 6,
        ("_count", None): 6,
        ("_sum", None): 1.5,
    } == values


@pytest.mark.parametrize(
    "wrong",
    [
        Sample("no_such_thing", 1),
        Sample("net_delta", 1),
        Sample("net_delta", 1, ("BTC", "ETH")),
        Sample("loop_lag_seconds", 1),
        Spread("net_delta", (1,), (1, 1), 1, ("BTC",)),
    ],
)
def test_what_the_table_lacks(wrong):
    """What is not in the table, or not as it says, is a defect and no metric."""
    with pytest.raises(Defect):
        exposition(Book(wrong))


def test_process():
    """The kernel's word on the process is told; its start is the book's to tell."""
    found = families(Sample("process_start_time_seconds", 1_769_759_880))

    assert 1_769_759_880 == found["rebalancer_process_start_time_seconds"].samples[0].value
    assert found["rebalancer_process_resident_memory_bytes"].samples[0].value > 1e7
    assert 1 == len(found["rebalancer_process_start_time_seconds"].samples)
    assert [] == [name for name in found if not name.startswith("rebalancer_")]


def test_strange_label():
    """What a venue may have put into a name stays within its quotes."""
    name = 'x"} 1\nrebalancer_kill_latched 1 \\'
    (sample,) = families(Sample("fills_total", 2, (name,)))["rebalancer_fills"].samples

    assert name == sample.labels["account"]


class Silent:
    """A log that passes nothing on but its calls."""

    def __init__(self):
        self.heard = []

    def __getattr__(self, level):
        return lambda event, **facts: self.heard.append((level, event, facts))


def test_counted_log():
    """Each line is passed on and counted by its own severity; what can alarm begins at 0."""
    under = Silent()
    log = CountedLog(under)
    log.debug("account.told", key="x")
    log.info("order.filled")
    log.warning("order.rejected", reason="no")
    log.warning("clock.skewed")
    log.error("clock.skewed", venue="x")
    told = {each.labels: each.value for each in log.samples()}

    assert ["debug", "info", "warning", "warning", "error"] == [level for level, *_ in under.heard]
    assert ("error", "clock.skewed", {"venue": "x"}) == under.heard[-1]
    assert (1, 1, 1, 1) == (
        told["order.filled", "info"],
        told["order.rejected", "warning"],
        told["clock.skewed", "warning"],
        told["clock.skewed", "error"],
    )
    assert 0 == told["order.foreign", "error"]
    assert ("account.told", "debug") not in told
    assert CountedLog.over(log) is log
