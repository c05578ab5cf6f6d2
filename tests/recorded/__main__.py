"""What becomes of every recorded line: decoded, unknown or refused, in one table.

    python -m tests.recorded          reads the folder that REBALANCER_DATA names

A file or a payload that nobody is named to read, and a reader that raises, end it with 1.
"""

import os
import sys
from pathlib import Path

from tests.recorded import reading
from tests.recorded.lines import Unnamed

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Print the table, and what was not decoded."""
    folder = Path(os.environ.get("REBALANCER_DATA") or ROOT.parent / "shared" / "data") / "raw"
    if not folder.is_dir():
        print(f"{folder}: must be a folder of recordings, is not there", file=sys.stderr)
        return 1
    try:
        tallies = {name: reading.tally(path) for name, path in reading.files(folder).items()}
    except Unnamed as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(reading.table(tallies)), end="\n\n")
    print("\n".join(reading.reasons(tallies.values())))
    faults = [fault for each in tallies.values() for fault in each.faults]
    if faults:
        print("\n".join(("faults:", *faults)), file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
