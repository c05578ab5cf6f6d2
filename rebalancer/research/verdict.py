"""What came of a replay, in words: the verdict, the lines of a terminal, why a hedge was made."""

from collections.abc import Iterator, Mapping
from typing import Any

from rebalancer.core.decision import Reason
from rebalancer.research.hedges import Hedge
from rebalancer.research.page import money

WHY = {
    Reason.OUTSIDE_BAND: "net delta had left its band",
    Reason.MAX_INTERVAL: "the longest time between two hedges was over",
    Reason.MOVE_TRIGGERED: "the price had moved far enough",
    Reason.MARGIN_RATIO: "the margin ratio had climbed too high",
    Reason.LIQUIDATION_NEAR: "the price of liquidation had come near",
    Reason.LIQUIDATION_LIKELY: "liquidation had become likely",
    Reason.CHEAPER_ELSEWHERE: "another instrument costs less to hold",
}
FORCED = {"liquidated": "liquidated by the venue", "autodeleveraged": "deleveraged by the venue"}
CENT = 0.01  # USD
POOR = 0.5  # share of the variance below which a hedge did little

Told = Mapping[str, Any]


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share as a person reads it.

    >>> percent(0.9488).split(), percent(-0.02, 0).split(), percent(None)
    (['94.9', '%'], ['−2', '%'], '–')
    """
    if share is None:
        return "–"
    return f"{money(100 * share, digits)}\N{NO-BREAK SPACE}%"


def lead(told: Told) -> str:
    """Return the sentence that says it all."""
    removed, costs = told["effectiveness"]["net"], told["costs"]["total"]
    paid = f"cost {money(costs)} USD" if costs >= 0 else f"earned {money(-costs)} USD by funding"
    if removed is None:
        did = "Too few samples to judge the hedge by; it"
    elif removed < 0:
        did = f"Hedging added to the book's variance ({percent(-removed, 0)} more) and"
    elif removed < POOR:
        did = f"Hedging removed little of the book's variance, {percent(removed, 0)}, and"
    else:
        did = f"Hedging removed {percent(removed, 0)} of the book's variance and"
    return f"{did} {paid}.{_warning(told)}"


def _warning(told: Told) -> str:
    if told["liquidations"]:
        times = told["liquidations"]
        return f" Its account was liquidated {times} time{'s' if times > 1 else ''}."
    return ""


def account(told: Told) -> list[str]:
    """Return what was earned and why, in a few sentences."""
    theory, costs = told["theory"], told["costs"]["total"]
    earned = told["earned"]
    if earned is None:
        return []
    unhedged = sum(day["unhedged"] for day in told["by_day"])
    both = f"With its hedges the book {_gained(earned)}; without them, and without its collateral,"
    lines = [f"{both} it would have {_gained(unhedged)}."]
    if theory["gamma"] or theory["theta"]:
        lines.append(
            f"A book hedged without a pause earns half its gamma times realised less implied "
            f"variance: here {money(theory['gamma_theta'])} USD (gamma {money(theory['gamma'])}, "
            f"theta {money(theory['theta'])}). Before costs this one earned "
            f"{money(theory['realised'])} USD: changes of implied vol made {money(theory['vol'])}, "
            f"delta left open between hedges {money(theory['direction'])}, "
            f"basis {money(theory['basis'])}{_carry(theory['carry'])}."
        )
    if costs > 0 and told["costs"]["break_even_aversion"] is not None:
        lines.append(
            "The hedge is worth its cost to whoever's risk aversion is above "
            f"{told['costs']['break_even_aversion']:.2g} per USD."
        )
    return [*lines, *_doubts(told)]


def _carry(usd: float) -> str:
    return f", funding of the book's own perpetuals {money(usd)}" if usd else ""


def _gained(usd: float) -> str:
    return f"{'gained' if usd >= 0 else 'lost'} {money(abs(usd))} USD"


def _doubts(told: Told) -> Iterator[str]:
    """Yield what a reader should look into before he believes the rest."""
    alerts = told["residual"]["alerts"]
    if alerts:
        yield f"The model left more over than it should on {', '.join(alerts)}."
    beside = told["unattributed"]
    if beside["alert"]:
        yield (
            f"The sources leave {money(beside['usd'], 2)} USD of what was earned untold: trust "
            "neither them nor the costs."
        )
    apart = told["accounting_residual"]
    if apart is not None and abs(apart) >= CENT:
        yield f"Two sets of books differ by up to {money(abs(apart), 2)} USD: trust neither."


def lines(told: Told) -> Iterator[str]:
    """Yield the measures as a terminal shows them."""
    did, costs, tail = told["effectiveness"], told["costs"], told["cvar"]
    yield (
        f"variance removed       {percent(did['net'])} net, {percent(did['gross'])} before costs; "
        f"from day to day {percent(did['daily_net'])}, {percent(did['daily_gross'])} "
        f"({did['days']} days)"
    )
    if tail["ratio"] is not None:
        yield (
            f"worst 5 % of changes   {money(tail['hedged'])} USD lost on average, unhedged "
            f"{money(tail['unhedged'])}: {percent(tail['ratio'])}"
        )
    worth = costs["break_even_aversion"]
    above = "" if worth is None else f"; worth it above a risk aversion of {worth:.2g} 1/USD"
    yield (
        f"costs                  {money(costs['total'], 2)} USD: fees {money(costs['fees'], 2)}, "
        f"slippage {money(costs['slippage'], 2)}, funding {money(costs['funding'], 2)}{above}"
    )
    theory = told["theory"]
    if theory["gamma"] or theory["theta"]:
        yield (
            f"theory, ½ gamma        {money(theory['gamma_theta'], 2)} USD; earned before costs "
            f"{money(theory['realised'], 2)}"
        )
    for name, each in told["distance_from_aim"].items():
        if each["p50"] is not None:
            yield (
                f"{name + ' from its aim':22} {each['p50']:.4g} coins half of the time, 95 % "
                f"within {each['p95']:.4g}, at most {each['max']:.4g}; outside the band "
                f"{percent(each['share_outside_band'])}"
            )
    left = told["residual"]
    days = ", ".join(left["alerts"]) or "none"
    share = percent(left["share"], 2)
    yield f"residual of the model  {share} of its parts; days to look at: {days}"
    if told["unattributed"]["alert"]:
        yield f"told by no source      {money(told['unattributed']['usd'], 2)} USD: trust none"


def reason(row: Hedge) -> str:
    """Return why a hedge was made, in words without numbers."""
    if row.reason in FORCED:
        return FORCED[row.reason]
    told = WHY.get(Reason(row.reason), row.reason) if row.reason in set(Reason) else row.reason
    return f"{told}; cut by {row.limited}" if row.limited else told


def why(row: Hedge) -> str:
    """Return why a hedge was made, with net delta and the band as they stood."""
    if row.before is None or row.lower is None or row.upper is None:
        return reason(row)
    return f"{reason(row)}: {row.before:+.4f} against {row.lower:+.4f} … {row.upper:+.4f}"
