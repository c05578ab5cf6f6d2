"""Wiring: the one place that knows what is real and what is modelled.

    beginning   what a book is put into, and how it begins: holdings, latches
    paper       its venues are played by the exchange model
    live        its venues are real, or servers on this machine that stand for them
    companions  what stands beside it: messenger, service manager, control socket, …
    doors       where it can be asked, also before it has begun
    waiting     what goes on until venues answer, at a start that nobody watches
    ending      the mark that a start leaves until it ends in order
    outward     how alerts leave it

Where the market of a paper book comes from (a seeded world, recordings, a live
stream) is handed in as a feed; so are clock, journal and log, because demo,
replay and a long-running service differ in nothing else. `live` is imported by whoever
needs it, and by nobody else: it brings every library of every venue.
"""

from rebalancer.wiring.beginning import Running, Surrounding
from rebalancer.wiring.companions import Served, companions
from rebalancer.wiring.outward import Outward, outward
from rebalancer.wiring.paper import paper
from rebalancer.wiring.waiting import Waiting

__all__ = [
    "Outward",
    "Running",
    "Served",
    "Surrounding",
    "Waiting",
    "companions",
    "outward",
    "paper",
]
