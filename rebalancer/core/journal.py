"""What a book hears of its own journal: events, as in `events`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RoomTold:
    """The disk of the journal is nearly full, or has room again."""

    ts_local: int
    free: int  # bytes
    least: int  # bytes that must be free for a hedge to leave
    short: bool  # whether too little is; once it is, it takes more than `least` to end it


@dataclass(frozen=True, slots=True)
class JournalDamaged:
    """Somebody looked at the whole journal, and it is not what was written."""

    ts_local: int
    what: str  # the first thing that does not fit, in words
