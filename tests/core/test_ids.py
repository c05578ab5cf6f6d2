"""Client order ids: fixed width, readable on sight, safe against slips of the pen."""

import pytest

from rebalancer.core import ids
from rebalancer.core.ids import ClientOrderId

EDGES = [
    ClientOrderId(0, 0, 0),
    ClientOrderId(1, 2, 18_211),
    ClientOrderId(36**2 - 1, 36**4 - 1, 36**7 - 1),
]


@pytest.mark.parametrize("parts", EDGES)
def test_there_and_back(parts):
    """An id is 17 lower-case letters and digits that give its parts back."""
    text = ids.encode(parts)

    assert 17 == len(text)
    assert text.startswith("rb")
    assert text == text.lower()
    assert text.isalnum()
    assert parts == ids.decode(text)


@pytest.mark.parametrize(
    "parts",
    [
        ClientOrderId(36**2, 0, 0),
        ClientOrderId(0, 36**4, 0),
        ClientOrderId(0, 0, 36**7),
        ClientOrderId(-1, 0, 0),
        ClientOrderId(0, 0, -1),
    ],
)
def test_does_not_fit(parts):
    """A part that does not fit its field is refused and never cut."""
    with pytest.raises(ValueError, match="must fit"):
        ids.encode(parts)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rb",
        "x" * 17,
        "rb0100020000e1v7",  # short
        "rb0100020000e1v7vv",  # long
        "xb0100020000e1v7v",
        "rb0100020000e1v7w",  # wrong check
        "RB0100020000E1V7V",
        "rb01000200-0e1v7v",
        "web_1234567890123",
    ],
)
def test_foreign(text):
    """What is not ours can be told on sight."""
    assert ids.decode(text) is None


@pytest.mark.parametrize("parts", EDGES[1:])
def test_slips(parts):
    """One wrong digit, or two swapped ones, never make another id of ours."""
    text = ids.encode(parts)
    for place in range(2, 17):
        for digit in ids.DIGITS:
            wrong = text[:place] + digit + text[place + 1 :]
            assert (wrong == text) == (ids.decode(wrong) is not None)
        for other in range(2, place):
            if text[place] != text[other] and place < 15:
                swapped = list(text)
                swapped[place], swapped[other] = swapped[other], swapped[place]
                assert ids.decode("".join(swapped)) is None


def test_order():
    """Ids of one account sort as their sequences do."""
    told = [ids.encode(ClientOrderId(1, 2, sequence))[:15] for sequence in (1, 35, 36, 1295, 46656)]

    assert sorted(told) == told


@pytest.mark.parametrize(
    ("ts", "epoch"),
    [
        (0, 1),
        (1_735_689_600_000_000_000, 1),
        (1_735_689_600_000_000_000 + 1_200_000_000_000, 2),
        (1_795_651_200_000_000_000, 99_936),  # 2026-11-26
    ],
)
def test_least_epoch(ts, epoch):
    """A journal that was lost begins above the starts of the one before, which time has passed."""
    assert epoch == ids.least_epoch(ts)
    ids.encode(ids.ClientOrderId(0, ids.least_epoch(2_500_000_000_000_000_000), 0))  # 2049
