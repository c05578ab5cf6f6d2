"""Changing settings of a running book: what is shown, asked twice, and outlives a start."""

import sqlite3

import pytest

from rebalancer.core.events import Operator, Verb
from rebalancer.errors import DataError, UsageError
from rebalancer.ports import SECOND
from rebalancer.research.verification import verify
from rebalancer.runtime.why import why
from rebalancer.settings.report import judge
from rebalancer.storage.memory import MemoryJournal
from rebalancer.storage.sqlite import open_journal
from tests.end_to_end import scripted_book as book
from tests.research.flights import Kept
from tests.runtime.test_wiring import build

TARGET = "underlyings.BTC.target"
LOWER, UPPER = "underlyings.BTC.band.lower", "underlyings.BTC.band.upper"
WHEN, LENGTH = 12, 16  # s: a quiet moment of the book by rote


def at(second, do, journal=None, raw=None, seconds=LENGTH, **around):
    """Run a book and do something with it at a second; return it, its log, and what was done."""
    done = []

    async def story(running, clock):
        clock.call_at(book.START + second * SECOND, lambda: done.append(do(running)))
        await running.daemon.run(seconds * SECOND)

    running, log = build(
        book.table() if raw is None else raw, journal=journal, story=story, **around
    )
    return running, log, done[0]


def put(values, again=None, reason="test"):
    """Return what looks at a change and makes it."""

    def do(running):
        shown = running.tuner.preview(values)
        twice = values if again is None else again
        return shown, running.tuner.tune(values, twice, shown["expect"], ("1000", reason))

    return do


def test_shown_as_it_comes():
    """The hedge that is shown is the hedge that follows: the same step on a copy of the book."""
    running, _, (shown, done) = at(WHEN, put({TARGET: "0.5"}))
    [effect], [decided] = shown["underlyings"], done["decisions"]

    assert [{"setting": TARGET, "before": 0.0, "after": 0.5}] == shown["changes"]
    assert (0.0, 0.5) == (effect["before"]["aim"], effect["after"]["aim"])
    assert ("order", effect["hedge"]["quantity"]) == (decided["action"], decided["allowed"])
    assert effect["decision"] | {"client_order_id": 1} == decided | {"client_order_id": 1}
    assert effect["hedge"]["side"] == "buy"
    coins = float(effect["hedge"]["quantity"]) / float(effect["hedge"]["limit_price"])
    price = effect["after"]["price"]
    assert coins * price == pytest.approx(effect["hedge"]["usd"])
    assert effect["hedge"]["usd"] * 0.0005 == pytest.approx(effect["hedge"]["fee"])
    assert effect["distance"] == pytest.approx(coins, rel=0.01)  # at the limit price
    assert 0.5 == running.engine.params.underlyings["BTC"].target


def test_looking_changes_nothing():
    """A look, however often, leaves the book as it would have been."""

    def look(running):
        return [running.tuner.preview({TARGET: str(n / 10)}) for n in range(1, 9)]

    looked, _, _ = at(WHEN, look)
    left, _, _ = at(WHEN, lambda running: None)

    assert left.engine.digest == looked.engine.digest


@pytest.mark.parametrize(
    ("values", "doubt"),
    [
        ({TARGET: "0.5"}, None),
        ({TARGET: "0.9"}, None),
        ({TARGET: "1.1"}, "0.5 of limits.net_delta"),
        ({TARGET: "6"}, "limits.order is 5"),
        ({LOWER: "-0.4"}, None),
        ({LOWER: "-0.5"}, "10 times more"),
        ({UPPER: "0.005"}, "10 times less"),
        ({LOWER: "0"}, "would be 0"),
        ({UPPER: "0"}, "would be 0"),
        ({LOWER: "-2.5", UPPER: "2.5"}, "past limits.net_delta"),
        ({"BTC.coverage": "0"}, "hedges nothing"),
    ],
)
def test_slips_of_the_finger(values, doubt):
    """What trades much, moves far, is ten times another, or bares the book is asked for twice."""
    _, _, shown = at(WHEN, lambda running: running.tuner.preview(values))
    [effect] = shown["underlyings"]

    assert (doubt is not None) == any(doubt or "" in each for each in effect["doubts"])
    if doubt is not None:
        assert any(doubt in each for each in effect["doubts"])
    names = [name if name.startswith("under") else f"underlyings.{name}" for name in values]
    assert ([] if doubt is None else names) == shown["again"]


def test_a_change_of_sign():
    """A target on the other side is pointed out, however small."""

    def do(running):
        put({TARGET: "0.1"})(running)
        return running.tuner.preview({TARGET: "-0.1"})["underlyings"][0]["doubts"]

    assert [f"{TARGET} changes its sign"] == at(WHEN, do)[2]


