"""Why: one decision put together from the journal alone, whatever became of its order."""

import json

import pytest

from rebalancer.core.events import OrderAccepted, OrderNotFound, Tick
from rebalancer.ports import SECOND, Entry
from rebalancer.runtime.why import why
from rebalancer.storage.memory import MemoryJournal
from rebalancer.storage.sqlite import open_journal, open_reader
from tests.runtime.stage import fill, market, play
from tests.scenarios.desk import LINEAR, SPOT, START

COLUMNS = (
    *("kinds", "subjects", "ages", "limits", "values"),
    *("held", "quantities", "deltas", "waiting", "waits"),
)


def tell(venue_answers=True, seconds=2, late=()):
    """Run a book that hedges once, and return its stage.

    Args:
        venue_answers: Whether the venue says what became of the order.
        seconds: How long the market talks after that.
        late: What the account hears at the end, made of the order and the time.
    """

    async def story(stage):
        if not venue_answers:
            stage.venue.answer = stage.venue.never
        stage.tasks.spawn("engine", stage.engine.run())
        for event in market()(stage.clock.now()):
            stage.inbox.put(event)
        stage.activate()
        await stage.settle(SECOND)
        for step in range(seconds):
            ts = stage.clock.now()
            for event in (*market(100_100 + 10 * step)(ts), Tick(ts)):
                stage.inbox.put(event)
            await stage.settle(SECOND)
        (order,) = stage.venue.submitted
        for make in late:
            stage.inbox.put(make(order, stage.clock.now()))
        await stage.settle(SECOND)

    return play(story)


def the_order(stage):
    """Return the id of the only order."""
    (name,) = stage.state.orders
    return name


def test_order():
    """An order, its step and a later moment lead to the same decision, with all that followed."""
    stage = tell()
    told = why(stage.journal, the_order(stage))
    decision = told["decision"]

    assert told == why(stage.journal, str(decision["sequence"]))
    assert told == why(stage.journal, str(decision["ts"]))
    assert told == why(stage.journal, str(decision["ts"] + SECOND))
    assert the_order(stage) == told["order"]["client_order_id"]
    assert ["Submit"] == [each["type"] for each in told["sent"]]
    assert ["OrderAccepted", "Fill", "OrderEnded"] == [each["type"] for each in told["events"]]
    assert decision["verdicts"]
    assert [] == told["others"]
    json.dumps(told)


def test_rests_on():
    """Inputs come with their ages, holdings with their deltas, which add up to the net delta."""
    stage = tell()
    told = why(stage.journal, the_order(stage))
    (name,) = told["rests_on"]
    found = told["rests_on"][name]
    inputs = {(each["kind"], each["subject"]): each for each in found["inputs"]}
    holdings = {each["instrument"]: each for each in found["holdings"]}

    assert "BTC" == name
    assert {"age_seconds": 0.0, "limit_seconds": 5.0, "price": 100_000.0} == {
        key: inputs["index", "binanceusdm:BTC"][key]
        for key in ("age_seconds", "limit_seconds", "price")
    }
    assert {"bid", "ask", "bid_size", "ask_size"} < set(inputs["quote", LINEAR])
    assert {"instrument": SPOT, "quantity": 2.0, "delta_per_contract": 1.0, "delta": 2.0} == (
        holdings[SPOT]
    )
    assert pytest.approx(told["decision"]["net_delta"]) == sum(
        each["delta"] for each in holdings.values()
    )


def test_unknown():
    """An order that nobody answers for: what was asked, and that nothing came back."""
    stage = tell(venue_answers=False, seconds=9)
    told = why(stage.journal, the_order(stage))

    assert ["OrderUnknown"] == [each["type"] for each in told["events"]]
    assert "Submit" == told["sent"][0]["type"]
    assert {"Query"} == {each["type"] for each in told["sent"][1:]}
    assert all(each["at"] >= told["events"][0]["at"] for each in told["sent"][1:])


def test_refusal_for_an_unknown_order():
    """The refusal that waits for an unknown order names it."""
    stage = tell(venue_answers=False, seconds=9)
    refusals = [
        each for each in stage.journal.read("decision") if each.payload["action"] == "refuse"
    ]
    told = why(stage.journal, str(refusals[-1].sequence))

    assert "outcome_unknown" == told["decision"]["reason"]
    assert told["order"] is None
    assert [] == told["sent"] == told["events"]
    (waits,) = told["rests_on"]["BTC"]["orders"]
    assert {"client_order_id": the_order(stage), "state": "unknown"} == waits


