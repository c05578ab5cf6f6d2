"""`why` where no daemon runs any more: the journal alone answers, for a person or a program."""

import io
import json

import pytest
from rich.console import Console

from rebalancer.cli.explained import explained
from rebalancer.ports import Entry
from rebalancer.runtime.why import why
from rebalancer.storage.memory import MemoryJournal
from rebalancer.storage.sqlite import open_reader
from tests.cli.test_commands import ask

WIDTH = 116


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """Return the state folder of a demo that is over."""
    folder = tmp_path_factory.mktemp("demo") / "state"
    ask("demo", "--for", "3s", "--speed", "0", "--state", str(folder))
    return folder


@pytest.fixture(scope="module")
def decisions(state):
    """Return the decisions of that demo: payloads by what they did."""
    reader = open_reader(state / "journal.sqlite")
    found = {entry.payload["action"]: entry.payload for entry in reader.read("decision")}
    reader.close()
    return found


def test_order(state, decisions):
    """An order is told whole, with what it rests on, though its daemon is gone."""
    name = decisions["order"]["client_order_id"]
    ran = ask("why", name, "--state", str(state))
    parts = ("band", "rests on", "delta by position", "guards", "sent, came back", "outcome")

    assert "no daemon runs this book; reading journal.sqlite" in ran.stderr
    assert sorted(parts, key=ran.stdout.index) == list(parts)
    assert name in ran.stdout
    assert "\x1b" not in ran.stdout
    assert max(map(len, ran.stdout.splitlines())) <= WIDTH


def test_refusal(state, decisions):
    """A refusal is found by its step or its time, and the guard that refused says why."""
    refused = decisions["refuse"]
    by_step = ask("why", str(refused["sequence"]), "--state", str(state)).stdout
    assert by_step == ask("why", str(refused["ts"]), "--state", str(state)).stdout
    told = json.loads(ask("why", str(refused["sequence"]), "--state", str(state), "--json").stdout)

    assert refused["reason"].replace("_", " ") in by_step
    assert refused in (told["decision"], *told["others"])
    assert {"inputs", "holdings", "orders"} == set(told["rests_on"][refused["underlying"]])


def test_the_last_act(state):
    """Without a word it is the last decision that did something or was refused."""
    reader = open_reader(state / "journal.sqlite")
    told = [entry.payload for entry in reader.read("decision") if entry.payload["action"] != "hold"]
    reader.close()
    found = json.loads(ask("why", "--state", str(state), "--json").stdout)["decision"]

    assert told[-1]["ts"] == found["ts"]
    assert found in told


@pytest.mark.parametrize("held", [0, 3, 500])
@pytest.mark.parametrize("action", ["order", "refuse"])
def test_the_last_act_among_many_that_held(held, action):
    """It is found behind decisions that held; behind very many, the last order is."""
    journal = MemoryJournal()

    def note(step, action, key="BTC"):
        told = {"action": action, "underlying": "BTC", "sequence": step}
        journal.append(Entry(step, step, "decision", key, told))

    note(1, "order", "rb1")
    journal.append(Entry(1, 1, "order", "rb1", {"client_order_id": "rb1"}))
    note(2, action)
    for step in range(held):
        note(3 + step, "hold")
    told = why(journal, "")["decision"]

    assert (1 if held > 200 else 2) == told["sequence"]


def test_no_act():
    """A book that did nothing has no such decision."""
    assert why(MemoryJournal(), "") is None


def test_nothing(state):
    """What is not in the journal is said not to be."""
    assert "must name an order" in ask("why", "nothing", "--state", str(state), code=64).stderr


def test_neither_daemon_nor_journal(tmp_path):
    """Without both there is nobody to ask."""
    assert "no daemon" in ask("why", "7", "--state", str(tmp_path), code=75).stderr


DECISION = {
    "sequence": 7,
    "ts": 1_769_757_406_120_000_000,
    "underlying": "ETH",
    "action": "order",
    "reason": "outside_band",
    "net_delta": 1.1418,
    "pending": 0.0,
    "aim": 0.0,
    "lower": -1.0,
    "upper": 1.0,
    "price": 3_487.76,
    "instrument": "deribit:ETH-PERPETUAL",
    "wanted": "-2239",
    "allowed": "-1000",
    "limit_price": "3477.50",
    "client_order_id": "rb1",
    "verdicts": [
        {
            "guard": "spread",
            "allows": "2239",
            "reason": None,
            "measured": 0.1,
            "limit": 0.2,
            "subject": "",
        },
        {
            "guard": "order_size",
            "allows": "1000",
            "reason": "order_too_large",
            "measured": 2.0,
            "limit": 1.0,
            "subject": "",
        },
    ],
}
ORDER = {
    "type": "Submit",
    "at": 0,
    "quantity": "-2239",
    "instrument": "p",
    "price": "3477.50",
    "time_in_force": "ioc",
    "reduce_only": False,
    "purpose": "hedge",
}
MS = 1_000_000


def heard(kind, at, **facts):
    """Return an event that came back `at` ms after the order."""
    return {"type": kind, "at": at * MS, **facts}


LOST = heard("OrderUnknown", 5_000, reason="no answer within 5 s")
TAKEN = heard("OrderAccepted", 5_960, venue_order_id="v1")
FILL = heard("Fill", 5_961, quantity="-2239", price="3487.65", fee="0.0003", fee_currency="ETH")
ENDED = heard("OrderEnded", 5_962, how="filled", filled="-2239")
REJECTED = heard("OrderRejected", 40, reason="price band\x1b[2J")
ABSENT = heard("OrderNotFound", 9_000)


