"""Commands on a running book, through its control socket."""

from pathlib import Path
from typing import Annotated

import typer

from rebalancer.cli.output import emit_json, shown, state_folder, table
from rebalancer.cli.reaching import reach
from rebalancer.cli.times import utc
from rebalancer.ops.client import ControlClient

State = Annotated[
    Path | None, typer.Option("--state", help="Folder of the book; its control.sock is used.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is journaled.")]


def _client(state: Path | None) -> ControlClient:
    return reach(state_folder(state))


def status(state: State = None, as_json: Json = False) -> None:
    """Show the book's state and each net delta against its band.

    Example: rebalancer status --state /var/lib/rebalancer/btc-desk
    """
    told = _client(state).call("status")
    if as_json:
        emit_json(told)
        return
    typer.echo(f"{told['book']}  {told['mode']}  {told['state']}  step {told['seq']}")
    rows = [{"underlying": name, **facts} for name, facts in told["underlyings"].items()]
    columns = ("underlying", "net_delta", "pending", "lower", "aim", "upper", "state")
    table(rows, (*columns, "outside_seconds"), "")
    for name, each in told.get("awaited", {}).items():
        why = each["why"] or "no answer yet"
        again = "" if each["again_in"] is None else f"; asked again in {each['again_in']:.0f} s"
        typer.echo(f"not begun: waits for {name}, {each['seconds']} s: {why}{again}")
    for latch in told["latches"]:
        typer.echo(f"latched: {latch}")
    for each in told["tuned"]:
        values = f"{shown(each['now'])}, the file has {shown(each['file'])}"
        who = f"user {each['who']} at {utc(each['ts'])}: {each['reason']}"
        typer.echo(f"changed: {each['setting']} is {values}; by {who}")
    typer.echo("feeds: " + ", ".join(f"{name} {age:.1f} s" for name, age in told["feeds"].items()))


def positions(state: State = None, as_json: Json = False) -> None:
    """Show what is held, with entry, mark and delta.

    Example: rebalancer positions --json
    """
    told = _client(state).call("positions")
    if as_json:
        emit_json(told)
    else:
        table(
            told, ("instrument", "quantity", "entry", "mark", "open_profit", "delta"), "positions"
        )


def orders(state: State = None, as_json: Json = False) -> None:
    """Show the youngest orders of this start, oldest first.

    Example: rebalancer orders --state /var/lib/rebalancer/btc-desk
    """
    told = _client(state).call("orders")
    columns = ("client_order_id", "instrument", "quantity", "filled", "state", "evidence")
    if as_json:
        emit_json(told)
    else:
        table(told, columns, "orders")


def _operate(verb: str, state: Path | None, reason: str, **args: bool) -> None:
    told = _client(state).call(verb, reason=reason, **args)
    left = f"; {told['left']}" if "left" in told else ""
    typer.echo(f"{verb}: done; the book was {told['before']}, it is {told['state']}{left}")


def pause(
    state: State = None,
    reason: Reason = "operator",
    everything: Annotated[
        bool, typer.Option("--all", help="Stop protecting orders too; pages somebody.")
    ] = False,
) -> None:
    """Send no new hedges until resumed.

    Example: rebalancer pause --reason "venue maintenance"
    """
    _operate("pause", state, reason, all=everything)


def resume(state: State = None, reason: Reason = "operator") -> None:
    """End a pause or a reduction.

    Example: rebalancer resume
    """
    _operate("resume", state, reason)


def reduce(state: State = None, reason: Reason = "operator") -> None:
    """Let only orders through that hedge by closing.

    Example: rebalancer reduce --reason "low on margin"
    """
    _operate("reduce", state, reason)


def kill(state: State = None, reason: Reason = "operator") -> None:
    """Cancel own orders and let nothing pass any more; latched until armed.

    Example: rebalancer kill --reason "wrong account"
    """
    _operate("kill", state, reason)


def arm(
    reason: Annotated[str, typer.Option("--reason", help="Why it is safe again.")],
    state: State = None,
) -> None:
    """Clear every latch and hedge again; orders that stayed unproven count as looked up.

    Example: rebalancer arm --reason "venue confirmed the fill"
    """
    _operate("arm", state, reason)


def adopt(
    reason: Annotated[str, typer.Option("--reason", help="Why what is held is the book's.")],
    state: State = None,
) -> None:
    """Take what the venues hold as the book's where ledger and venues differ; then arm.

    Example: rebalancer adopt --reason "bought ten coins by hand"
    """
    _operate("adopt", state, reason)


def reconcile(state: State = None, reason: Reason = "operator") -> None:
    """Compare ledger and venues now.

    Example: rebalancer reconcile --state /var/lib/rebalancer/btc-desk
    """
    _operate("reconcile", state, reason)


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    acting = (pause, resume, reduce, kill, arm, adopt, reconcile)
    for command in (status, positions, orders, *acting):
        app.command()(command)
