"""What an audit of a lock proves: nothing of a package that nobody could be asked about.

    python -m tests.audited LOCK REPORT

The auditor calls it success when it found no service to ask. Here a package that it did
not look up is one that is not known to be sound: 75. 1: there are vulnerabilities.
"""

import json
import sys
from pathlib import Path
from typing import Any

from tests.bill_of_materials import components


def verdict(names: list[str], report: dict[str, Any] | None) -> tuple[int, list[str]]:
    """Return an exit code and what to say.

    Args:
        names: Of the packages in the lock.
        report: What the auditor wrote, as JSON; None: nothing.
    """
    told = {each["name"]: each for each in (report or {}).get("dependencies", ())}
    looked = [name for name in names if "skip_reason" not in told.get(name, {"skip_reason": ""})]
    bad = [
        f"{name} {told[name]['version']}: {each['id']}, mended in {', '.join(each['fix_versions'])}"
        for name in looked
        for each in told[name]["vulns"]
    ]
    if bad:
        return 1, bad
    if len(looked) < len(names):
        found = f"{len(looked)} of {len(names)} packages were looked up"
        return 75, [f"{found}: no vulnerability service answered for the rest; nothing is proved"]
    return 0, [f"{len(names)} packages looked up, no known vulnerability"]


def main(lock: str, report: str) -> int:
    """Say what an audit proves."""
    names = [each["name"] for each in components(Path(lock).read_text(encoding="utf-8"))]
    file = Path(report)
    code, lines = verdict(names, json.loads(file.read_text()) if file.is_file() else None)
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
