"""`demo` and `run`: a book in paper dress, in a seeded market or the live one."""

import math
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rebalancer.cli.outlets import REDACTOR
from rebalancer.cli.output import default_folder, emit_json, opened, shown, table
from rebalancer.cli.serving import JOURNAL, Wish, serve, watch
from rebalancer.cli.times import duration as parse_duration
from rebalancer.cli.times import utc
from rebalancer.errors import ConfigError, Fault, UsageError
from rebalancer.exchange.exchange import Exchange
from rebalancer.ops.terminal import LiveView
from rebalancer.runtime.clock import MarketClock, WallClock, run_market, run_wall
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.settings import Settings, load, resolve
from rebalancer.settings.models import Mode
from rebalancer.storage.sqlite import open_journal
from rebalancer.venues.seeded import seeded
from rebalancer.wiring import Running, Surrounding, outward, paper

if TYPE_CHECKING:
    from rebalancer.cli.wire import Wired


def demo(
    config: Annotated[
        Path | None, typer.Argument(help="TOML file; the demo's own when left out.")
    ] = None,
    length: Annotated[
        str | None, typer.Option("--for", help="Market time, e.g. 10m; 1h, or 2m with --wire.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the world; [market].seed.")] = None,
    speed: Annotated[
        float, typer.Option(min=0, help="Market seconds a second; 0: as fast as it goes.")
    ] = 60.0,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the outcome there; - is standard output.")
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="Keep journal, flight and socket there; a temporary folder.")
    ] = None,
    venue: Annotated[
        str | None,
        typer.Option(
            "--wire", help="Live dress, real time, against this desk's venues played here."
        ),
    ] = None,
) -> None:
    """Hedge a book in a seeded market: no network, no key, nothing to set up.

    Example: rebalancer demo --for 1h --seed 7 --speed 0
    Example: rebalancer demo --wire deribit --for 2m
    """
    if not math.isfinite(speed):
        raise UsageError(f"--speed: must be a number, 0 for as fast as it goes, was {speed}")
    settings = load(config or _own_demo("demo.toml" if venue is None else f"demo-{venue}.toml"))
    with ExitStack() as stack:
        folder = state or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="demo-")))
        sink = stack.enter_context(opened(json_file))
        number = settings.market.seed if seed is None else seed
        wanted = parse_duration(length or ("1h" if venue is None else "2m"))
        wish = Wish(settings, folder, "demo", number, speed, wanted, stays=state is not None)
        wired = None if venue is None else _wired(wish, venue)
        running = _run(wish) if wired is None else wired.running
        outcome = _outcome(running)
        if sink is not None:
            emit_json(outcome, sink)
        if json_file is None or str(json_file) != "-":
            _summary(running, outcome)
        if wired is not None:
            _compare(wired)


def _wired(wish: Wish, venue: str) -> "Wired":
    from rebalancer.cli.wire import run_wired  # every library of every venue, for this one wish

    return run_wired(wish, venue)


def _compare(wired: "Wired") -> None:
    """Say whether the ledger equals the venue's own books; leave with 1 where it does not."""
    if not wired.differences:
        typer.echo("the ledger equals the books of every venue, to the last unit")
        return
    for name, apart in wired.differences.items():
        typer.echo(f"DIFFERS  {name}: ledger less venue is {apart}")
    raise typer.Exit(1)


