"""Seeded worlds."""

from rebalancer.ops.vocabulary.rows import INFO, NONE, Row

ROWS: tuple[Row, ...] = (("demo.started", INFO, "a seeded world began", NONE),)
