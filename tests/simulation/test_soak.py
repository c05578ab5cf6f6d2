"""What a soak makes of its readings, against numbers worked out by hand."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from rebalancer.settings import load
from rebalancer.simulation.soak import MIB, Sample, judge, slope_of
from rebalancer.simulation.stand import dress

FIRST = Sample(0.0, 200 * MIB, 30, 8, 13, 0, 0)


def readings(per_hour, wobble=0.0, minutes=20, **last):
    """Return a reading each five seconds; the last minute holds `last` as well."""
    told = []
    for number in range(minutes * 12 + 1):
        at = number / 12
        memory = 200 + per_hour * at / 60 + wobble * (-1) ** (number // 6)
        held = last if at > minutes - 1 else {}
        sent = int(at * 60 * 2100)
        told.append(replace(FIRST, minutes=at, resident=int(memory * MIB), sent=sent, **held))
    return told


@pytest.mark.parametrize("per_hour", [0.0, 4.0, 60.0])
def test_slope(per_hour):
    """A straight line is found as it is, with next to no doubt."""
    found = slope_of(readings(per_hour))

    assert found.estimate == pytest.approx(per_hour, abs=0.01)
    assert found.upper - found.lower < 0.05


def test_doubt():
    """What goes up and down by half a minute widens the interval by as much as it should."""
    found = slope_of(readings(0.0, wobble=1.0))

    # 41 means of ±1 over a third of an hour; s / (spread of time) is 1.01 / 0.627 MiB/h, t is 2.02
    assert found.upper - found.lower == pytest.approx(2 * 2.02 * 1.01 / 0.627, rel=0.05)
    assert found.lower < 0.0 < found.upper


@pytest.mark.parametrize(
    ("samples", "rate", "faults"),
    [
        (readings(1.0), 2000, []),
        (readings(9.0), 2000, ["memory may grow by 9"]),
        (readings(1.0, wobble=3.0), 2000, ["memory may grow by "]),
        (readings(1.0), 2200, ["2,100 messages a second were sent, must be 2,200"]),
        (
            readings(1.0, descriptors=31),
            2000,
            ["descriptors were 30 at minute 5, 31 at minute 20"],
        ),
        (readings(1.0, tasks=14), 2000, ["tasks were 13 at minute 5, 14 at minute 20"]),
    ],
)
def test_judge(samples, rate, faults):
    """Growth, doubt, too little to do, and whatever is held at the end and was not before."""
    found = judge(samples, rate).faults

    assert len(faults) == len(found)
    assert all(each.startswith(words) for each, words in zip(found, faults, strict=True))


def test_a_request_on_its_way():
    """One reading that meets a request on its way is no leak."""
    told = readings(1.0)
    told[-1] = replace(told[-1], descriptors=33, tasks=17)

    assert () == judge(told, 2000).faults


@pytest.mark.parametrize("name", ["deribit", "binance", "bybit", "okx", "three", "coins"])
def test_dress(name, tmp_path):
    """In live dress a desk is what it was, but for where and for what it trades."""
    text = (Path(__file__).parents[2] / "config" / f"demo-{name}.toml").read_text(encoding="utf-8")
    paper = tomllib.loads(text)
    places = {each: f"http://127.0.0.1:{port}" for port, each in enumerate(paper["venues"], 9000)}
    (tmp_path / "live.toml").write_text(dress(text, places), encoding="utf-8")
    load(tmp_path / "live.toml")  # has no fault
    told = tomllib.loads(dress(text, places))

    assert "live" == told["book"].pop("mode")
    for venue, each in told["venues"].items():
        assert places[venue] == each.pop("loopback")
        assert ("12345", "loopback") == (each.pop("account"), each.pop("credentials"))
        paper["venues"][venue].pop("account", None)
    del paper["holdings"], paper["market"], paper["book"]["mode"]
    assert paper == told
