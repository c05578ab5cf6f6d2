"""Report: a file's settings or all its faults, for `check` to show and for a start to obey."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rebalancer.core.instruments import Instrument
from rebalancer.errors import ConfigError, Fault
from rebalancer.settings.context import Context
from rebalancer.settings.cross import contradictions
from rebalancer.settings.faults import Finding, findings, mend, ordered, render, secrets
from rebalancer.settings.fingerprint import fingerprint, not_enforced
from rebalancer.settings.listing import listing
from rebalancer.settings.models import Settings
from rebalancer.settings.notes import notes
from rebalancer.settings.reading import Raw, read

_ACCOUNTS = (("book",), ("venues",), ())  # tables that nothing may stand in for
ROUNDS = 3  # a stand-in can itself only be wrong by a defect; then what was found so far stands


class InvalidSettings(ConfigError):
    """A configuration is not fit to run; the text leaves out what nobody may or need see."""

    def __init__(self, source: str, faults: tuple[Fault, ...]) -> None:
        super().__init__(source, faults)
        self.args = (render(source, faults),)


@dataclass(frozen=True, slots=True)
class Report:
    """All that a check of one file says."""

    source: str
    settings: Settings | None  # None where there are faults
    faults: tuple[Fault, ...]
    not_enforced: tuple[str, ...]  # dotted keys that are set but not enforced yet
    notes: tuple[str, ...]  # what could not be checked or looks forgotten

    @property
    def fingerprint(self) -> str | None:
        """The short name of the settings, None where there are faults."""
        return None if self.settings is None else fingerprint(self.settings)

    def as_json(self) -> dict[str, Any]:
        """Return what `check --json` prints."""
        return {
            "fingerprint": self.fingerprint,
            "faults": [
                {"path": fault.path, "must": fault.must, "was": fault.was} for fault in self.faults
            ],
            "not_enforced": list(self.not_enforced),
            "notes": list(self.notes),
        }


def check(
    path: str | Path,
    instruments: Mapping[str, Instrument] | None = None,
    reference_prices: Mapping[str, float] | None = None,
) -> Report:
    """Return everything there is to say of a configuration; never raises for its content.

    Args:
        path: The TOML file.
        instruments: All instruments of the mode; None is the built-in catalogue. The file's own
            `[[instruments]]` are known in any case.
        reference_prices: USD per coin, to turn lots that are counted in USD into coins; None is
            the file's `[market]` prices, if it has them.
    """
    raw = read(Path(path))
    if isinstance(raw, Fault):
        return Report(str(path), None, (raw,), (), ())
    return judge(raw, str(path), instruments, reference_prices)


def load(
    path: str | Path,
    instruments: Mapping[str, Instrument] | None = None,
    reference_prices: Mapping[str, float] | None = None,
) -> Settings:
    """Return the settings of a file; arguments as for `check`.

    Raises:
        InvalidSettings: The file cannot be read, or something in it is wrong; holds every fault.
    """
    report = check(path, instruments, reference_prices)
    if report.settings is None:
        raise InvalidSettings(report.source, report.faults)
    return report.settings


def salvage(path: str | Path) -> tuple[Settings, tuple[Fault, ...]]:
    """Return what can be made out of a file that may have faults, and these.

    It is for withdrawing orders, and never to trade by: whose venues and accounts
    they are must be as somebody wrote it, all else may be wrong.

    Raises:
        InvalidSettings: Nothing can be made of the file, or of its book and venues.
    """
    report, raw = check(path), read(Path(path))
    if report.settings is not None:
        return report.settings, ()
    if isinstance(raw, Fault):
        raise InvalidSettings(report.source, report.faults)
    settings, _, mended = _parse(raw)
    places = [each.place for each in mended if each.kind != "unknown"]
    if settings is None or any(place[:1] in _ACCOUNTS for place in places):
        raise InvalidSettings(report.source, report.faults)
    return settings, report.faults


def judge(
    raw: Raw,
    source: str,
    instruments: Mapping[str, Instrument] | None = None,
    reference_prices: Mapping[str, float] | None = None,
) -> Report:
    """Return the report on a table that was read already; arguments as for `check`."""
    settings, found, mended = _parse(raw)
    hidden = list(secrets(raw))
    places = {finding.place for finding in hidden}
    found = hidden + [finding for finding in found if finding.place not in places]
    remarks: tuple[str, ...] = ()
    if settings is not None:
        context = Context(
            settings, listing(settings, instruments), _prices(settings, reference_prices)
        )
        suspects = [finding.place for finding in mended if finding.kind != "unknown"]
        found += contradictions(context, suspects)
        remarks = notes(context)
    faults = ordered(found, raw)
    if faults or settings is None:
        return Report(source, None, faults, (), ())
    return Report(source, settings, (), not_enforced(settings), remarks)


def _prices(settings: Settings, given: Mapping[str, float] | None) -> Mapping[str, float]:
    if given is not None:
        return given
    return settings.market.prices if "market" in settings.model_fields_set else {}


def _parse(raw: Raw) -> tuple[Settings | None, list[Finding], list[Finding]]:
    """Return settings, what is wrong with them, and all that was put right to get them.

    The two lists differ where a table is refused as a whole: what its keys
    then lack is put right too, but not worth a line.
    """
    found: list[Finding] = []
    mended: list[Finding] = []
    table = raw
    for _ in range(ROUNDS):
        try:
            return Settings.model_validate(table), found, mended
        except ValidationError as error:
            fresh = findings(error)
            found = found or fresh
            mended = [*mended, *fresh]
            table = mend(table, fresh)
    return None, found, mended
