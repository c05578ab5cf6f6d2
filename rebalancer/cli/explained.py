"""Explained: a decision as a person reads it; colour is the terminal's to drop."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from rebalancer.cli.output import shown
from rebalancer.ops.escaping import escaped
from rebalancer.ops.gauge import gauge

Told = Mapping[str, Any]

GAUGE = 48  # columns
SECOND, MILLISECOND = 1_000_000_000, 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ACTIONS = {"order": "bold green", "withdraw": "bold cyan", "refuse": "bold yellow"}
_BACK = {
    "OrderAccepted": ("accepted", "green"),
    "OrderRejected": ("rejected", "bold red"),
    "OrderUnknown": ("unknown", "bold yellow"),
    "OrderNotFound": ("not found", "yellow"),
    "OrderEnded": ("ended", "green"),
    "Fill": ("fill", "green"),
}


def explained(told: Told, width: int) -> Iterable[RenderableType]:
    """Yield what `why` says of a decision.

    Args:
        told: As `runtime.why` returns it.
        width: Columns.
    """
    decision = told["decision"]
    if decision is None:
        yield Text("The decision was pruned; what was sent and what came back is kept.\n", "dim")
    else:
        yield from _decision(decision, told["rests_on"].get(decision["underlying"]), width)
    for each in told.get("tuned", ()):
        name = f"{each['underlying']}.{each['knob']}"
        who = f"by user {each['who']} at {_moment(each['at'])} UTC: {escaped(each['reason'])}"
        yield Text(f"{name} was {shown(each['after'])} and not as in the file, {who}", "yellow")
    if told["order"] is not None:
        yield _life(told)
        yield Text("")
        yield _outcome(told)
    for other in told["others"]:
        yield Text("")
        yield Text(f"in the same step {other['underlying']}:", "bold")
        yield from _decision(other, told["rests_on"].get(other["underlying"]), width)


def _decision(told: Told, rests_on: Told | None, width: int) -> Iterable[RenderableType]:
    yield _head(told, width)
    yield Text("")
    yield from _band(told)
    yield Text("")
    if rests_on is None:
        yield Text("This journal kept no inputs of this decision.", "dim")
    else:
        yield _inputs(rests_on["inputs"])
        yield Text("")
        yield _holdings(rests_on["holdings"], told)
        for each in rests_on["orders"]:
            yield Text(f"{each['client_order_id']} is open: {each['state']}", "bold yellow")
    yield Text("")
    if told.get("verdicts"):
        yield _guards(told)
        yield Text("")


def _head(told: Told, width: int) -> RenderableType:
    reason = told["reason"].replace("_", " ")
    style = _ACTIONS.get(told["action"], "bold")
    title = Text.assemble(
        (f"{told['underlying']}  ", "bold"), (f"{told['action']}  ", style), (reason, style)
    )
    title.append(f"    step {told['sequence']:,}    {_moment(told['ts'])} UTC", "dim")
    if told.get("instrument"):
        name, wanted = told["instrument"], _quantity(told["wanted"])
        title.append(f"\n{name}  wanted {wanted}  allowed {_quantity(told['allowed'])}")
        if told.get("limit_price"):
            title.append(f"  at {_quantity(told['limit_price'], sign='')} or better")
    if told.get("client_order_id"):
        title.append(f"  as {told['client_order_id']}")
    if told.get("style"):
        hurried = told.get("hurried")
        why = f", for {hurried.replace('_', ' ')}" if hurried else ""
        title.append(f"  by {told['style'].replace('_', ' ')}{why}")
    for leg in told.get("passed_over", ()):
        title.append(f"\npassed over {leg['subject']}: {_over_limit(leg)}", "yellow")
    for leg in told.get("weighed", ()):
        title.append(f"\nweighed {leg['instrument']}: {_cost(leg)}", "dim")
    title.append("\n" + "─" * width, "dim")
    return title


def _cost(leg: Told) -> str:
    """Return what a hedge would cost in a leg, term by term, and whether it beats the one held."""
    names = ("fee", "half_spread", "impact", "funding", "margin")
    terms = [f"{name.replace('_', ' ')} {_bp(leg[name])}" for name in names]
    known = leg["funding"] is not None
    total = f"{_bp(sum(leg[name] or 0.0 for name in names))} bp" if known else "unknown"
    text = f"{total} ({', '.join(terms)})"
    if leg.get("saves") is None:
        return text
    return f"{text}\n  saves {_bp(leg['saves'])} bp, {_bp(leg['needs'])} would be enough"


def _bp(value: float | None) -> str:
    return "unknown" if value is None else f"{value * 1e4:+.2f}"


def _over_limit(told: Told) -> str:
    """Return why a leg got no hedge, with what was measured against which limit."""
    numbers = [
        f"{name} {shown(told[name])}"
        for name in ("measured", "limit")
        if told.get(name) is not None
    ]
    return ", ".join([(told["reason"] or "").replace("_", " "), *numbers])


def _band(told: Told) -> Iterable[Text]:
    net, lower, upper = told["net_delta"], told["lower"], told["upper"]
    coin, known = told["underlying"], told.get("price") is not None
    yield Text("band", "bold")
    line = gauge(net if known else None, told["aim"], lower, upper, GAUGE)
    facts = f"net delta {net:+.4f} {coin}" if known else "net delta unknown"
    yield line.append(f"   {facts}   pending {told['pending']:+.4f}", "")
    gap = max(lower - net, net - upper)
    where = "" if not known else f"   outside by {gap:.4f}" if gap > 0 else "   inside"
    edges = f"lower {lower:+.4f}   aim {told['aim']:+.4f}   upper {upper:+.4f}{where}"
    index = "" if not known else f"   at {told['price']:,.2f} USD"
    yield Text(edges + index)


def _inputs(rows: Sequence[Told]) -> Table:
    drawn = _table("rests on", ("", ">age", ">oldest"))
    for row in rows:
        age, limit = row["age_seconds"], row["limit_seconds"]
        late = limit is not None and (age is None or age > limit)
        drawn.add_row(
            f"{row['kind']} {row['subject']}",
            _value(row),
            Text("never told" if age is None else f"{age:.2f} s", "bold red" if late else ""),
            "-" if limit is None else f"{limit:g} s",
        )
    return drawn


def _value(row: Told) -> str:
    match row["kind"]:
        case "quote" if "bid" in row:
            sides = (
                f"{_price(row[side])} × {_price(row[f'{side}_size'])}" for side in ("bid", "ask")
            )
            return "  /  ".join(sides)
        case "option" if "vol" in row:
            forward = f"forward {row['forward']:,.2f}"
            return f"{row['price']:,.6g}   vol {row['vol']:.1%}   {forward}"
        case "funding" if "rate_per_day" in row:
            return f"{row['rate_per_day'] * 1e4:+.2f} bp a day"
        case "margin" if "balance" in row:
            return f"balance {row['balance']:,.6g}   maintenance {row['maintenance']:,.6g}"
        case "reading":
            return "-" if row["age_seconds"] is None else "as the ledger has it"
        case _:
            return _price(row["price"]) if "price" in row else "-"


def _price(value: float | None) -> str:
    return "-" if value is None else f"{value:,.10g}"


def _holdings(rows: Sequence[Told], told: Told) -> Table:
    drawn = _table("delta by position", (">quantity", ">per contract", ">delta"))
    for row in rows:
        each, delta = row["delta_per_contract"], row["delta"]
        drawn.add_row(
            row["instrument"],
            f"{row['quantity']:+,.10g}",
            "-" if each is None else f"{each:+.6g}",
            Text("unknown", "bold red") if delta is None else f"{delta:+.4f}",
        )
    if told.get("price") is not None:
        drawn.add_row(Text("net delta", "bold"), "", "", Text(f"{told['net_delta']:+.4f}", "bold"))
    return drawn


def _guards(told: Told) -> Table:
    drawn = _table("guards", (">allows", ">measured", ">limit", ""))
    least = min(told["verdicts"], key=lambda each: abs(float(each["allows"])))
    whole = told.get("wanted") is not None and abs(float(told["wanted"]))
    for each in told["verdicts"]:
        cuts = abs(float(each["allows"])) < (whole or 0.0)
        style = "bold red" if cuts and each is least else "yellow" if cuts else ""
        says = " ".join(
            part for part in ((each["reason"] or "").replace("_", " "), each["subject"]) if part
        )
        drawn.add_row(
            each["guard"],
            _quantity(each["allows"], sign=""),
            *(shown(each[name]) for name in ("measured", "limit")),
            escaped(says),
            style=style,
        )
    return drawn


def _life(told: Told) -> Table:
    """Return what was sent and what came back, in one order of time."""
    drawn = _table("sent, came back", (">after", "", ""))
    begun = told["sent"][0]["at"]
    lines = [(each["at"], 0, each) for each in told["sent"]]
    lines += [(each["at"], 1, each) for each in told["events"]]
    for at, back, each in sorted(lines, key=lambda line: line[:2]):
        word, style, text = _heard(each) if back else _sent(each)
        after = f"+{(at - begun) / MILLISECOND:,.0f} ms"
        drawn.add_row(_moment(at)[11:], after, Text(word, style), escaped(text))
    return drawn


def _sent(each: Told) -> tuple[str, str, str]:
    match each["type"]:
        case "Submit":
            price = _quantity(each["price"], sign="")
            only = ", reduce only" if each["reduce_only"] else ""
            terms = f"{each['time_in_force']}{only}, to {each['purpose']}"
            what = f"{_quantity(each['quantity'])} {each['instrument']}"
            return "sent", "bold", f"{what} at {price} or better, {terms}"
        case "Cancel":
            why = each.get("reason")
            for_ = f" for {why.replace('_', ' ')}" if why else ""
            return "cancel", "bold", f"the venue was asked to withdraw it{for_}"
        case _:
            return "query", "bold", "the venue was asked what became of it"


def _heard(each: Told) -> tuple[str, str, str]:
    word, style = _BACK.get(each["type"], (each["type"], ""))
    match each["type"]:
        case "OrderAccepted":
            text = f"the venue calls it {each['venue_order_id']}"
        case "Fill":
            fee = f"fee {each['fee']} {each['fee_currency']}"
            text = f"{_quantity(each['quantity'])} at {_quantity(each['price'], sign='')}, {fee}"
        case "OrderEnded":
            text = f"{each['how']}, {_quantity(each['filled'])} filled in all"
        case "OrderNotFound":
            text = "the venue knows no such order"
        case _:
            text = str(each.get("reason") or "")
    return word, style, text


def _outcome(told: Told) -> Text:
    """Return how it stands by what the venue proved: only its word ends an order."""
    events, wanted = told["events"], told["order"]["quantity"]
    filled = sum(float(each["quantity"]) for each in events if each["type"] == "Fill")
    kinds = [each["type"] for each in events]
    doubts = [each["at"] for each in events if each["type"] == "OrderUnknown"]
    if "OrderRejected" in kinds:
        text, style = "never taken by the venue", "bold red"
    elif "OrderEnded" in kinds:
        text, style = f"over: {filled:+,.10g} of {_quantity(wanted)} filled", "bold green"
    elif doubts and kinds[-1] in ("OrderUnknown", "OrderNotFound"):
        text, style = "UNKNOWN: the venue has not proved what became of it", "bold yellow"
    else:
        text, style = f"open: {filled:+,.10g} of {_quantity(wanted)} filled", "bold"
    proofs = [each["at"] for each in events if doubts and each["at"] > doubts[0]]
    proved = [each for each in kinds if each not in ("OrderUnknown", "OrderNotFound")]
    if doubts and proofs and proved:
        text += f"; unknown for {(proofs[0] - doubts[0]) / SECOND:.2f} s, then the venue proved it"
    return Text.assemble(("outcome   ", "bold"), (text, style))


def _table(title: str, columns: Sequence[str]) -> Table:
    """Return an empty table whose first column is its title; > are to the right."""
    drawn = Table(box=None, pad_edge=False)
    drawn.add_column(title, header_style="bold", overflow="fold")
    for name in columns:
        right = name.startswith(">")
        drawn.add_column(
            name.removeprefix(">"),
            justify="right" if right else "left",
            header_style="dim",
            overflow="fold",
        )
    return drawn


def _quantity(value: Any, sign: str = "+") -> str:
    """Return a decimal as the venue counts, grouped; its digits stay."""
    if value is None:
        return "-"
    whole, point, rest = str(value).partition(".")
    if not str(value).strip("+-0."):
        return "0"
    digits = f"{int(whole):{sign},}" if whole.lstrip("+-").isdecimal() else whole
    minus = "-" if whole.startswith("-0") else ""
    return f"{minus}{digits.lstrip('+') if minus else digits}{point}{rest}"


def _moment(ts: int) -> str:
    return (_EPOCH + timedelta(microseconds=ts // 1000)).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
