"""What is proven of each venue, by which tests: the table in the README is made of it.

    python -m tests.capabilities          prints the table
    python -m tests.capabilities --write  puts it into the README

A test that proves something of a venue says so by its marker:
`@pytest.mark.proves("deribit", "lookup", "loopback")`. Levels: *documented*, the shapes
of the venue's documentation; *recorded*, messages that others recorded there;
*loopback*, unmodified ccxt and real sockets against the venue played on this
machine; *testnet* and *live*, the venue itself. What the profile of a venue does
not have is a dash.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from rebalancer.core.instruments import Kind
from rebalancer.venues.profile import DeadManKind, Profile
from rebalancer.venues.profiles import PROFILES
from tests.markers import ROOT, marked

README, BEGIN, END = ROOT / "README.md", "<!-- capabilities -->", "<!-- end of capabilities -->"
LEVELS = ("documented", "recorded", "loopback", "testnet", "live")
CAPABILITIES: Mapping[str, str] = {
    "amounts": "amounts and contract sizes in its own unit",
    "flags": "immediate-or-cancel, post-only, reduce-only as its wire wants them",
    "once": "an order whose answer is lost is one order",
    "lookup": "an unknown order is found, or proved absent",
    "codes": "its error codes: rejected, limited, unknown",
    "fills": "fills with fees and their currency",
    "history": "all bookings, page by page: funding, settlements, cash",
    "ledger": "ledger equal to its books after trading",
    "positions": "positions and cash, signs and units",
    "margin": "margin by its own reckoning",
    "identity": "key, account and modes examined before an order",
    "market": "quotes, marks, indexes, funding over its own stream",
    "books": "order books that find their gaps",
    "options": "option marks, vols and forwards",
    "account": "its account's stream",
    "standstill": "frozen and dead streams are found and rebuilt",
    "hold": "maintenance and locks stop orders",
    "listing": "delisted and changed instruments are found",
    "dead_man": "resting orders are taken away when we fall silent",
    "faults": "every fault at the wire, one at a time",
}


def proofs(folder: Path = ROOT / "tests") -> dict[tuple[str, str], dict[str, list[str]]]:
    """Return (venue, capability) → level → the tests that say so.

    Raises:
        ValueError: A marker names what is not in the lists above.
    """
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for path in sorted(folder.rglob("*.py")):
        for test, told in marked(path, "proves", ROOT):
            venue, capability, *levels = told
            for level in levels:
                if venue not in PROFILES or capability not in CAPABILITIES or level not in LEVELS:
                    raise ValueError(f"{test}: proves{told!r} names nothing that is listed")
                found.setdefault((venue, capability), {}).setdefault(level, []).append(test)
    return found


def absent(profile: Profile, capability: str) -> bool:
    """Whether a venue has no such thing."""
    match capability:
        case "dead_man":
            return profile.dead_man.kind is DeadManKind.NONE
        case "hold":
            return not (profile.opening.call or profile.opening.codes)
        case "listing":
            return not profile.listing.call
        case "margin":
            return not any(kind in (Kind.PERPETUAL, Kind.FUTURE) for kind in profile.amounts)
        case "options":
            return not any(kind == "option" for kind in profile.amounts)
        case _:
            return False


def table() -> str:
    """Return the table in Markdown."""
    known = proofs()
    lines = [
        "| | " + " | ".join(PROFILES) + " |",
        "|---" * (len(PROFILES) + 1) + "|",
        "| orders of a live book | "
        + " | ".join("yes" if each.finished else "no" for each in PROFILES.values())
        + " |",
    ]
    for capability, words in CAPABILITIES.items():
        cells = [
            "-" if absent(profile, capability) else _cell(known.get((venue, capability), {}))
            for venue, profile in PROFILES.items()
        ]
        lines.append(f"| {words} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(told: Mapping[str, object]) -> str:
    return ", ".join(level for level in LEVELS if level in told) or "not proven"


def written(text: str) -> str:
    """Return a README with the table as it is now."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{table()}\n{END}{tail}"


def main() -> int:
    """Print the table, or write it down."""
    if "--write" in sys.argv[1:]:
        README.write_text(written(README.read_text()))
    else:
        print(table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
