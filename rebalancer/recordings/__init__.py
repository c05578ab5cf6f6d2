"""Recorded markets, read back as events in the order in which they became known.

A `Table` is the columns of one file that a reader asked for (`table`: Parquet
or CSV, one series picked with `file?symbol=…`). On it stand `bars`, `funding`
and `chains`; `streams` reads raw captures through `wire`; `listed_quotes` is
one snapshot for a person who looks at it. Each gives iterators
of (ns when it was known, event), and `merge` turns many of them into one. What
cannot be trusted raises `DataError` with the file, the row, what must hold and
what was found; what is merely odd (holes, frozen feeds, false prints) is told
beside the data and never dropped. Only `wire`, `core` and `errors` lie below.
"""
