"""Venues: where orders go and markets come from; the only importers of ccxt.

`paper` fills orders in the exchange model at send + latency and reports them
late, as a venue does. `feeds` moves a market's items through that model and on
to the daemon, from the seeded world or from recordings, each at its own time.

What a real venue does to those who trust it stands between the two: `mischance`
says when a fault strikes, `unreliable` rejects, loses and delays what is said of
orders and positions (`past` knows what an old snapshot would show), `streams`
freezes market data. The exchange model knows of none of it.
"""
