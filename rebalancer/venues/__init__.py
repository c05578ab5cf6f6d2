"""Venues: where orders go and markets come from; the only importers of ccxt.

`paper` fills orders in the exchange model at send + latency and reports them
late, as a venue does. `feeds` moves a market's items through that model and on
to the daemon, from the seeded world or from recordings, each at its own time.

What a real venue does to those who trust it stands between the two: `mischance`
says when a fault strikes, `unreliable` rejects, loses and delays what is said of
orders and positions (`past` knows what an old snapshot would show), `streams`
freezes market data. The exchange model knows of none of it. `modelled` says what
model a venue of the settings has, `bookings` what the daemon learns of its
records, `seeded` plays the seeded world; `observed` follows a live market.

**Live**, put together by `live`:

    connection      an unmodified ccxt exchange that goes where it is told, and sends once
    answers         what it says to one request, as far as one may go on listening
    credentials     keys that no text shows
    profiles        what differs between venues, as data
    requests        one of our orders as ccxt is asked for it
    wording         what must stand in its request before it may leave
    orders_ccxt     the `Venue`: submit once, prove what became of it
    outcomes        what an answer, or none, proves of an order
    budget          how fast a venue may be asked, and who comes first
    accounts        what is asked of an account, whatever its protocol; payloads
    labels          our order ids as a venue takes them
    seats, parts    what a venue's own package builds, and which packages there are:
                    deribit, binance, bybit, okx; generic for any other venue, by a profile
                    that is data
    polling         an account read again and again: streams are hints
    dead_man        what takes resting orders away when we fall silent, and its keeper
    examination     is this account fit to be traded; findings
    skew            how far our clock is from the venue's, for as long as a book runs
    resting         what earlier starts and others left in the books of the venue
    withdrawing     an account opened to see what rests there and to take ours away
    following       what is held and no setting names is described, and followed
    hold            whether the venue takes orders at all just now
    listings        whether what is hedged with and held is still traded as it was
    wanted          what a book follows there
    native          a websocket kept open, with freezing, backoff; chorus hears several as one
    outside         holdings that no venue sees, told by files
"""
