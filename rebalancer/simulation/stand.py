"""The stand: the venues of a desk, played by a process of their own, for a daemon in another.

    python -m rebalancer.simulation.stand CONFIG FOLDER [--seed N] [--wild] [--options 100ms]

What CONFIG holds at the start is what its accounts hold at the venues. FOLDER gets
`live.toml`, the same book in live dress at the addresses of this process, and
`credentials/loopback`, the key that these venues know; then a line says so:

    {"ready": true, "config": "FOLDER/live.toml", "credentials": "FOLDER/credentials"}

    REBALANCER_CREDENTIALS=FOLDER/credentials rebalancer run FOLDER/live.toml --live …

From then on it does what its standard input asks, one JSON object a line, and
answers each in one line; at the end of its input it ends.

    {"ask": "orders"}                              every order that rests at a venue now
    {"ask": "positions"}                           contracts and cash, by venue
    {"ask": "count"}                               orders that ever came, by venue
    {"ask": "sent"}                                websocket messages that left, by venue
    {"step": "5ms"}                                the market moves so often from now on
    {"venue": V, "plan": {"kind": "slow", …}}      something goes wrong from now on
    {"venue": V, "clear": true}                    and from now on nothing does
    {"venue": V, "deed": {"instrument": I, "quantity": "1", "price": null, "label": ""}}
                                                   somebody else trades on the account
"""

import argparse
import asyncio
import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from rebalancer.errors import RebalancerError, UsageError
from rebalancer.runtime.clock import WallClock, run_wall
from rebalancer.settings import Settings, load, resolve
from rebalancer.settings.values import as_duration
from rebalancer.simulation.accounts import OrderState
from rebalancer.simulation.dress import UID
from rebalancer.simulation.faults import Deed, Kind, Plan
from rebalancer.simulation.key import Key
from rebalancer.simulation.loopback import Loopback, Loopbacks, seeded_loopbacks
from rebalancer.simulation.menu import settings_of

CREDENTIAL = "loopback"  # its name, and both its halves
_OURS_ALONE = 0o600  # mode of the key
_FOLDED = 2  # tables within one another that have a heading of their own


def dress(text: str, addresses: Mapping[str, str]) -> str:
    """Return the configuration of a book in live dress at played venues.

    Args:
        text: TOML of the book on paper.
        addresses: Venue → where it is played.
    """
    raw = tomllib.loads(text, parse_float=Decimal)
    raw["book"]["mode"] = "live"
    for name, address in addresses.items():
        told = {"loopback": address, "account": str(UID), "credentials": CREDENTIAL}
        raw["venues"][name] |= told
    for table in ("holdings", "market"):  # they are the venues' now
        raw.pop(table, None)
    return "\n".join(_tables(raw, ())) + "\n"