def run(
    config: Annotated[Path, typer.Argument(help="TOML file.")],
    length: Annotated[
        str | None, typer.Option("--for", help="Stop after this long; runs until told.")
    ] = None,
    state: Annotated[Path | None, typer.Option(help="Folder of journal and socket.")] = None,
    live: Annotated[bool, typer.Option("--live", help="Trade for money.")] = False,
    confirm: Annotated[
        str | None, typer.Option(help="Fingerprint of the file; check prints it.")
    ] = None,
) -> None:
    """Run a book as a service until it is told to stop.

    On paper its market is the live one; with a table [market] it is the seeded
    world. With --live it trades for money, once a person has confirmed these settings.

    Example: rebalancer run config/paper.toml --state /var/lib/rebalancer/btc-desk
    Example: rebalancer run live.toml --live --confirm 3f9a1c0be77d2a45
    """
    settings = load(config)
    if live:
        _refuse_paper(settings)
    elif settings.book.mode is not Mode.PAPER:
        must = "must be paper, or --live be given: this book trades for money"
        raise ConfigError(str(config), [Fault("book.mode", must, settings.book.mode)])
    folder = state or default_folder(settings.book.id)
    wanted = None if length is None else parse_duration(length)
    mode = str(settings.book.mode)
    seed = settings.market.seed
    wish = Wish(settings, folder, mode, seed, 1.0, wanted, config=config)
    if live:
        _trade(wish, confirm)
    elif "market" in settings.model_fields_set:
        _run(wish)
    else:
        _observe(wish)


def _refuse_paper(settings: Settings) -> None:
    from rebalancer.cli.trading import refuse_paper  # likewise

    refuse_paper(settings)


def _trade(wish: Wish, confirm: str | None) -> None:
    from rebalancer.cli.trading import trade  # likewise

    trade(wish, confirm)


def _own_demo(name: str) -> Path:
    """Return a demo's configuration: of the checkout, or as installed."""
    package = Path(__file__).resolve().parent.parent
    places = (package.parent / "config" / name, package / "config" / name)
    for place in places:
        if place.is_file():
            return place
    raise UsageError("CONFIG: must be named, the demo's own is not installed")


def _run(wish: Wish) -> Running:
    """Run a book to its end under a market clock."""
    instruments = resolve(wish.settings)
    feed, prices, start = seeded(wish.settings, instruments, SeededRandomness(wish.seed))
    clock = MarketClock(start, wish.speed)
    with ExitStack() as stack:
        journal = open_journal(wish.folder / JOURNAL)
        stack.callback(journal.close)  # a second time does no harm
        told = outward(wish.settings, wish.log(stack, clock, journal.epoch), REDACTOR)
        view = stack.enter_context(LiveView(sys.stdout)) if wish.watched else None

        async def main() -> Running:
            extra = {"seed": wish.seed, "speed": wish.speed, "duration": wish.duration}
            around = Surrounding(
                clock,
                journal,
                told.written,
                feed,
                wish.dress,
                extra=extra,
                randomness=SeededRandomness(wish.seed),
                flight=wish.flight,
                caretaker=wish.caretaker,
                brake=wish.brake,
                outbox=told.outbox,
                hide=REDACTOR.known,
            )
            running = paper(wish.settings, instruments, prices, around)
            if view is not None:
                watch(running, view)
            told.log.info("demo.started", seed=wish.seed, market="seeded world")
            await serve(running, wish, told)
            return running

        return run_market(clock, main())


def _observe(wish: Wish) -> None:
    """Run a book on paper in the live market, on the wall clock, until it ends."""
    from rebalancer.venues.observed import observed  # likewise

    instruments, clock = resolve(wish.settings), WallClock()
    with ExitStack() as stack:
        journal = open_journal(wish.folder / JOURNAL)
        stack.callback(journal.close)  # a second time does no harm
        told = outward(wish.settings, wish.log(stack, clock, journal.epoch), REDACTOR)
        randomness = SeededRandomness(clock.now())  # so that no two daemons knock together
        feed = observed(wish.settings, instruments, clock.now(), randomness, told.log)

        async def main() -> None:
            extra = {"market": "live", "duration": wish.duration}
            around = Surrounding(
                *(clock, journal, told.written, feed, wish.dress),
                extra=extra,
                randomness=randomness,
                money="paper in a live market",
                flight=wish.flight,
                caretaker=wish.caretaker,
                brake=wish.brake,
                outbox=told.outbox,
                hide=REDACTOR.known,
            )
            await serve(paper(wish.settings, instruments, {}, around), wish, told)

        run_wall(main())


