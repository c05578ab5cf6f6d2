"""Ways to protect one coin for a month, worked out again by quadrature with 30 digits.

One BTC at 100,000, 30 days, a real vol of 60 %, no drift; funding of 10 % a year where a
perpetual has any, 5 bp each way. Each row shows whole USD. Here the same numbers come from
integrals over the normal density by mpmath, options from the integral of what they pay.
"""

import mpmath as mp
import pytest

from rebalancer.research import sizing
from rebalancer.research.outcomes import normal
from rebalancer.research.sizing import Costs, Hedge, Holding, Smile

HOLDING = Holding("BTC", 1.0, 100_000.0, 30.0)
TAIL = mp.mpf("0.05")
ROWS = [  # name, short, funding, put and its vol, call, then mean, SD, VaR95, CVaR95
    ("none", 0, 0, None, None, 0, 17329, 25750, 30763),
    ("perpetual that is paid", 1, 0.1, None, None, 722, 0, -722, -722),
    ("perpetual that pays", 1, -0.1, None, None, -922, 0, 922, 922),
    ("half a perpetual", 0.5, 0, None, None, -50, 8665, 12925, 15431),
    ("put", 0, 0, (0.9, 0.6), None, 0, 14182, 12692, 12692),
    ("dear put", 0, 0, (0.9, 0.7), None, -920, 14182, 13612, 13612),
    ("put at the money", 0, 0, (1.0, 0.6), None, 0, 11123, 6854, 6854),
    ("collar", 0, 0, (0.9, 0.6), 1.12, 0, 8990, 9910, 9910),
]
NAMES = [row[0] for row in ROWS]


def measured(short, funding, put, call):
    """Return mean, SD, VaR95 and CVaR95 of the project."""
    options = []
    if put is not None:
        options.append((1.0, sizing.priced(HOLDING, [put[0]], -1, Smile(put[1]))[0]))
    if call is not None:
        options.append((-1.0, sizing.priced(HOLDING, [call], +1, Smile(put[1]))[0]))
    hedge, prices = Hedge("x", -float(short), tuple(options)), normal(100_000.0, 30 / 365, 0.6)
    found = sizing.size(HOLDING, hedge, Costs(funding), prices).outcome
    return found.mean, found.sd, found.var, found.cvar


def worked(short, funding, put, call):
    """Return the same by quadrature; every one of these books gains as the price rises."""
    with mp.workdps(30):
        spot, years, vol = mp.mpf(100_000), mp.mpf(30) / 365, mp.mpf("0.6")
        kinks = [k for k in (put and put[0], call) if k]

        def price(z, at):
            return spot * mp.exp(at * mp.sqrt(years) * z - at**2 * years / 2)

        def mean(pays, at, cuts=()):
            places = [
                (mp.log(mp.mpf(repr(k))) + at**2 * years / 2) / (at * mp.sqrt(years)) for k in cuts
            ]
            return mp.quad(lambda z: pays(price(z, at)) * mp.npdf(z), [-12, *places, 12])

        def payout(end):
            held = mp.mpf(0)
            if put is not None:
                held += max(mp.mpf(repr(put[0])) * spot - end, 0)
            if call is not None:
                held -= max(end - mp.mpf(repr(call)) * spot, 0)
            return held

        premium = mp.mpf(0)
        if kinks:
            premium = mean(payout, mp.mpf(repr(put[1])), kinks)
        carry = short * spot * (mp.mpf(repr(funding)) * years - 2 * mp.mpf("0.0005"))

        def profit(end):
            return (1 - mp.mpf(repr(short))) * (end - spot) + carry + payout(end) - premium

        average = mean(profit, vol, kinks)
        variance = mean(lambda end: (profit(end) - average) ** 2, vol, kinks)
        edge = mp.sqrt(2) * mp.erfinv(2 * TAIL - 1)
        floor = [
            (mp.log(mp.mpf(repr(k))) + vol**2 * years / 2) / (vol * mp.sqrt(years)) for k in kinks
        ]
        cuts = [-12, *(z for z in floor if z < edge), edge]
        tail = mp.quad(lambda z: profit(price(z, vol)) * mp.npdf(z), cuts) / TAIL
        return average, mp.sqrt(variance), -profit(price(edge, vol)), -tail


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_worked(row):
    """Each number is the one that quadrature gives, and the whole USD that is told."""
    _, *asked, mean, sd, var, cvar = row

    found, again = measured(*asked), worked(*asked)

    assert [float(each) for each in again] == pytest.approx(list(found), abs=1e-6)
    assert [mean, sd, var, cvar] == pytest.approx(list(found), abs=0.5)
