"""Venues: where orders go and markets come from; the only importers of ccxt.

`paper` fills orders in the exchange model at send + latency and reports them
late, as a venue does. `feeds` moves a market's items through that model and on
to the daemon, from the seeded world or from recordings, each at its own time.
"""
