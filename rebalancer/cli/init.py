"""`init`: a few questions, a commented configuration that `check` accepts, and what comes next."""

import os
import sys
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from rebalancer.cli.output import table
from rebalancer.core.instruments import Instrument
from rebalancer.errors import Defect, RebalancerError, UsageError
from rebalancer.settings import InvalidSettings, check, first, load

Told = TypeVar("Told")
Doctor = Annotated[
    bool | None,
    typer.Option("--doctor/--no-doctor", help="Look at the venue too; else a person is asked."),
]
QUESTION = "Look at the venue now (doctor)"
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def init(
    file: Annotated[Path, typer.Argument(help="Where it is written; never over a file.")] = Path(
        "book.toml"
    ),
    coin: Annotated[str | None, typer.Option(help="What you hold: BTC or ETH.")] = None,
    held: Annotated[str | None, typer.Option(help="How many coins.")] = None,
    place: Annotated[
        str | None, typer.Option(help="outside (a wallet), or venue (the one that hedges).")
    ] = None,
    protect: Annotated[str | None, typer.Option(help="usd: dollars, coin: coins.")] = None,
    venue: Annotated[
        str | None, typer.Option(help=f"Of the hedge: {', '.join(first.OFFERS)}.")
    ] = None,
    price: Annotated[str | None, typer.Option(help="About what a coin is worth, USD.")] = None,
    band: Annotated[str | None, typer.Option(help="Coins to each side of the aim.")] = None,
    mode: Annotated[str | None, typer.Option(help="paper (on live data), or live.")] = None,
    alerts: Annotated[str | None, typer.Option(help="none, telegram or webhook.")] = None,
    account: Annotated[str | None, typer.Option(help="Of a live book: the account's uid.")] = None,
    credentials: Annotated[str | None, typer.Option(help="Of a live book: its key's name.")] = None,
    book: Annotated[str | None, typer.Option("--book", help="Name of the book.")] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Ask nothing: proposals where no word.")
    ] = False,
    doctor: Doctor = None,
) -> None:
    """Ask what you hold and how to hedge it; write a configuration for paper on live data.

    Example: rebalancer init
    Example: rebalancer init desk.toml --coin BTC --held 2 --venue deribit --protect usd --yes
    """
    if file.exists() or file.is_symlink():
        raise UsageError(f"{file}: must not be there yet; nothing is written over")
    if not yes and not sys.stdin.isatty():
        raise UsageError("--yes: must be given where nobody can be asked")
    ask = _Asker(yes)
    own = ask.choice("What do you hold", "--coin", coin, tuple(first.PRICES))
    amount = ask.number(f"How many {own}", "--held", held, Decimal(1))
    worth = ask.number(f"About what is one {own} worth, USD", "--price", price, first.PRICES[own])
    hints = {name: offer.title for name, offer in first.OFFERS.items()}
    where = ask.choice("Where is it hedged", "--venue", venue, tuple(hints), hints)
    lies = {"outside": "a wallet, or another venue", "venue": f"on {where} itself"}
    stands = first.PLACES if first.OFFERS[where].coins else ("outside",)
    there = ask.choice("Where do the coins lie", "--place", place, stands, lies)
    saves = {"usd": "their worth in dollars", "coin": "their number"}
    counts = ask.choice("What is protected", "--protect", protect, first.NUMERAIRES, saves)
    width = _width(ask, band, amount, first.hedge_of(where, own), worth)
    modes = {"paper": "in the live market, no key", "live": "real orders, after doctor"}
    dress = ask.choice("Paper or live", "--mode", mode, first.MODES, modes)
    wakes = ask.choice("Who wakes you", "--alerts", alerts, first.ALERTS)
    told = first.Answers(
        book=ask.text("What is the book called", "--book", book, file.stem),
        coin=own, held=amount, place=there, numeraire=counts, venue=where,
        price=worth, band=width, mode=dress, alerts=wakes,
        **_of_a_live_book(ask, dress, account, credentials),
    )  # fmt: skip
    _write(file, first.written(told))
    _tell(file, told)
    _offer(file, doctor, silent=yes)


def _width(
    ask: "_Asker", given: str | None, held: Decimal, hedge: Instrument, price: Decimal
) -> Decimal:
    """Return the half-width of the band in coins, at most a quarter of what is held.

    Raises:
        UsageError: It is more, or too little is held to be hedged in the lots of the venue.
    """
    most, proposal = first.widest_band(held), first.proposed_band(held, hedge, price)
    if proposal > most:
        least = f"{proposal * first.WIDEST:f} {hedge.underlying}"
        must = f"must be at least {least} to be hedged in the lots of {hedge.venue}"
        raise UsageError(f"--held: {must}, was {held:f}")
    asked = ("Within how many coins may net delta move", "--band", given, proposal)
    return ask.number(*asked, (most, f"{most:f} {hedge.underlying}, a quarter of what is held"))


def _of_a_live_book(
    ask: "_Asker", mode: str, account: str | None, credentials: str | None
) -> dict[str, str]:
    if mode == "paper":
        return {}
    return {
        "account": ask.text("Uid of the account", "--account", account, ""),
        "credentials": ask.text("Name of its key", "--credentials", credentials, "desk"),
    }


