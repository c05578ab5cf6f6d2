"""`set`: change settings of a running book, after a look at what that does."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from rebalancer.cli.output import emit_json, shown, state_folder
from rebalancer.cli.reaching import reach
from rebalancer.errors import UsageError

Told = Mapping[str, Any]
State = Annotated[
    Path | None, typer.Option("--state", help="Folder of the book; its control.sock is used.")
]


def set_(
    values: Annotated[
        list[str],
        typer.Argument(
            metavar="SETTING=NUMBER…",
            help="Such as underlyings.BTC.target=0.5; several are one change.",
        ),
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why; it is journaled.")],
    state: State = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False,
    again: Annotated[
        list[str] | None,
        typer.Option(metavar="SETTING=NUMBER", help="With --yes: a number that is wanted twice."),
    ] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Only show what it would do.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Change target, coverage or band of a running book; the file stays as it is.

    It shows the hedge that would follow and asks. What looks like a slip of the
    finger must be typed twice. It holds until the file changes.

    Example: rebalancer set underlyings.BTC.target=0.5 --reason "client deposits"
    Example: rebalancer set BTC.band.lower=-0.2 BTC.band.upper=0.2 --reason "calm" --yes
    """
    asked, twice = _numbers(values), _numbers(again or [])
    client = reach(state_folder(state))
    told = client.call("set", values=asked)
    if preview and as_json:
        emit_json(told)
        return
    if not as_json:
        _show(told)
    if preview:
        return
    if not yes:
        typed = _confirmed(told)
        if typed is None:
            typer.echo("nothing was changed")
            return
        twice = typed
    twice = dict(_full(told, twice))
    done = client.call("set", values=asked, again=twice, expect=told["expect"], reason=reason)
    if as_json:
        emit_json(done)
        return
    _show_done(done)


def _numbers(told: Sequence[str]) -> dict[str, str]:
    """Return settings and their numbers.

    Raises:
        UsageError: One has no number, or is there twice.
    """
    found: dict[str, str] = {}
    for each in told:
        name, given, number = (part.strip() for part in each.partition("="))
        if not (name and given and number):
            raise UsageError(f"set: must be told SETTING=NUMBER, was {each!r}")
        if name in found:
            raise UsageError(f"set: {name} must be told once, was told twice")
        found[name] = number
    return found


def _full(told: Told, numbers: Mapping[str, str]) -> Sequence[tuple[str, str]]:
    """Return numbers under the settings' full names."""
    full = [each["setting"] for each in told["changes"]]
    return [
        (next((own for own in full if own.removeprefix("underlyings.") == name), name), number)
        for name, number in numbers.items()
    ]


def _confirmed(told: Told) -> dict[str, str] | None:
    """Ask a person; return the numbers that he typed again, None where he leaves it.

    Raises:
        UsageError: Nobody can be asked.
    """
    if not _seen():
        raise UsageError("set: nobody can be asked here; look at it with --preview, then --yes")
    typer.echo("")
    try:
        if not told["again"]:
            return {} if typer.confirm("Change it") else None
        typer.echo("Type each number again to go on; nothing to leave it.")
        typed = {}
        for name in told["again"]:
            typed[name] = typer.prompt(f"  {name}", default="", show_default=False).strip()
            if not typed[name]:
                return None
    except typer.Abort:
        typer.echo("")
        return None
    return typed


def _seen() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty()


def _show(told: Told) -> None:
    for each in told["changes"]:
        typer.echo(f"{each['setting']}: {shown(each['before'])} -> {shown(each['after'])}")
    for each in told["underlyings"]:
        typer.echo("")
        for line in _effect(each):
            typer.echo(line)
    if told["state"] != "active":
        typer.echo("")
        typer.echo(f"The book is {told['state'].upper()}: it will hold, and hedge when that ends.")


def _effect(told: Told) -> Sequence[str]:
    """Return in lines what a change does to one underlying."""
    coin, lines = told["underlying"], []
    for when in ("before", "after"):
        own = told[when]
        if own is None:
            lines.append(f"{coin} {when:7} net delta unknown")
            continue
        facts = (f"{key} {own[key]:+.6g}" for key in ("net_delta", "lower", "aim", "upper"))
        lines.append(f"{coin} {when:7} {'  '.join(facts).replace('_', ' ')}")
    lines += _hedge(told)
    lines += [f"  ! {each}" for each in told["doubts"]]
    return lines


def _hedge(told: Told) -> Sequence[str]:
    coin, hedge, decided = told["underlying"], told["hedge"], told["decision"]
    reason = decided["reason"].replace("_", " ")
    if hedge is not None:
        order = f"{hedge['side']} {hedge['quantity'].lstrip('-')} {hedge['instrument']}"
        money = f"{hedge['usd']:,.0f} USD, fee about {hedge['fee']:,.2f} USD"
        lines = [f"  hedge at once: {order} at {hedge['limit_price']} or better; {money}"]
    else:
        wanted = decided["wanted"]
        cut = "" if wanted is None else f", wanted {wanted}, allowed {decided['allowed']}"
        lines = [f"  hedge at once: none ({reason}{cut})"]
    distance = told["distance"]
    if distance:
        lines.append(f"  to trade in all: {distance:+.6g} {coin}")
    return lines


def _show_done(done: Told) -> None:
    for each in done["changes"]:
        typer.echo(f"changed {each['setting']}: {shown(each['before'])} -> {shown(each['after'])}")
    for each in done["decisions"]:
        reason = each["reason"].replace("_", " ")
        order = "" if each["action"] != "order" else f" {each['allowed']} {each['instrument']}"
        typer.echo(f"{each['underlying']}: {each['action']}{order}, {reason}")


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.command("set")(set_)
