"""Where the package lies and which modules it has."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "rebalancer"


def modules() -> list[Path]:
    """Return every module of the package, in order, as paths from the project's root."""
    return sorted(path.relative_to(ROOT) for path in PACKAGE.rglob("*.py"))
