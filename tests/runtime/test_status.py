"""The status: what a running book tells, in the shape that others rely on."""

import json
from decimal import Decimal

import pytest

from rebalancer.core.events import Adopted, CashMoved, OutsideHolding, OutsideTold, Verb
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.errors import PermissionRefused
from rebalancer.ports import SECOND
from rebalancer.runtime.status import BookStatus
from tests.end_to_end import scripted_book as rote
from tests.runtime.stage import VENUE, market, play
from tests.scenarios.desk import LINEAR, SPOT

SHAPE = {"book", "mode", "state", "seq", "underlyings", "latches", "held", "feeds"}
D = Decimal
UNDERLYING = {"net_delta", "pending", "aim", "lower", "upper", "state", "outside_seconds"}


def tell(story, *, told=True):
    """Run a story on a hedged book with a status."""

    async def wrapped(stage):
        stage.status = BookStatus(
            stage.engine, stage.inbox, stage.clock, stage.journal, "paper", {"seed": 7}
        )
        stage.tasks.spawn("engine", stage.engine.run())
        if told:
            for event in market()(stage.clock.now()):
                stage.inbox.put(event)
            stage.activate()
            await stage.settle(SECOND)
            for event in market(100_100)(stage.clock.now()):
                stage.inbox.put(event)
            await stage.settle(SECOND)
        await story(stage)

    return play(wrapped)


async def nothing(stage):
    """Add nothing to the story."""


def test_shape():
    """The stable keys are there, as JSON, with numbers that mean what they say."""
    told = json.loads(json.dumps(tell(nothing).status.status()))
    own = told["underlyings"]["BTC"]

    assert set(told) >= SHAPE
    assert set(own) >= UNDERLYING
    assert ("desk", "paper", "active", [], 7) == (
        *(told["book"], told["mode"], told["state"], told["latches"]),
        told["seed"],
    )
    assert own["lower"] - 1e-9 <= own["net_delta"] <= own["upper"] + 1e-9
    assert {VENUE: 1.0} == told["feeds"]
    assert told["seq"] > 8


def cash(stage, amount, kind, *, flow):
    """Let cash of the account move."""
    ts = stage.clock.now()
    return CashMoved(ts, ts, VENUE, f"c{amount}", kind, D(amount), "USDT", flow)


@pytest.mark.parametrize(("flow", "earned"), [(True, 0.0), (False, 5_000.0)])
def test_profit_is_net_of_flows(flow, earned):
    """What somebody brings is no profit, what a venue pays is; told twice it counts once."""

    async def story(stage):
        stage.before = stage.status.status()["counters"]["pnl"]
        for _ in range(2):
            stage.inbox.put(cash(stage, 5_000, "deposit" if flow else "interest", flow=flow))
        await stage.settle(SECOND)
        stage.after = stage.status.status()["counters"]["pnl"]

    stage = tell(story)
    assert pytest.approx(earned) == stage.after - stage.before


def test_what_is_adopted_or_told_by_a_file_is_no_profit():
    """Holdings that are declared to be there, or told to have left, were not earned."""

    async def story(stage):
        ts, name = stage.clock.now(), "deribit:BTC"
        stage.state.activate(TradingState.PAUSED, "so that nothing is hedged meanwhile")
        stage.before = stage.status.status()["counters"]["pnl"]
        stage.inbox.put(Adopted(ts, ts, "deribit", name, D(3), D(1)))
        stage.inbox.put(OutsideTold(ts, ts, "/f", (OutsideHolding(name, D(2)),)))
        await stage.settle(SECOND)
        stage.after = stage.status.status()["counters"]["pnl"]

    stage = tell(story)
    assert D(3) == stage.state.ledger.balance("deribit", "BTC")
    assert pytest.approx(0.0, abs=1e-6) == stage.after - stage.before


def test_before_the_first_price():
    """Before anything is known the shape is the same and the numbers are null."""
    told = json.loads(json.dumps(tell(nothing, told=False).status.status()))
    own = told["underlyings"]["BTC"]

    assert set(told) >= SHAPE
    assert set(own) >= UNDERLYING
    assert own["net_delta"] is None
    assert {} == told["feeds"]


def test_positions():
    """Quantities are strings as the venue counts; deltas add up to the net delta."""
    stage = tell(nothing)
    rows = {row["instrument"]: row for row in json.loads(json.dumps(stage.status.positions()))}
    net = stage.status.status()["underlyings"]["BTC"]["net_delta"]

    assert all(
        set(row) >= {"instrument", "quantity", "entry", "mark", "delta"} for row in rows.values()
    )
    assert ("2", "100000.00000000", "100100") == (
        *(rows[SPOT]["quantity"], rows[SPOT]["entry"]),
        rows[SPOT]["mark"],
    )
    assert Decimal(-2) <= Decimal(rows[LINEAR]["quantity"]) < Decimal("-1.9")
    assert net == pytest.approx(sum(row["delta"] for row in rows.values() if row["delta"]))


def test_orders():
    """Each order of this start is listed with its quantity, what was filled, and its state."""
    (row,) = json.loads(json.dumps(tell(nothing).status.orders()))

    assert set(row) >= {"client_order_id", "instrument", "quantity", "filled", "state"}
    assert ("filled", row["quantity"]) == (row["state"], row["filled"])