def _tables(table: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    """Return the lines of a table: its values, then the tables below it."""
    below = {name: each for name, each in table.items() if _has_heading(each, path)}
    lines = [f"{_key(name)} = {_value(each)}" for name, each in table.items() if name not in below]
    if path and lines:
        lines.insert(0, f"\n[{'.'.join(map(_key, path))}]")
    for name, each in below.items():
        lines += _tables(each, (*path, name))
    return lines


def _has_heading(value: object, path: tuple[str, ...]) -> bool:
    return isinstance(value, dict) and len(path) < _FOLDED


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() else json.dumps(name)


def _value(value: object) -> str:
    """Return a value as TOML has it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, str | bool):
        return json.dumps(value)
    return str(value)


def _opened(
    settings: Settings, clock: WallClock, seed: int, option_period: int | None
) -> Loopbacks:
    """Return the venues of a book; they do not answer yet."""
    keys = {
        each: [Key(CREDENTIAL, CREDENTIAL, each, UID, passphrase=CREDENTIAL)]
        for each in settings.venues
    }
    return seeded_loopbacks(settings, resolve(settings), keys, clock, seed, option_period)


def _lay_out(config: Path, folder: Path, addresses: Mapping[str, str]) -> Mapping[str, Any]:
    """Write configuration and key; return what is said of them."""
    keys = folder / "credentials"
    keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = keys / CREDENTIAL
    key.touch(mode=_OURS_ALONE)
    key.write_text("\n".join([CREDENTIAL] * 3) + "\n", encoding="utf-8")
    live = folder / "live.toml"
    live.write_text(dress(config.read_text(encoding="utf-8"), addresses), encoding="utf-8")
    return {"ready": True, "config": str(live), "credentials": str(keys)}


class _Stand:
    """The venues, and what may be asked of them."""

    def __init__(self, played: Loopbacks) -> None:
        self._played = played

    def answer(self, line: bytes) -> Mapping[str, Any]:
        """Return what a line asks for, or why it makes no sense."""
        try:
            asked = json.loads(line)
            return {"ok": self._done(asked)}
        except (ValueError, KeyError, TypeError, RebalancerError) as error:
            return {"error": f"{type(error).__name__}: {error}"}

    def _done(self, asked: Mapping[str, Any]) -> Any:
        if "ask" in asked:
            ask = {"orders": _resting, "positions": _held, "count": _count, "sent": _sent}[
                asked["ask"]
            ]
            return {name: ask(name, each) for name, each in self._played.venues.items()}
        if "step" in asked:
            self._played.pace(as_duration(asked["step"]))
            return True
        venue = self._played.venues[asked["venue"]]
        if "plan" in asked:
            plan = asked["plan"]
            venue.script.add(Plan(**plan | {"kind": Kind(plan["kind"])}))
        elif "deed" in asked:
            venue.host.interfere(_deed(asked["venue"], asked["deed"]), by_hand=True)
        elif asked.get("clear"):
            venue.script.clear()
        else:
            raise UsageError("must ask, or name a plan, a deed or clear")
        return True


def _deed(venue: str, told: Mapping[str, Any]) -> Deed:
    price = told.get("price")
    return Deed(
        venue,
        told["instrument"],
        Decimal(told["quantity"]),
        None if price is None else Decimal(price),
        told.get("label", ""),
    )


def _resting(venue: str, played: Loopback) -> list[Mapping[str, str]]:
    return [
        {
            "label": each.asked.label,
            "instrument": each.asked.instrument,
            "quantity": str(each.asked.quantity),
            "filled": str(each.filled),
        }
        for each in played.place.orders(venue)
        if each.state is OrderState.OPEN
    ]


def _held(venue: str, played: Loopback) -> Mapping[str, str]:
    told = {**played.place.positions(venue), **played.place.balances(venue)}
    return {name: str(each) for name, each in told.items()}


def _count(venue: str, played: Loopback) -> int:
    return len(played.place.orders(venue))


def _sent(_venue: str, played: Loopback) -> int:
    return played.script.sent


_ASKED = {"orders": _resting, "positions": _held, "count": _count, "sent": _sent}


async def stand(
    config: Path, folder: Path, seed: int, *, wild: bool, option_period: int | None
) -> None:
    """Play the venues of a book until standard input ends.

    Args:
        config: The book on paper.
        folder: Gets its configuration in live dress, and its key.
        seed: Of the market.
        wild: Whether that market moves so much that a narrow band is left all the time.
        option_period: ns in which each option is told once; None: as the world has it.
    """
    settings = settings_of(config) if wild else load(config)
    played = _opened(settings, WallClock(), seed, option_period)
    await played.start()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        _say(_lay_out(config, folder, played.addresses))
        told = _Stand(played)
        async for line in reader:
            _say(told.answer(line))
    finally:
        await played.stop()


def _say(told: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the venues of a configuration; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m rebalancer.simulation.stand")
    parser.add_argument("config", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--wild", action="store_true", help="a market that moves a lot")
    parser.add_argument("--options", help="tell each option once in so long, e.g. 100ms")
    asked = parser.parse_args(arguments)
    period = None if asked.options is None else as_duration(asked.options)
    try:
        run_wall(
            stand(asked.config, asked.folder, asked.seed, wild=asked.wild, option_period=period)
        )
    except RebalancerError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
