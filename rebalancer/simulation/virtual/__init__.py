"""Virtual runs: the real daemon in virtual time, between exchanges and wires on which all fails.

    run       one seed: a phase with faults, one without, what was seen
    campaign  many of them, on all cores or a cluster, kept in a file
    shrink    from a failing seed to the least that fails, told in words
    goals     what must happen sometimes, or the rest proves nothing
    world     exchanges, market, wires, and the process that hedges in them
    hands     people who trade on the account too
    process   one start of the daemon: everything real but its ports
    venue     the wire between it and an exchange, and what goes wrong there
    journal   a disk that keeps what was flushed, and may fail
    truth     what the exchanges' books say is held, and what moves it
    oracle    what must hold, by the exchanges' books and the wire
    words     what a process heard of the market
    market    the price, and what is told of it
    weather   which faults exist in a run, and how often they strike
    book      what is held, and how it is hedged
    dice      draws that follow from seed and name

Each imports only from those below it.
"""
