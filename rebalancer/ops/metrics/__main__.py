"""Print the metrics as Markdown: `python -m rebalancer.ops.metrics > deploy/metrics.md`."""

import sys

from rebalancer.ops.metrics.document import document

if __name__ == "__main__":
    sys.stdout.write(document())
