"""A seeded world and recorded markets."""

from rebalancer.ops.vocabulary.rows import INFO, NONE, WARNING, Row

ROWS: tuple[Row, ...] = (
    ("demo.started", INFO, "a seeded world began", NONE),
    ("demo.finished", INFO, "a seeded world ended", NONE),
    ("replay.started", INFO, "recorded markets are being replayed", NONE),
    (
        "replay.proxied",
        WARNING,
        "a missing series is replaced by a named other",
        "judge the proxy",
    ),
    ("replay.finished", INFO, "a replay ended", NONE),
)