class _Asker:
    """Takes what was said on the command line, asks for the rest."""

    def __init__(self, silent: bool) -> None:
        self._silent = silent

    def choice(
        self,
        question: str,
        option: str,
        given: str | None,
        known: Sequence[str],
        hints: dict[str, str] | None = None,
    ) -> str:
        """Return one of several words, the first where nothing was said."""

        def one(text: str) -> str:
            found = [each for each in known if each.lower() == text.strip().lower()]
            if not found:
                raise UsageError(f"{option}: must be one of {', '.join(known)}, was {text}")
            return found[0]

        if len(known) == 1 and given is None:
            return known[0]
        if given is None and not self._silent:
            for name in known if hints else ():
                typer.echo(f"    {name:12} {(hints or {})[name]}")
        return self._told(f"{question} ({', '.join(known)})", given, known[0], one)

    def number(
        self,
        question: str,
        option: str,
        given: str | None,
        default: Decimal,
        most: tuple[Decimal, str] | None = None,
    ) -> Decimal:
        """Return a number above 0, and not above the most there may be."""

        def positive(text: str) -> Decimal:
            try:
                number = Decimal(text.replace("_", "").replace(",", "").strip())
            except InvalidOperation:
                number = Decimal(0)
            if not number.is_finite() or not Decimal("1e-8") <= number <= Decimal("1e12"):
                raise UsageError(f"{option}: must be a number above 0, was {text}")
            if most is not None and number > most[0]:
                raise UsageError(f"{option}: must be at most {most[1]}, was {text}")
            return number

        return self._told(question, given, f"{default:f}", positive)

    def text(self, question: str, option: str, given: str | None, default: str) -> str:
        """Return a word as names are: letters, digits, - and _."""

        def word(text: str) -> str:
            found = text.strip()
            if not found or not all(each.isalnum() or each in "-_." for each in found):
                raise UsageError(f"{option}: must be letters, digits, - and _, was {text!r}")
            return found

        return self._told(question, given, default, word)

    def _told(
        self, question: str, given: str | None, default: str, read: Callable[[str], Told]
    ) -> Told:
        if given is not None or self._silent:
            return read(default if given is None else given)
        while True:
            try:
                return read(typer.prompt(question, default=default or None))
            except UsageError as error:
                typer.echo(f"    {error}")


def _write(file: Path, text: str) -> None:
    """Write a new file that only its owner reads.

    Raises:
        UsageError: It cannot be made.
        InvalidSettings: What was answered makes no sound book; the file is kept to be mended.
    """
    try:
        opened = os.open(file, _FLAGS, 0o600)
    except OSError as error:
        raise UsageError(f"{file}: must be a new file: {error.strerror}") from error
    with os.fdopen(opened, "w", encoding="utf-8") as stream:
        stream.write(text)
    report = check(file)
    if report.faults:
        raise InvalidSettings(report.source, report.faults)


def _tell(file: Path, told: first.Answers) -> None:
    """Show what was derived, that it is sound, and what comes next."""
    report, limits = check(file), first.limits_of(told)
    if report.settings is None:  # pragma: no cover - it was looked at when it was written
        raise Defect(f"{file}: must be sound, was not")
    typer.echo("")
    rows = [
        {"limit": "one order", "value": f"{limits.order:f} {told.coin}"},
        {"limit": "position of the hedge", "value": f"{limits.position:f} {told.coin}"},
        {"limit": "net delta", "value": f"{limits.net_delta:f} {told.coin}"},
        {"limit": "gross leverage", "value": f"{limits.leverage:f}"},
        {"limit": "traded in a day", "value": f"{limits.turnover_per_day:,f} USD"},
        {"limit": "lost in a day", "value": f"{limits.loss_per_day:,f} USD"},
        {"limit": "drawdown", "value": f"{limits.drawdown:,f} USD"},
    ]
    table(rows, ("limit", "value"), f"{told.book}: band ±{told.band:f} {told.coin}, and limits")
    typer.echo("")
    typer.echo(f"{file}: no faults, fingerprint {report.fingerprint}")
    for key in report.not_enforced:
        typer.echo(f"  {key}: not set, nobody watches there")
    for note in report.notes:
        typer.echo(f"  note: {note}")
    if told.numeraire == "coin" and told.place == "outside":
        typer.echo(f"  note: {told.coin} alone have no delta in coins; what you add to them will")
    typer.echo("next:")
    for command in _next(file, told, report.fingerprint or ""):
        typer.echo(f"  {command}")


def _offer(file: Path, doctor: bool | None, *, silent: bool) -> None:
    """Look at the venue where that was asked for, or is now."""
    if doctor or (doctor is None and not silent and typer.confirm(QUESTION)):
        _look(file)


def _look(file: Path) -> None:
    """Say what doctor finds; the book is written whatever that is."""
    from rebalancer.cli.live import looked, show  # the venues' library takes seconds to load

    settings = load(file)
    try:
        rows = looked(settings)
    except RebalancerError as error:
        typer.echo(f"doctor: {error}")
        return
    show(rows, settings, file)
    wrong = sum(row["grade"] == "failed" for row in rows)
    typer.echo(f"doctor: {wrong} failed" if wrong else "doctor: nothing failed")


def _next(file: Path, told: first.Answers, fingerprint: str) -> Sequence[str]:
    if told.mode == "paper":
        return (
            f"rebalancer run {file}",
            "rebalancer status              # in another terminal; rebalancer why TIME asks why",
            f"rebalancer init live.toml --mode live --coin {told.coin} --venue {told.venue}",
        )
    return (
        f"rebalancer doctor {file}       # the key lies in a 0400 file: deploy/keys.md",
        f"rebalancer run {file} --live --confirm {fingerprint}",
        "rebalancer status",
    )


def register(app: typer.Typer) -> None:
    """Add the command of this group."""
    app.command()(init)
