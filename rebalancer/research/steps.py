"""The rows of a replay: enough for anybody to work equity out again, without this program.

    ts,underlying,net_delta,lower,upper,instrument,quantity,price,fee,funding,equity,unhedged_equity,reason

`reason` says what a row is. Every row is about one instrument but `sample`.

| reason | instrument | quantity | price | fee, funding |
|---|---|---|---|---|
| open | held at the start | contracts; a cash balance | entry; 1 for cash | |
| open_hedge | the same, role hedge: no part of the unhedged book | contracts | entry | |
| fill | traded, or forced | contracts, + buys | of the fill | fee in settle currency |
| funding | perpetual | | | received, settle currency |
| delivered | ended contract | | settlement price, USD | fee in settle currency |
| cash | VENUE:CURRENCY that moved without a trade | + received | | |
| mark | held | | USD per coin; an option's is coin mark x forward | |
| index | the coin's name | | USD per coin | |
| sample | | | | |

A `sample` row closes the marks before it: `equity` and `unhedged_equity`, USD,
are worth at those prices; net delta and band stand as they were last decided.
The unhedged book has what was held at the start, no cash, what its options
paid, and its share of all funding: what it held of a position ÷ the position.
"""

import csv
from collections.abc import Mapping
from typing import TextIO

COLUMNS = (
    "ts",
    "underlying",
    "net_delta",
    "lower",
    "upper",
    "instrument",
    "quantity",
    "price",
    "fee",
    "funding",
    "equity",
    "unhedged_equity",
    "reason",
)


class Steps:
    """Writes rows of the columns above; whatever a row does not name stays empty.

    Args:
        file: Text file, opened with newline="".
    """

    def __init__(self, file: TextIO) -> None:
        self._rows = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        self._rows.writeheader()

    def write(self, ts: int, reason: str, facts: Mapping[str, object]) -> None:
        """Write one row.

        Args:
            ts: ns since 1970 UTC.
            reason: What the row is, from the table above.
            facts: Column → value; floats are written so that they read back the same.
        """
        told = {name: repr(v) if isinstance(v, float) else v for name, v in facts.items()}
        self._rows.writerow({"ts": ts, "reason": reason, **told})
