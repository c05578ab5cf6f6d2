"""Simulation: loopback exchanges that speak the venues' own wire protocols, with faults.

A `Place` is one venue: the exchange model, its market, its accounts, its time;
its books are the truth. A host (`deribit`) speaks for it. The `Server` serves
hosts on 127.0.0.1, REST and websockets, the host being the first segment of
the path, and does what the fault `Script` says. Nothing here imports `wire`:
the protocol is spelt out anew, so that two readings of it meet.

    kills       a daemon in a process of its own, killed at the steps of its journal
    trials      a daemon with one fault at a time; menu: which there are
    nursery     where those that are killed are born
    victim      the process that is killed
    inquest     what it lost or doubled, by the venue's books and its journal's file
    toll        where it is killed, and what came of it
    dress       a book in live dress against a venue on this machine
    loopback    all of it put together: the one thing to construct
    played      the venues that can be played; what each must give is a `spoken.Played`
    deribit     Deribit's protocol
    binance     Binance's three
    server      the chassis: HTTP and websockets
    asking      one private request
    shut        what a venue does by itself: it takes no orders, or closes a book
    host        what a protocol must know and do
    line        one websocket, and what goes wrong on it
    faults      what goes wrong, where, when
    driver      a market that goes on by itself
    place       one venue
    statement   an account as its holder reads it
    tape        what the public sees
    accounts    what is shown of an account
    key         an API key
    timeline    what something was at any time
    shifted     a clock at another date, for a world that begins when it must

Each module imports only from those below it.

Use::

    clock = WallClock()
    key = Key("id", "secret", account="desk", uid=12345)
    setup = open_setup("deribit", instruments, [OpeningAccount("desk", {"BTC": Decimal(10)})])
    loopback = Loopback(setup, [key], clock)
    async with loopback:                          # or await loopback.start(port), .stop()
        loopback.place.tell(step)                 # a market by hand ...
        loopback.run(world, period=SECOND)        # ... or one that goes on by itself
        loopback.address                          # http://127.0.0.1:PORT
        loopback.script.add(Plan(Kind.DROP_AFTER, "private/buy"))
        loopback.place.balances("desk")           # the oracle; positions, fills, orders, exchange

`seeded_loopback(settings, instruments, keys, clock, seed)` does the same for a
configuration and the seeded world of it; its account is `deribit`.
"""