def margins(exchanges: Mapping[str, Exchange]) -> list[dict[str, Any]]:
    """Return a row for each pool of a modelled account that something is asked of.

    Numbers are in the pool's currency; 1 is liquidation.
    """
    rows = []
    for venue, exchange in exchanges.items():
        for pool, standing in exchange.standings(venue).items():
            if standing is None or not standing.maintenance:
                continue
            balance, asked = float(standing.balance), float(standing.maintenance)
            ratio = asked / balance if balance > 0 else None
            name = pool.position or pool.currency
            facts = {"balance": balance, "maintenance": asked, "margin_ratio": ratio}
            rows.append({"venue": venue, "stands together": name, **facts})
    return rows


def told_margins(running: Running) -> list[dict[str, Any]]:
    """Return the same of accounts at venues, as these tell them and prices moved since."""
    state, rows = running.engine.state, []
    for account in running.engine.params.accounts:
        for pool in state.margins.pools(account, state.now) or ():
            if not pool.maintenance:
                continue
            ratio = pool.maintenance / pool.balance if pool.balance > 0 else None
            name = pool.name.removeprefix(f"{account}:")
            facts = {"balance": pool.balance, "maintenance": pool.maintenance}
            rows.append({"venue": account, "stands together": name, **facts, "margin_ratio": ratio})
    return rows


def _outcome(running: Running) -> dict[str, Any]:
    tally = running.engine.tally
    return {
        "events": tally.events,
        "hedges": tally.hedges,
        "refusals": tally.refusals,
        "digest": running.engine.digest,
        "orders": running.status.orders(),
        "status": running.status.status(),
    }


def _summary(running: Running, outcome: Mapping[str, Any]) -> None:
    """Print how the book stands and what happened; the last line is for programs."""
    status = outcome["status"]
    typer.echo("")
    rows = [{"underlying": name, **facts} for name, facts in status["underlyings"].items()]
    columns = ("underlying", "price", "net_delta", "lower", "upper", "gamma", "vega", "theta")
    table(rows, columns, f"{status['book']} at {utc(status['ts'])}, {status['state']}")
    typer.echo("")
    table(status["positions"], ("instrument", "quantity", "entry", "mark", "delta"), "positions")
    _margin(running)
    tally, counters = running.engine.tally, status["counters"]
    typer.echo("")
    unknown = f"unknown {tally.unknowns} of which {tally.resolved} resolved"
    typer.echo(f"fills {tally.fills}  rejects {tally.rejects}  {unknown}")
    for venue, struck in status.get("faults", {}).items():
        if struck:
            told = "  ".join(f"{kind} {count}" for kind, count in sorted(struck.items()))
            typer.echo(f"faults    {venue}: {told}")
    if counters["pnl"] is not None:
        typer.echo(f"profit    {counters['pnl']:+,.2f} USD since everything was first priced")
    for name in ("fees", "funding", "realised"):
        told = "  ".join(f"{shown(float(v))} {k}" for k, v in counters[name].items())
        typer.echo(f"{name:9} {told or '-'}")
    refused = "  ".join(f"{reason} {count}" for reason, count in tally.reasons.items())
    typer.echo(f"refused   {refused or '-'}")
    counts = " ".join(f"{name} {outcome[name]}" for name in ("events", "hedges", "refusals"))
    typer.echo(f"{counts} digest {outcome['digest']}")


def _margin(running: Running) -> None:
    """Print how near to liquidation the accounts are; nothing where nothing is asked of them."""
    modelled = bool(running.exchanges)
    rows = margins(running.exchanges) if modelled else told_margins(running)
    if rows:
        asked = ("venue", "stands together", "balance", "maintenance", "margin_ratio")
        typer.echo("")
        table(
            rows,
            asked,
            f"margin {'at the modelled venues' if modelled else 'as the venues tell it'}",
        )


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.command()(demo)
    app.command()(run)