@pytest.mark.parametrize(
    ("first", "then", "doubts"),
    [
        ({UPPER: "0"}, {UPPER: "0.05"}, [f"{UPPER} was 0: no number of times compares them"]),
        ({TARGET: "0.2"}, {TARGET: "0"}, []),  # back to no coins at all is no slip
    ],
)
def test_from_and_to_nothing(first, then, doubts):
    """An edge that leaves 0 is as doubtful as one that goes there; an aim of 0 is not."""

    def do(running):
        put(first)(running)
        return running.tuner.preview(then)["underlyings"][0]["doubts"]

    assert doubts == at(WHEN, do)[2]


@pytest.mark.parametrize("again", [{}, {TARGET: "1.11"}, {TARGET: "x"}, {UPPER: "1.1"}])
def test_not_typed_twice(again):
    """Without the same number twice nothing is changed."""

    def do(running):
        with pytest.raises(UsageError, match="given twice"):
            put({TARGET: "1.1"}, again)(running)

    running, _, _ = at(WHEN, do)
    assert 0.0 == running.engine.params.underlyings["BTC"].target


def test_the_same_number_otherwise_spelt():
    """Twice is twice, however it is written."""
    assert "changes" in at(WHEN, put({TARGET: "1.1"}, {TARGET: "1.10"}))[2][1]


def test_changed_meanwhile():
    """Who looked before somebody else changed it must look again."""

    def do(running):
        shown = running.tuner.preview({TARGET: "0.2"})
        put({TARGET: "0.3"})(running)
        with pytest.raises(UsageError, match="not what was shown"):
            running.tuner.tune({TARGET: "0.2"}, {}, shown["expect"], ("0", "late"))

    running, _, _ = at(WHEN, do)
    assert 0.3 == running.engine.params.underlyings["BTC"].target


def test_all_or_nothing():
    """One fault, and none of several settings is changed."""

    def do(running):
        with pytest.raises(UsageError, match="at most 0"):
            put({TARGET: "0.2", LOWER: "0.1"})(running)

    running, _, _ = at(WHEN, do)
    assert 0.0 == running.engine.params.underlyings["BTC"].target


FAULTS = [
    ({"band": {"lower": 0.1}}, {LOWER: "0.1"}),
    ({"band": {"upper": -0.1}}, {UPPER: "-0.1"}),
    ({"band": {"lower": 0, "upper": 0}}, {LOWER: "0", UPPER: "0"}),
    ({"band": {"lower": -0.00001, "upper": 0.00001}}, {LOWER: "-0.00001", UPPER: "0.00001"}),
    ({"coverage": 1.6}, {"BTC.coverage": "1.6"}),
    ({"band": {"reset": 1.5}}, {"BTC.band.reset": "1.5"}),
    ({"band": {"pnl_sd": 10.0}}, {"BTC.band.pnl_sd": "10.0"}),
    ({"target": "a lot"}, {TARGET: "a lot"}),
    ({"target": 1e999}, {TARGET: "inf"}),
]


@pytest.mark.parametrize(("file", "asked"), FAULTS)
def test_judged_as_the_file_would_be(file, asked):
    """A value that no file may hold is refused in the words of `check`."""
    raw = book.table()
    own = raw["underlyings"]["BTC"]
    raw["underlyings"]["BTC"] = {**own, **file, "band": {**own["band"], **file.get("band", {})}}
    prices = {"BTC": 100_000.0}
    told = [(each.path, each.must) for each in judge(raw, "file", None, prices).faults]

    def do(running):
        with pytest.raises(UsageError) as raised:
            running.tuner.preview(asked)
        return str(raised.value)

    text = at(WHEN, do)[2]
    assert told
    for path, must in told:
        assert f"{path}: {must.partition('(')[0]}" in text  # a lot is worth another price there


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("BTC.taget", "did you mean underlyings.BTC.target"),
        ("underlyings.BTC.band.lowr", "did you mean underlyings.BTC.band.lower"),
        ("limits.drawdown", "else change the file"),
        ("underlyings.SOL.target", "one of"),
        ("BTC.limits.order", "one of"),
    ],
)
def test_what_cannot_be_changed(name, told):
    """Only where net delta is to lie can be changed, never a limit or a guard."""

    def do(running):
        with pytest.raises(UsageError) as raised:
            running.tuner.preview({name: "1"})
        return str(raised.value)

    text = at(WHEN, do)[2]
    assert told in text or "did you mean" in text


