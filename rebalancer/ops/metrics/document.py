"""The document: the table of metrics for people, as Markdown."""

from collections.abc import Iterator

from rebalancer.ops.metrics.table import PREFIX, TABLE

_HEAD = f"""# Metrics

What a book tells Prometheus at `/metrics`, each name with the prefix `{PREFIX}`. A metric is
absent while what it says is not known, or where a book has no such thing: a venue that does not
tell, a guard that is not set. Coins are those of the underlying.

| metric | kind | labels | meaning |
|---|---|---|---|
"""


def document() -> str:
    """Return the table of metrics."""
    return _HEAD + "".join(_lines())


def _lines() -> Iterator[str]:
    for each in sorted(TABLE.values(), key=lambda metric: metric.name):
        labels = ", ".join(f"`{label}`" for label in each.labels)
        yield f"| `{each.name}` | {each.kind} | {labels} | {each.help} |\n"
