"""Judging: what one half chose, rule and parameter, is what the other half tells of."""

from dataclasses import replace

import numpy as np
import pytest

from rebalancer.research import blocks, contest, frontier_page, judging
from rebalancer.research.contest import CENTRE, EDGE, TIME, WW
from rebalancer.research.straddles import DAY

BAR = 900_000_000_000  # ns


def test_draws():
    """Draws are blocks of neighbours, each of all days, and a seed's own."""
    told = blocks.counts(20, 5, 50, seed=3)

    assert (told == blocks.counts(20, 5, 50, seed=3)).all()
    assert (told != blocks.counts(20, 5, 50, seed=4)).any()
    assert (20 == told.sum(axis=1)).all()
    assert (20, 1) == (blocks.counts(20, 20, 3, seed=1).sum(axis=1)[0], told.min() + 1)


def test_interval():
    """Bounds of a mean are near what its standard error says."""
    values = np.random.default_rng(5).standard_normal((400, 1))
    low, high = blocks.interval(blocks.means(blocks.counts(400, 1, 4000, seed=1), values)[:, 0])
    error = values.std() / 20

    assert pytest.approx(values.mean() - 1.96 * error, abs=0.2 * error) == low
    assert pytest.approx(values.mean() + 1.96 * error, abs=0.2 * error) == high


@pytest.mark.parametrize(
    ("costs", "variances", "wanted", "found"),
    [
        ((4.0, 1.0), (1.0, 16.0), 2.0, 4.0),
        ((4.0, 1.0), (1.0, 16.0), 1.0, 16.0),
        ((4.0, 1.0), (1.0, 16.0), 0.5, None),
        ((4.0, 1.0), (1.0, 16.0), 5.0, None),
        ((4.0, 1.0, 4.2), (1.0, 5.0, 100.0), 4.1, 1.0),  # dearer and worse is no part of it
        ((4.0, 1.0, 4.2), (1.0, 5.0, 100.0), 9.0, 1.0),
        ((4.0, 1.0, 2.0), (1.0, 16.0, 99.0), 2.0, 4.0),
    ],
)
def test_read(costs, variances, wanted, found):
    """Between two parameters both logarithms are straight; what overtrades is left out."""
    told = judging.read(np.array([costs]), np.array([variances]), np.array([wanted])).item()

    assert found is None if np.isnan(told) else pytest.approx(found) == told


def made(minded=lambda place: np.exp(-place / 2)):
    """A contest of 80 days in which a parameter's place, 0 to 1, says all: cost and deviation."""
    rng = np.random.default_rng(1)
    common, scores = rng.normal(size=(80, 1)), {}
    for rule in contest.contestants(BAR):
        place = np.linspace(0, 1, len(rule.grid))
        fees = np.exp(4 - 4 * place) * (1 + 0.2 * rng.random((80, 1)))
        better = minded(place) if rule.name == WW else 1.0
        chance = common + 0.05 * rng.normal(size=(80, 1))
        profit = chance * np.exp(2 + 2.5 * place) * better
        nothing, marks = np.zeros_like(profit), np.ones((80, 1))
        terms = (fees, profit, profit, nothing, nothing, profit**2, marks)
        scores[rule.name] = contest.Scores(rule.name, rule.grid, *terms)
    return contest.Played("made", False, 0.0005, np.arange(80) * DAY, scores)


def changed(played, change, rules=contest.MINDFUL):
    """Change what each parameter of some rules costs and leaves on the second half."""
    half, scores = judging.parts(played)["second half"], dict(played.scores)
    for name in rules:
        fees, profit = scores[name].fees.copy(), scores[name].profit.copy()
        fees[half], profit[half] = change(fees[half]), change(profit[half])
        scores[name] = replace(scores[name], fees=fees, profit=profit, gap=profit)
    return replace(played, scores=scores)


def second(played):
    return [each for each in judging.verdicts(played, draws=40) if each.judged == "second half"]