def test_told():
    """The log, the status and the journal say who changed what, and why."""
    running, log, _ = at(WHEN, put({TARGET: "0.5"}, reason="deposit"))
    [line] = [facts for _, event, facts in log.said if event == "config.changed"]
    [tuned] = running.status.status()["tuned"]

    assert ([f"{TARGET}: 0 to 0.5"], "deposit", "1000") == (
        *(line["changes"], line["reason"]),
        line["who"],
    )
    assert (TARGET, 0.0, 0.5, "1000", "deposit") == tuple(
        tuned[key] for key in ("setting", "file", "now", "who", "reason")
    )
    assert 0.5 == running.status.status()["underlyings"]["BTC"]["aim"]
    assert 0.5 == running.status.bands()[0]["aim"]


def test_set_back():
    """What is as the file has it again differs from nothing."""

    def do(running):
        put({TARGET: "0.5"})(running)
        put({TARGET: "0"})(running)

    assert [] == at(WHEN, do)[0].status.status()["tuned"]


def test_why():
    """A decision tells which settings were changed by then, and by whom."""
    journal = MemoryJournal()
    _, _, (_, done) = at(WHEN, put({TARGET: "0.5"}, reason="deposit"), journal)
    first = next(each for each in journal.read("decision"))
    after = why(journal, done["decisions"][0]["client_order_id"])

    assert [] == why(journal, str(first.sequence))["tuned"]
    assert [("target", 0.5, "deposit")] == [
        (each["knob"], each["after"], each["reason"]) for each in after["tuned"]
    ]


def test_on_disk_when_it_is_answered(tmp_path):
    """A change that was answered is in the file, whoever reads it."""
    journal, seen = open_journal(tmp_path / "journal.sqlite"), []

    def do(running):
        put({TARGET: "0.5"})(running)
        with sqlite3.connect(tmp_path / "journal.sqlite") as reader:
            query = "SELECT count(*) FROM entries WHERE key = 'Tuned'"
            seen.extend(reader.execute(query).fetchone())

    at(WHEN, do, journal)
    assert [1] == seen


def test_a_restart_goes_on_with_it():
    """Under the same file it holds in the next start too, and the log says so."""
    journal = MemoryJournal()
    at(WHEN, put({TARGET: "0.5"}), journal)
    running, log, _ = at(WHEN, lambda running: None, journal)

    assert 0.5 == running.engine.params.underlyings["BTC"].target
    assert "config.retuned" in log.events()


def test_another_file_drops_it():
    """Under another file it does not hold, and does not come back with the first one."""
    journal = MemoryJournal()
    at(WHEN, put({TARGET: "0.5"}), journal)
    other, log, _ = at(WHEN, lambda running: None, journal, book.table(upper=0.06))
    back, later, _ = at(WHEN, lambda running: None, journal)

    assert [0.0, 0.0] == [each.engine.params.underlyings["BTC"].target for each in (other, back)]
    assert ("config.dropped" in log.events(), "config.dropped" in later.events()) == (True, False)
    assert [] == back.status.status()["tuned"]


def test_set_anew_after_it_was_dropped():
    """What is set under the new file holds there."""
    journal, table = MemoryJournal(), book.table(upper=0.06)
    at(WHEN, put({TARGET: "0.5"}), journal)
    at(WHEN, put({LOWER: "-0.06"}), journal, table)
    running, _, _ = at(WHEN, lambda running: None, journal, table)
    own = running.engine.params.underlyings["BTC"]

    assert (0.0, -0.06) == (own.target, own.band.lower)


def test_it_is_verified(tmp_path):
    """A recorded day with changes makes its decisions again, after a restart too."""
    kept = Kept(tmp_path / "state")

    def ask(running):
        if running.engine.tally.events == 300:
            running.inbox.put(_event(running, {TARGET: "0.5"}))

    kept.run(ask)
    second = kept.run()
    told = verify(kept.journal)

    assert told.agrees, [each.difference for each in told.starts]
    assert 0.5 == second.running.engine.params.underlyings["BTC"].target


def _event(running, values):
    """Return the event that a change is, for the inbox."""
    taken = []
    engine = running.engine
    command, engine.command = engine.command, taken.append
    try:
        put(values)(running)
    finally:
        engine.command = command
    return taken[0]


def test_the_journal_fails():
    """An order of the operator that cannot be written ends the daemon, and nothing leaves."""
    running, _ = build(book.table())

    def broken(entry):
        raise DataError("the disk refused")

    running.engine._around.journal.append = broken
    with pytest.raises(DataError):
        running.engine.command(Operator(book.START, Verb.KILL, "test", "0"))

    assert isinstance(running.stop.cause, DataError)
    assert running.engine._around.dispatch.closed[0]
