"""The live view shows what a desk must see, at any size, whatever is missing."""

import io
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from rebalancer.ops.gauge import gauge
from rebalancer.ops.terminal import LiveView, render

TS = 1_767_597_738_000_000_000  # 2026-01-05 07:22:18 UTC
HOUR = 3_600_000_000_000


def sample(**changes):
    """Return a status with all that the view shows."""
    told = {
        "book": "desk",
        "mode": "demo",
        "state": "active",
        "ts": TS,
        "started": TS - HOUR // 2,
        "duration": HOUR,
        "seed": 7,
        "speed": 60,
        "latches": [],
        "underlyings": {
            "BTC": {
                "price": 97412.5,
                "change": 0.0124,
                "net_delta": 0.0312,
                "pending": 0.0,
                "aim": 0.0,
                "lower": -0.05,
                "upper": 0.05,
                "state": "active",
                "outside_seconds": 0,
                "gamma": -0.00002,
                "vega": -812.4,
                "theta": 1204.2,
                "hedge": {"quantity": "164300", "funding_per_day": 0.00027},
            }
        },
        "positions": [
            {"instrument": f"deribit:BTC-{n}", "quantity": "-10", "entry": "1.5", "mark": None}
            for n in range(20)
        ],
        "decisions": [
            {
                "ts": TS + n,
                "underlying": "BTC",
                "action": ("order", "refuse", "hold")[n % 3],
                "reason": "outside_band",
                "quantity": "-5340",
                "price": "97398.5",
            }
            for n in range(20)
        ],
        "counters": {"events": 48211, "hedges": 37, "refusals": 4, "pnl": "-212.41", "fees": 1},
    }
    return told | changes


def screen(status, width=100, height=None):
    """Return the lines that a terminal of that size would show."""
    console = Console(file=io.StringIO(), width=width, force_terminal=False, color_system=None)
    console.print(render(status, width, height))
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize(
    "shown",
    [
        ["desk", "demo", "seed 7", "×60", "2026-01-05 07:22:18", "50%", "ACTIVE"],
        ["BTC", "97,412.50", "▲ +1.24%", "gamma/1% -0.0195", "vega -812.4", "theta +1,204.2"],
        ["net", "+0.0312", "┿", "●", "inside"],
        ["hedge +164,300", "pending +0.0000", "band -0.050 … +0.050", "funding +2.70 bp/d"],
        ["deribit:BTC-0", "-10", "1.5", "–"],
        ["07:22:18", "BTC", "refuse", "outside band", "-5,340", "97,398.50"],
        ["events 48,211", "hedges 37", "refusals 4", "fees 1.00", "P&L -212.41"],
    ],
)
def test_shown(shown):
    """Each line says what it should, together."""
    assert any(all(part in line for part in shown) for line in screen(sample()))


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"state": "halted", "state_reason": "kill: fat finger"}, "kill: fat finger"),
        ({"latches": ["BTC: order unknown"]}, "BTC: order unknown"),
        ({"latches": ["a\x1b[2J\nb"]}, r"a\x1b[2J\nb"),
        ({"speed": 0}, "speed max"),
        ({"positions": []}, "none"),
        ({"decisions": []}, "none yet"),
        ({"counters": {"fees": {"BTC": "0.0041", "USDT": 3}}}, "0.004100 BTC 3.00 USDT"),
        ({"counters": {"fees": {"BTC": 0}}}, "fees 0"),
    ],
)
def test_changes(changes, shown):
    """What is unlike the sample is shown too, harmless and on its line."""
    assert any(shown in line for line in screen(sample(**changes)))


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"net_delta": 0.2, "outside_seconds": 42}, "▲ outside 42 s"),
        ({"net_delta": -0.2}, "▲ outside"),
        ({"net_delta": None}, "unknown"),
        ({"lower": None}, "unknown"),
        ({"state": "reducing"}, "REDUCING"),
        ({"change": -0.01}, "▼ -1.00%"),
        ({"hedge": None}, "hedge –"),
    ],
)
def test_underlying(changes, shown):
    """An underlying says whether it is hedged, and when nobody knows."""
    status = sample()
    status["underlyings"] = {"BTC": status["underlyings"]["BTC"] | changes}

    assert any(shown in line for line in screen(status))