def test_proved_late():
    """What the venue answers when it is asked comes after the doubt, in the order of hearing."""
    late = (
        lambda order, ts: OrderNotFound(ts, ts, order.client_order_id, 0),
        lambda order, ts: OrderAccepted(ts, ts, order.client_order_id, "v9"),
        fill,
    )
    stage = tell(venue_answers=False, seconds=12, late=late)
    told = why(stage.journal, the_order(stage))
    kinds = [each["type"] for each in told["events"]]

    assert ["OrderUnknown", "OrderNotFound", "OrderAccepted", "Fill"] == kinds


def test_alone(tmp_path):
    """The journal alone is enough: a reader of the file says what the daemon said."""
    stage = tell()
    path = tmp_path / "state" / "journal.sqlite"
    journal = open_journal(path)
    for each in stage.journal.read():
        journal.append(each)
    journal.close()
    reader = open_reader(path)
    keys = [the_order(stage), *(str(each.sequence) for each in reader.read("decision"))]

    assert len(keys) > 1
    for key in keys:
        assert why(stage.journal, key) == why(reader, key)
    reader.close()


def test_without_its_decision():
    """Of an order whose decision was pruned, what was sent and what came back is told."""
    stage = tell()
    journal = MemoryJournal()
    for each in stage.journal.read():
        if each.kind not in ("decision", "inputs"):
            journal.append(each)
    told = why(journal, the_order(stage))

    assert told["decision"] is None
    assert the_order(stage) == told["order"]["client_order_id"]
    assert 3 == len(told["events"])


def test_journal_of_an_earlier_release():
    """Without its inputs a decision is told as far as it goes."""
    stage = tell()
    journal = MemoryJournal()
    for each in stage.journal.read():
        if each.kind != "inputs":
            journal.append(each)
    whole, told = (why(each, the_order(stage)) for each in (stage.journal, journal))

    assert {} == told["rests_on"] != whole["rests_on"]
    assert whole == told | {"rests_on": whole["rests_on"]}


@pytest.mark.parametrize("key", ["rb0", "999999", str(START - SECOND), "-5", "1.5", "²"])
def test_nothing(key):
    """A key that leads nowhere is answered with nothing."""
    assert why(tell().journal, key) is None


def test_youngest_start():
    """Steps are counted anew by each start: the youngest is meant, and the first of its step."""
    journal = MemoryJournal()
    for start, ts in enumerate((100, 200)):
        for name in ("BTC", "ETH"):
            payload = {"underlying": name, "start": start}
            journal.append(Entry(7, ts, "decision", name, payload))
    by_step, by_name = why(journal, "7"), why(journal, "ETH")

    assert {"underlying": "BTC", "start": 1} == by_step["decision"]
    assert [{"underlying": "ETH", "start": 1}] == by_step["others"]
    assert {"underlying": "ETH", "start": 1} == by_name["decision"]
    assert [{"underlying": "BTC", "start": 1}] == by_name["others"]


def test_moment_of_an_earlier_start():
    """A time leads to the decision of that time, though a later start took the same step."""
    journal = MemoryJournal()
    for start, ts in enumerate((10**18, 2 * 10**18)):
        for name in ("BTC", "ETH"):
            payload = {"underlying": name, "start": start}
            journal.append(Entry(7, ts, "decision", name, payload))
    told = why(journal, str(15 * 10**17))

    assert {"underlying": "BTC", "start": 0} == told["decision"]
    assert [{"underlying": "ETH", "start": 0}] == told["others"]


def test_the_same_moments_again():
    """A seeded run that is repeated in one folder: the repetition is told, by itself."""
    journal = MemoryJournal()
    for start in range(2):
        for name in ("BTC", "ETH"):
            for kind in ("decision", "inputs"):
                payload = {"underlying": name, "start": start, **{each: [] for each in COLUMNS}}
                journal.append(Entry(7, 100, kind, name, payload))
    told = why(journal, "7")

    assert [1, 1] == [each["start"] for each in (told["decision"], *told["others"])]
    assert ["BTC", "ETH"] == list(told["rests_on"])
