"""The bill of materials: every package of a lock with its version and its hashes, as CycloneDX.

    python -m tests.bill_of_materials requirements.lock [FILE]

It is made of the lock alone, so that two machines make the same one; no address of a
registry stands in it.
"""

import hashlib
import json
import re
import sys
import tomllib
import uuid
from pathlib import Path
from typing import Any

from tests.markers import ROOT

PIN = re.compile(r"^(?P<name>[a-z0-9-]+)(?:\[[a-z,]+\])?==(?P<version>[^\s;\\]+)")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
VIA = re.compile(r"^ +# (?:via )?(?: *)(?P<name>[A-Za-z0-9._-]+)")
SPEC = "1.5"


def components(lock: str) -> list[dict[str, Any]]:
    """Return the packages of a lock, in its order, with what asked for them.

    Raises:
        ValueError: A package has no hash.
    """
    found: list[dict[str, Any]] = []
    for line in lock.splitlines():
        if pin := PIN.match(line):
            found.append({"name": pin["name"], "version": pin["version"], "hashes": [], "via": []})
        elif found and (told := HASH.search(line)):
            found[-1]["hashes"].append(told[1])
        elif found and (told := VIA.match(line)) and told["name"] != "via":
            found[-1]["via"].append(normal(told["name"]))
    bare = [each["name"] for each in found if not each["hashes"]]
    if bare or not found:
        raise ValueError(f"lock: must have a hash for each package, had none for {bare}")
    return found


def normal(name: str) -> str:
    """Return the normal form of a package's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def bill(lock: str, project: dict[str, Any]) -> dict[str, Any]:
    """Return the document of a lock, and of the project that it belongs to."""
    own = f"pkg:pypi/{project['name']}@{project['version']}"
    packages = components(lock)
    reference = {each["name"]: f"pkg:pypi/{each['name']}@{each['version']}" for each in packages}
    needs: dict[str, list[str]] = {own: [], **{each: [] for each in reference.values()}}
    for each in packages:
        askers = each["via"] or [project["name"]]
        for asker in askers:
            needs[reference.get(asker, own)].append(reference[each["name"]])
    serial = uuid.UUID(bytes=hashlib.sha256(lock.encode()).digest()[:16], version=4)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": project["name"],
                "version": project["version"],
                "licenses": [{"license": {"id": project["license"]}}],
                "purl": own,
            }
        },
        "components": [
            {
                "type": "library",
                "bom-ref": reference[each["name"]],
                "name": each["name"],
                "version": each["version"],
                "purl": reference[each["name"]],
                "hashes": [{"alg": "SHA-256", "content": told} for told in each["hashes"]],
            }
            for each in packages
        ],
        "dependencies": [
            {"ref": name, "dependsOn": sorted(set(told))} for name, told in needs.items()
        ],
    }


def main(lock: str, file: str = "-") -> int:
    """Write the bill of a lock."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    told = json.dumps(bill((ROOT / lock).read_text(encoding="utf-8"), project), indent=2) + "\n"
    if file == "-":
        sys.stdout.write(told)
    else:
        Path(file).write_text(told, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