@pytest.mark.parametrize(("width", "height"), [(100, 35), (80, 24), (80, 20), (200, 60), (120, 30)])
@pytest.mark.parametrize("alarm", [(), ("halted",)])
def test_fits(width, height, alarm):
    """The screen is never higher or wider than the terminal."""
    lines = screen(sample(latches=alarm), width, height)

    assert height >= len(lines)
    assert width >= max(len(line) for line in lines)


def test_hidden_rows_are_counted():
    """What does not fit is not silently missing."""
    text = "\n".join(screen(sample(), 100, 24))
    shown = len(re.findall("deribit:BTC-", text))

    assert f"… and {20 - shown} more" in text


def test_empty():
    """A status that says nothing still draws."""
    assert any("rebalancer" in line for line in screen({}))
    assert any("BTC" in line for line in screen({"underlyings": {"BTC": {}}}))


rubbish = st.none() | st.text(max_size=5) | st.floats() | st.integers()


@given(st.dictionaries(st.sampled_from(["price", "net_delta", "lower", "upper", "aim"]), rubbish))
@example({"net_delta": 0.0, "lower": -float("inf"), "upper": 0.0, "aim": 0.0})
@example({"price": 10**400, "change": "nan"})
def test_rubbish(told):
    """No value of an underlying breaks the view, nor hides which underlying it is."""
    assert any("BTC" in line for line in screen({"underlyings": {"BTC": told}}, 80, 24))


@pytest.mark.parametrize(
    ("net", "line"),
    [
        (0.0, "·····┠━━━━●━━━━┨·····"),
        (-1.0, "·····●━━━━┿━━━━┨·····"),
        (1.0, "·····┠━━━━┿━━━━●·····"),
        (0.6, "·····┠━━━━┿━━●━┨·····"),
        (1.001, "·····┠━━━━┿━━━━┨●····"),
        (-1.001, "····●┠━━━━┿━━━━┨·····"),
        (1.6, "·····┠━━━━┿━━━━┨··●··"),
        (9.0, "·····┠━━━━┿━━━━┨····▶"),
        (-9e99, "◀····┠━━━━┿━━━━┨·····"),
        (None, "·····┠━━━━┿━━━━┨·····"),
    ],
)
def test_gauge(net, line):
    """The marker stands where the net delta is, and a hair outside is outside."""
    assert line == gauge(net, 0.0, -1.0, 1.0, 21).plain


@pytest.mark.parametrize(("net", "colour"), [(0.5, "green"), (1.5, "red")])
def test_gauge_colour(net, colour):
    """Inside is green, outside red."""
    drawn = gauge(net, 0.0, -1.0, 1.0, 20)
    marks = [span.style for span in drawn.spans if drawn.plain[span.start] == "●"]

    assert all(colour in str(style) for style in marks)
    assert marks


numbers = (
    st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([-1e308, 1e308])
)


@given(numbers, numbers, numbers, numbers, st.integers(8, 120))
def test_gauge_any(net, aim, lower, upper, width):
    """Whatever the numbers, the gauge is as wide as asked."""
    assert width == len(gauge(net, aim, lower, upper, width).plain)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        """Return that it is one."""
        return True


def test_live(monkeypatch):
    """The view is drawn when told to, in place, without a thread."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "35")
    stream = Terminal()
    with LiveView(stream) as view:
        before = stream.getvalue()
        view.refresh(sample())
        view.refresh(sample(ts=TS + HOUR))

    assert "07:22:18" not in before
    assert "07:22:18" in stream.getvalue()
    assert "08:22:18" in stream.getvalue()


def test_no_terminal():
    """A stream that is no terminal gets no live view."""
    with pytest.raises(ValueError, match="terminal"):
        LiveView(io.StringIO())