def read(*events, **changes):
    """Return what a person reads of a decision whose order came to this."""
    told = {
        "decision": DECISION,
        "others": [],
        "rests_on": {},
        "order": ORDER,
        "sent": [ORDER],
        "events": list(events),
    }
    console = Console(width=WIDTH, file=io.StringIO(), color_system=None)
    for part in explained(told | changes, WIDTH):
        console.print(part)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        ((), "open: +0 of -2,239 filled"),
        ((TAKEN, FILL), "open: -2,239 of -2,239 filled"),
        ((TAKEN, FILL, ENDED), "over: -2,239 of -2,239 filled"),
        ((REJECTED,), "never taken by the venue"),
        ((LOST,), "UNKNOWN: the venue has not proved what became of it"),
        ((LOST, ABSENT, ABSENT), "UNKNOWN: the venue has not proved what became of it"),
        ((LOST, TAKEN, FILL, ENDED), "over: -2,239 of -2,239 filled; unknown for 0.96 s, then"),
    ],
)
def test_outcome(events, outcome):
    """The last line is what the venue proved, and only that."""
    assert outcome in read(*events).splitlines()[-1]


def test_lines():
    """Each thing that came back is a line with its time after the order, made harmless."""
    text = read(LOST, ABSENT, TAKEN, FILL, ENDED, REJECTED)

    assert "+5,000 ms" in text
    assert "the venue knows no such order" in text
    assert "-2,239 at 3,487.65, fee 0.0003 ETH" in text
    assert r"price band\x1b[2J" in text
    assert "\x1b[2J" not in text


def test_binding_guard():
    """Every guard is told, and what the one that cut it said."""
    text = read()
    cut = next(line for line in text.splitlines() if line.startswith("order_size"))

    assert "order too large" in cut
    assert "1,000" in cut
    assert "wanted -2,239  allowed -1,000  at 3,477.50 or better  as rb1" in text
    assert "This journal kept no inputs" in text


def test_passed_over():
    """A leg that got nothing is named with what kept it from hedging."""
    measured = {"measured": 0.02, "limit": 0.001, "guard": "spread", "allows": "0"}
    leg = {"subject": "binanceusdm:ETH/USDT:USDT", "reason": "spread_too_wide", **measured}
    thin = {"subject": "okx:ETH", "reason": "margin_mode", "measured": None, "limit": None}
    text = read(decision=DECISION | {"passed_over": [leg, thin]})

    wide = "passed over binanceusdm:ETH/USDT:USDT: spread too wide, measured 0.02, limit 0.001"
    assert wide in text
    assert "passed over okx:ETH: margin mode\n" in text


def test_weighed():
    """Where cost decided, each leg's stands there in basis points, term by term."""
    terms = {"fee": 0.0005, "half_spread": 0.00005, "impact": None, "margin": 0.0001}
    first = {"instrument": "a:ETH", **terms, "funding": -0.002, "saves": 0.0026, "needs": 0.0011}
    second = {"instrument": "b:ETH", **terms, "funding": None, "saves": None, "needs": None}
    text = read(decision=DECISION | {"weighed": [first, second]})

    fixed = "fee +5.00, half spread +0.50, impact unknown"
    whole = f"weighed a:ETH: -13.50 bp ({fixed}, funding -20.00, margin +1.00)"
    assert f"{whole}\n  saves +26.00 bp, +11.00 would be enough\n" in text
    assert f"weighed b:ETH: unknown ({fixed}, funding unknown, margin +1.00)\n" in text


def test_pruned():
    """Without its decision what followed is told all the same."""
    text = read(TAKEN, decision=None)

    assert "The decision was pruned" in text
    assert "the venue calls it v1" in text


@pytest.mark.parametrize(
    ("row", "value"),
    [
        (
            {"kind": "quote", "bid": 1.5, "bid_size": 10.0, "ask": None, "ask_size": None},
            "1.5 × 10  /  - × -",
        ),
        (
            {"kind": "option", "price": 0.0047, "vol": 0.716, "forward": 3_487.78},
            "0.0047   vol 71.6%",
        ),
        ({"kind": "funding", "rate_per_day": -0.0003}, "-3.00 bp a day"),
        ({"kind": "margin", "balance": 10.0183, "maintenance": 1.66628}, "balance 10.0183   maint"),
        ({"kind": "index", "price": 99_904.39}, "99,904.39"),
        ({"kind": "reading", "age_seconds": None}, "never told"),
        ({"kind": "option"}, "-"),
    ],
)
def test_inputs(row, value):
    """Each kind of input is told in its own words, its age beside the oldest that may be."""
    row = {"subject": "x", "age_seconds": 7.5, "limit_seconds": 5.0} | row
    rests_on = {"ETH": {"inputs": [row], "holdings": [], "orders": []}}
    (line,) = (
        line for line in read(rests_on=rests_on).splitlines() if line.startswith(f"{row['kind']} x")
    )

    assert value in line
    assert line.rstrip().endswith("5 s")


def test_open_order():
    """A refusal that waits for an order names it."""
    waits = [{"client_order_id": "rb9", "state": "unknown"}]
    rests_on = {"ETH": {"inputs": [], "holdings": [], "orders": waits}}

    assert "rb9 is open: unknown" in read(rests_on=rests_on)
