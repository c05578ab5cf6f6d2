"""The verdict: what a reader is told to look into before he believes the rest."""

import pytest

from rebalancer.research import measures, verdict


def doubts(earned, apart=0.0):
    """Return the doubts of a replay that earned so much, its sources 7 USD."""
    attribution = {"delta": 10.0, "fees": -3.0}
    told = {
        **measures.told(([], [], [], []), [], {**attribution, "residual": 0.0}),
        "earned": earned,
        "unattributed": measures.unattributed(earned, attribution),
        "accounting_residual": apart,
        "by_day": [],
    }
    return [each for each in verdict.account(told) if "trust" in each]


@pytest.mark.parametrize(
    ("earned", "said"),
    [(7.0, []), (7.009, []), (6.991, []), (7.011, ["0.01"]), (-12.5, ["−19.50"])],
)
def test_sources_that_are_not_the_whole(earned, said):
    """Sources that leave more than a cent untold are not to be trusted, and a reader hears it."""
    found = doubts(earned)

    assert len(said) == len(found)
    assert all(amount in each for amount, each in zip(said, found, strict=True))


def test_nothing_attributed():
    """Where nothing was told apart, nothing is left over."""
    assert {"usd": 0.0, "alert": False} == measures.unattributed(5.0, {})
    assert {"usd": 0.0, "alert": False} == measures.unattributed(None, {})


def test_books_apart():
    """Two sets of books that differ are told beside it."""
    (told,) = doubts(7.0, apart=0.02)

    assert "Two sets of books" in told
