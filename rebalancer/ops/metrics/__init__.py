"""Metrics: what a running book measures, in the words and the text that Prometheus reads.

    table        every metric: name, kind, labels, meaning; dashboards, rules and docs rest on it
    exposition   the text of one scrape
    document     the table as Markdown, for people

What is measured is told by `ports.StatusSource.measures`; a name that the table
lacks is a defect, and so is one of the table that nothing ever tells.
"""

from rebalancer.ops.metrics.exposition import CONTENT_TYPE, exposition

__all__ = ["CONTENT_TYPE", "exposition"]
