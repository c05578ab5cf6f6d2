"""A patient hedge in live dress: it rests, is filled in part, comes back, and the rest is taken."""

import asyncio
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path

import pytest

from rebalancer.core.commands import Style
from rebalancer.core.events import Trade
from rebalancer.core.instruments import Kind
from rebalancer.core.sizing import lots
from rebalancer.exchange.orders import TimeInForce
from rebalancer.market.records import WorldStep
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.settings import load
from rebalancer.simulation.accounts import OrderState
from rebalancer.simulation.dress import apart_of_all
from rebalancer.simulation.trials import Silence, dressed, opened

CONFIG = Path(__file__).resolve().parents[2] / "config"
PATIENCE = 3 * SECOND
VENUES = {
    "deribit": ("demo-deribit.toml", "deribit:BTC-PERPETUAL"),
    "binanceusdm": ("demo-binance.toml", "binanceusdm:BTCUSDT"),
}


def patient(config):
    """Return a demo's book in a market that hardly moves, whose hedges of BTC rest at first.

    They rest behind the best price, where nobody comes by himself.
    """
    settings = load(config)
    calm = settings.market.model_copy(update={"vols": dict.fromkeys(settings.market.prices, 0.01)})
    own = settings.underlyings["BTC"]
    told = {"style": Style.POST_ONLY, "patience": PATIENCE, "urgent": 1e6, "offset_ticks": 100}
    execution = own.execution.model_copy(update=told)
    limits = own.limits.model_copy(update={"net_delta": 50.0, "order": 20.0})
    own = own.model_copy(update={"execution": execution, "limits": limits})
    coins = {name: _quiet(each) for name, each in settings.underlyings.items()} | {"BTC": own}
    old = dict.fromkeys(("quote", "index", "mark", "option"), 30 * SECOND)  # a busy machine is slow
    guards = settings.guards
    patience = guards.staleness.model_copy(update=old)
    guards = guards.model_copy(update={"staleness": patience})
    told_ = {"market": calm, "underlyings": coins, "guards": guards}
    return settings.model_copy(update=told_)


def _quiet(own):
    """Return an underlying that needs no hedge: it would keep others from resting where it is."""
    wide = own.band.model_copy(update={"lower": -1e3, "upper": 1e3})
    return own.model_copy(update={"band": wide})


def printed(place, instrument, price, quantity):
    """Let somebody trade with what rests: a print that goes through its price."""
    empty = {each.name: () for each in fields(WorldStep)}
    ts = place.now()
    told = Trade(ts, ts, instrument, price, quantity)
    place.tell(replace(WorldStep(**{**empty, "ts": ts}), trades=(told,)))


async def found(look, seconds=30, told=lambda: ""):
    """Return what `look` returns as soon as it is anything."""
    for _ in range(seconds * 20):
        seen = look()
        if seen:
            return seen
        await asyncio.sleep(0.05)
    raise AssertionError(f"it never happened: {told()}")


@pytest.mark.parametrize("venue", VENUES)
async def test_rests_then_takes(venue):
    """What was filled as it rested is not hedged again; the ledger ends as the venue's books do."""
    file, instrument = VENUES[venue]
    clock, settings = WallClock(), patient(CONFIG / file)
    played = opened(settings, clock, 7)
    place = played.venues[venue].place
    await played.start()
    failures = []
    tasks = TaskRegistry(failures.append)
    try:
        running = await dressed(settings, played, clock, 7, Silence())
        state = running.engine.state
        tasks.spawn("daemon", running.daemon.run())

        def ours():
            placed = place.orders(venue)
            return [each for each in placed if each.instrument.id == instrument]

        def apart():
            return apart_of_all(running, played)

        def story():
            decided = running.engine.recent
            return [(each.action, each.reason, each.style, each.hurried) for each in decided]

        def resting():
            return next((each for each in ours() if each.state is OrderState.OPEN), None)

        first = await found(resting, told=story)
        contract = state.instruments[instrument]
        assert contract.kind is Kind.PERPETUAL
        assert TimeInForce.POST_ONLY is first.asked.time_in_force
        buys = first.asked.quantity > 0
        part = lots(contract, abs(first.asked.quantity) / 3)
        through = first.asked.price + (-20 if buys else 20) * contract.tick
        printed(place, instrument, through, -part if buys else part)

        def over():
            placed = ours()
            ended = len(placed) > 1 and all(e.state is not OrderState.OPEN for e in placed)
            return placed if ended and not state.open_orders("BTC") else None

        placed = await found(over, told=story)
        rested, taken = placed[0], placed[1:]
        assert OrderState.CANCELLED is rested.state
        assert part <= abs(rested.filled) < abs(rested.asked.quantity)
        assert {TimeInForce.IOC} == {each.asked.time_in_force for each in taken}
        done = sum((each.filled for each in placed), Decimal(0))
        assert abs(done - first.asked.quantity) <= abs(first.asked.quantity) / 10
        assert PATIENCE - SECOND <= rested.updated - rested.created < 2 * PATIENCE + 2 * SECOND
        assert 0 <= len(taken) - 1 <= 1
        await found(lambda: not apart(), told=apart)
        decided = running.engine.standing["BTC"]
        assert decided.lower <= decided.net_delta <= decided.upper
        assert not state.halted
        running.stop.ask()
    finally:
        await tasks.close()
        await played.stop()
    assert [] == failures
