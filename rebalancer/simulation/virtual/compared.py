"""Compared: what a process knows, held against what the exchanges' books of its world say."""

from collections.abc import Mapping
from decimal import Decimal

from rebalancer.core.ledger import Ledger
from rebalancer.simulation.virtual.person import LAGS
from rebalancer.simulation.virtual.truth import ADOPTED, SMALLEST
from rebalancer.simulation.virtual.world import World

ROUNDED = Decimal("1e-8")  # of a coin: what a venue may round the two amounts of a booking by


def gaps(world: World, ledger: Ledger) -> Mapping[str, Decimal]:
    """Return where a ledger and the books differ; what nobody lists can only be adopted."""
    least = ADOPTED + ROUNDED * world.oracle.hearing.many if _unlisted(world) else SMALLEST
    return world.places.truth.gaps(ledger, least)


def differences(world: World) -> Mapping[str, Decimal]:
    """Return where the ledger of the running process and the books differ, if one runs."""
    return {} if world.process is None else gaps(world, world.process.state.ledger)


def doubtful(world: World) -> bool:
    """Whether an account was booked past us right before it was adopted, or never listed."""
    hearing = world.oracle.hearing
    return _unlisted(world) or any(hearing.beside(name, LAGS) for name in world.wires)


def _unlisted(world: World) -> bool:
    return any(wire.lists.unlisted for wire in world.wires.values())
