"""The seams of the program: what is real in production and replaced elsewhere.

Clock, scheduler, randomness and task spawning are ports so that demo, replay
and simulation run the very code that runs live. `wiring` alone chooses.

    surroundings   time, tasks, schedule, chance
    outside        accounts at venues, feeds, archives
    memory         the journal and its caretaker
    flight         what records all that a book takes
    telling        alerts, log, how a running book stands
    braking        what stops a book from outside its process
    redaction      no seam: what takes secrets out of a text, for whoever hears or says one
"""

from rebalancer.ports.braking import UNPULLED, Brake
from rebalancer.ports.flight import UNRECORDED, Flight, Moved
from rebalancer.ports.measuring import (
    UNMEASURED,
    Age,
    Condition,
    Measure,
    Meter,
    Sample,
    Spread,
)
from rebalancer.ports.memory import (
    Caretaker,
    Entry,
    Errand,
    Journal,
    LeastRoom,
    Outcome,
    Reading,
    Retention,
    Room,
)
from rebalancer.ports.outside import ALL_TOLD, Archives, Describe, Feed, Venue, nobody
from rebalancer.ports.surroundings import (
    SECOND,
    Beat,
    Clock,
    Companion,
    Randomness,
    Scheduler,
    Tasks,
    Timer,
)
from rebalancer.ports.telling import AlertSink, Log, StatusSource, Tunable

__all__ = [
    "ALL_TOLD",
    "SECOND",
    "UNMEASURED",
    "UNPULLED",
    "UNRECORDED",
    "Age",
    "AlertSink",
    "Archives",
    "Beat",
    "Brake",
    "Caretaker",
    "Clock",
    "Companion",
    "Condition",
    "Describe",
    "Entry",
    "Errand",
    "Feed",
    "Flight",
    "Journal",
    "LeastRoom",
    "Log",
    "Measure",
    "Meter",
    "Moved",
    "Outcome",
    "Randomness",
    "Reading",
    "Retention",
    "Room",
    "Sample",
    "Scheduler",
    "Spread",
    "StatusSource",
    "Tasks",
    "Timer",
    "Tunable",
    "Venue",
    "nobody",
]
