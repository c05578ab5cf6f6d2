"""Spoilt input breaks no parser, and hangs none."""

import pytest

from tests import fuzzing

COUNT = 1_500  # of each here; make campaign feeds a hundred thousand


@pytest.mark.secures("log-injection", "config-limits", "parser-limits", "socket-frames")
@pytest.mark.parametrize("name", fuzzing.PARSERS)
def test_fuzzed(name):
    """Whatever comes, a parser answers or refuses, at once."""
    slowest, payload = fuzzing.fuzz(name, COUNT)

    assert slowest < fuzzing.SLOW, payload


@pytest.mark.parametrize("name", fuzzing.PARSERS)
def test_a_parser_that_breaks_is_found(name, monkeypatch):
    """A parser that fails on an odd quote is found by what it was fed."""

    def fragile(payload):
        assert b"\x1b" not in payload

    monkeypatch.setitem(fuzzing.PARSERS, name, fragile)
    with pytest.raises(AssertionError) as raised:
        fuzzing.fuzz(name, COUNT)
    assert "was fed" in raised.value.__notes__[0]


@pytest.mark.parametrize("name", ["deribit", "okx", "bybit", "binance"])
def test_seeds_are_good(name):
    """What is spoilt was sound before, so that the fuzzing goes beyond the front door."""
    decode = getattr(fuzzing, name).decode
    for seed in fuzzing.SEEDS[name]:
        told = decode(seed, fuzzing.Market.FUTURES) if name == "binance" else decode(seed)

        assert type(told).__name__ not in ("Refused", "Unknown")