def test_latches():
    """Whatever is latched is named with its reason."""

    async def story(stage):
        stage.state.halt("BTC", "order unproven")
        stage.status.operate(Verb.KILL, "wrong account", "1000", False)
        await stage.settle()

    stage = tell(story)

    assert ["book: wrong account", "BTC: order unproven"] == stage.status.status()["latches"]


@pytest.mark.parametrize("verb", [Verb.RESUME, Verb.REDUCE])
def test_halted_takes_no_orders(verb):
    """A halted book refuses what only arm may undo."""

    async def story(stage):
        stage.state.latch("test", killed=False)
        with pytest.raises(PermissionRefused, match="arm it first"):
            stage.status.operate(verb, "x", "1000", False)
        stage.status.operate(Verb.KILL, "x", "1000", False)
        stage.status.operate(Verb.ARM, "x", "1000", False)
        await stage.settle()

    assert [] == tell(story).status.status()["latches"]


def test_operate():
    """An operator's order takes effect before anything that comes later."""

    async def story(stage):
        told = stage.status.operate(Verb.PAUSE, "x", "1000", False)
        for event in market(150_000)(stage.clock.now()):
            stage.inbox.put(event)
        await stage.settle()
        assert {"verb": "pause", "before": "active", "state": "paused"} == told

    stage = tell(story)

    assert "paused" == stage.state.mode
    assert 1 == len(stage.venue.submitted)


def test_the_band_is_explained():
    """A given band is told with what hedges at it cost and leave; JSON can say all of it."""
    (told,) = json.loads(json.dumps(tell(nothing).status.bands()))
    half = told["upper"] - told["aim"]

    assert ("BTC", "fixed") == (told["underlying"], told["kind"])
    assert (told["aim"] - told["lower"], half) == pytest.approx(
        (told["buying"]["trigger"], told["selling"]["trigger"])
    )
    assert told["buying"]["cost"] == told["buying"]["fee"] + told["buying"]["half_spread"]
    assert 0.0 == told["wander_per_day"]["total"] == told["spend_per_day"]
    assert told["vol"] * told["price"] * half / (3 * 365) ** 0.5 == pytest.approx(
        told["pnl_sd_per_day"]
    )


def test_greeks_of_each_holding():
    """The greeks of the rows add up to those of the underlying, in the same units."""
    outcome = rote.run(rote.table(), length=60)
    status = json.loads(json.dumps(outcome.running.status.status()))
    own, rows = status["underlyings"]["BTC"], status["positions"]
    options = [row for row in rows if row["instrument"] in (rote.CALL, rote.LATER)]

    assert 2 == len(options)
    for name in ("gamma", "vega", "theta"):
        assert own[name] == pytest.approx(sum(row[name] for row in options))
        assert own[name]


def test_a_perpetual_tells_its_carry_and_what_would_take_it_down():
    """A short is paid where longs pay; its liquidation lies above the mark."""
    raw = rote.table() | {"guards": {"margin": {}, "funding": {"cap_per_day": 1.0}}}
    status = rote.run(raw, length=60).running.status
    (perp,) = [row for row in status.positions() if row["instrument"] == rote.PERP]
    (account,) = status.accounts()

    assert "hedge" == perp["role"]
    assert perp["carry_per_day"] == pytest.approx(
        -float(perp["quantity"]) * perp["funding_per_day"]
    )
    assert perp["carry_per_day"] > 0
    assert perp["liquidation"] > float(perp["mark"])
    assert ("deribit:BTC", "BTC") == (account["pool"], account["currency"])
    assert account["ratio"] == pytest.approx(account["maintenance"] / account["balance"])
    near = account["liquidation"] / status.status()["underlyings"]["BTC"]["price"]
    assert account["distance"] == pytest.approx(abs(near - 1))


def test_accounts_without_figures():
    """An account of which nobody knows how it stands says so, and has no number."""
    raw = rote.table() | {"guards": {"margin": {}}}
    seen = []

    def ask(running):
        seen.append(list(running.status.accounts()))

    rote.run(raw, length=3, asked=ask)

    assert ("deribit", None, None) == tuple(seen[0][0][k] for k in ("pool", "balance", "ratio"))
    assert seen[-1][0]["balance"] is not None


def test_delta_that_nobody_can_know():
    """Where an option's input is missing net delta is null, and not the nought of nobody's sum."""
    seen = []

    def ask(running):
        own = running.status.status()["underlyings"]["BTC"]
        blind = running.engine.state.index("BTC") and running.engine.state.book("BTC").missing
        seen.append((bool(blind), own["net_delta"] is None, own.get("missing", [])))

    rote.run(rote.table(), length=3, asked=ask)

    assert (True, True, [rote.CALL, rote.LATER]) in seen
    assert (False, False, []) == seen[-1]
    assert [] == [row for row in seen if row[0] != row[1] and row[0]]


def test_youngest_orders():
    """The youngest orders are told, and before them an old one whose outcome is not whole."""
    running = rote.run(rote.table()).running
    names = [each["client_order_id"] for each in running.status.orders()]

    def told(last):
        return [each["client_order_id"] for each in running.status.orders(last)]

    assert 3 < len(names)
    assert names[-2:] == told(2)
    assert names == told(1_000)
    running.engine.state._open[names[0]] = None
    assert [names[0], *names[-2:]] == told(2)