@pytest.mark.parametrize("rules", [contest.MINDFUL, (TIME,), (EDGE,), (CENTRE,)])
def test_parameters_are_carried_over(rules):
    """Where each parameter does on the judged half what another one did, verdicts are others."""
    played = made()
    turned = changed(played, lambda values: np.roll(values, values.shape[1] // 3, axis=1), rules)
    hit = [
        (before, after)
        for before, after in zip(second(played), second(turned), strict=True)
        if {before.chosen.rule, before.against.rule} & set(rules)
    ]

    assert len(hit) >= 8
    for before, after in hit:
        assert (before.chosen, before.against) == (after.chosen, after.against)
        assert abs(np.log(after.variances / before.variances)) > 0.5
        assert abs(np.log(after.costs / before.costs)) > 0.5
        if rules == contest.MINDFUL:
            assert before.ratio != pytest.approx(after.ratio, rel=0.02, nan_ok=True)


def test_verdict():
    """What is chosen and told is what a loop over parameters finds."""
    played = made()
    chooses, judges = judging.parts(played).values()
    (told,) = (
        each
        for each in second(played)
        if (each.measure, each.at, each.against.rule) == ("gap", "4h", EDGE)
    )
    clock = played.scores[TIME]
    budget = clock.fees[chooses, np.argmin(np.abs(np.array(clock.grid) - 1 / 6))].mean()

    def least(rules):
        return min(
            (scores.gap[chooses, i].var(), name, i)
            for name, scores in played.scores.items()
            for i in range(len(scores.grid))
            if name in rules and scores.fees[chooses, i].mean() < budget + 1e-9
        )[1:]

    def on_judged(name, i):
        scores = played.scores[name]
        return scores.fees[judges, i].mean(), scores.gap[judges, i].var()

    (rule, place), (_, plain) = least(contest.MINDFUL), least((EDGE,))
    (cost, left), (paid, stayed) = on_judged(rule, place), on_judged(EDGE, plain)
    (near, near_left), (far, far_left) = (on_judged(EDGE, i) for i in (0, 15))
    straight = np.log(far_left / near_left) / np.log(far / near)  # one line, as it was made
    equal = near_left * (cost / near) ** straight

    assert WW == rule
    assert (rule, place, played.scores[rule].grid[place]) == (
        told.chosen.rule,
        told.chosen.place,
        told.chosen.parameter,
    )
    assert plain == told.against.place
    assert pytest.approx((budget, cost)) == (told.budget, told.cost)
    assert pytest.approx((cost / paid, left / stayed)) == (told.costs, told.variances)
    assert pytest.approx(left / equal) == told.ratio
    for value, (low, high) in (
        (told.costs, told.costs_bounds),
        (told.variances, told.variances_bounds),
        (told.ratio, told.bounds),
    ):
        assert low < value < high


def test_clock_is_within_its_own_cost():
    """Where more hedging leaves less, the fixed time chosen is the one whose cost it may have."""
    told = [each for each in judging.verdicts(made(), draws=4) if TIME == each.against.rule]

    assert 2 * 2 * len(judging.AT) == len(told)
    for each in told:
        assert contest.TIMES[each.at] == pytest.approx(each.against.parameter * DAY)


def test_no_advantage():
    """Where no rule is better than another at a cost, equal cost tells near 1 of all."""
    told = [each.ratio for each in second(made(lambda _: 1.0))]

    assert pytest.approx(1.0, abs=0.1) == np.median(told)


def test_too_dear():
    """A plain rule that is never within the cost is not told of, and shows as a dash."""
    played = made()
    dear = replace(played.scores[CENTRE], fees=played.scores[CENTRE].fees + 1e3)
    told = judging.verdicts(replace(played, scores={**played.scores, CENTRE: dear}), draws=4)
    rows = frontier_page.rows(told, "gap")
    column = frontier_page.JUDGED.index(CENTRE)

    assert CENTRE not in {each.against.rule for each in told}
    assert 3 * 8 == len(rows)
    assert all("-" == row[column].shown != row[column - 1].shown for row in rows)


def test_judged_half_has_no_say():
    """What a half chooses stays the same however bad it comes out on the other half."""
    played = made()
    half = judging.parts(played)["second half"]
    worse = {}
    for name, scores in played.scores.items():
        gap, fees = scores.gap.copy(), scores.fees.copy()
        gap[half] *= 10 if name == WW else 1
        fees[half] *= 3 if name == EDGE else 1
        worse[name] = replace(scores, gap=gap, fees=fees)
    other = replace(played, scores=worse)

    for before, after in zip(second(played), second(other), strict=True):
        assert (before.chosen, before.against) == (after.chosen, after.against)
        if (before.measure, before.chosen.rule) == ("gap", WW):
            assert pytest.approx(100 * before.variances) == after.variances
        if before.against.rule == EDGE:
            assert pytest.approx(before.costs / 3) == after.costs
    chose = {
        each.chosen.rule
        for each in judging.verdicts(other, draws=4)
        if (each.judged, each.measure) == ("first half", "gap")
    }
    assert WW not in chose
