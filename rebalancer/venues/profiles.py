"""Profiles: the venues that are known, and which of them are finished.

A venue that is not finished has its row, read off ccxt and its documentation, but
no live order passes through it. A venue without a package has a table, shipped
or in the configuration, that a row is made of.
"""

from collections.abc import Mapping

from rebalancer.core.commands import TimeInForce
from rebalancer.errors import ConfigError, Fault
from rebalancer.settings.models import Mode
from rebalancer.settings.profiling import ProfileTable, merged
from rebalancer.venues.binance.profile import BINANCE_COINM, BINANCE_SPOT, BINANCE_USDM
from rebalancer.venues.bybit.profile import BYBIT
from rebalancer.venues.deribit.profile import DERIBIT
from rebalancer.venues.generic.making import made
from rebalancer.venues.okx.profile import DEMO, OKX
from rebalancer.venues.profile import Profile

PROFILES: Mapping[str, Profile] = {
    each.venue: each for each in (DERIBIT, BINANCE_USDM, BINANCE_COINM, BINANCE_SPOT, BYBIT, OKX)
}
_TESTNETS: Mapping[str, Profile] = {DEMO.venue: DEMO}  # where a testnet differs from production


def row_of(venue: str, own: ProfileTable | None = None) -> Profile | None:
    """Return what is known of a venue, finished or not; None where that is nothing.

    Args:
        venue: ccxt id.
        own: What the configuration says of it; a venue with a package needs none.
    """
    if venue in PROFILES:
        return PROFILES[venue]
    table = merged(venue, own)
    return None if table is None else made(venue, table)


def profile_of(venue: str, mode: Mode, own: ProfileTable | None = None) -> Profile:
    """Return the profile that orders of a mode may go through.

    Raises:
        ConfigError: There is none, it is not finished, or it lacks the mode.
    """
    profile = row_of(venue, own)
    ready = " or ".join(name for name, each in PROFILES.items() if each.finished)
    if profile is None or not profile.finished:
        was = "unknown" if profile is None else "not finished"
        must = f"must be {ready} in mode {mode}: no other venue is proved at the wire"
        raise ConfigError("venues", [Fault(f"venues.{venue}", must, was)])
    if mode not in profile.modes:
        raise ConfigError("venues", [Fault(f"venues.{venue}", "must know the mode", str(mode))])
    return _TESTNETS.get(venue, profile) if mode is Mode.TESTNET else profile


def matrix() -> dict[str, dict[str, str]]:
    """Return what each venue can do: venue → capability → a word."""
    return {
        name: {
            "finished": _word(each.finished),
            "immediate_or_cancel": _word(TimeInForce.IOC in each.wire_flags),
            "post_only": _word(TimeInForce.POST_ONLY in each.wire_flags),
            "fill_or_kill": _word(each.fill_or_kill),
            "reduce_only": _word(bool(each.reduce_only[0])),
            "client_id": f"{each.client_id} ({each.client_id_length})",
            "duplicate_ids": "refused while open" if each.refuses_duplicates else "accepted",
            "deadline": each.deadline or (f"signature, {each.window} ms" if each.window else "no"),
            "positions_stream": _word(each.streams_positions),
            "dead_man": each.dead_man.kind.value,
            "units": ", ".join(f"{kind} {unit}" for kind, unit in each.amounts.items()),
        }
        for name, each in PROFILES.items()
    }


def _word(yes: bool) -> str:
    return "yes" if yes else "no"
