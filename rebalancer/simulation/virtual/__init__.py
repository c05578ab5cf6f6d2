"""Virtual runs: the real daemon in virtual time, between exchanges and wires on which all fails.

    campaign   many seeds, on all cores or a cluster, kept in a file
    shrink     from a failing seed to the least that fails, told in words
    run        one seed: a phase with faults, one without, what was seen
    accidents  what can go wrong in each second
    world      places, wires, a machine, and the process that hedges on it
    person     an operator who speaks, and mends what stands still
    process    one start of the daemon: everything real but its ports
    caretaker  how much room the disk has
    hands      people who trade on the account too
    venue      the end of a wire that one process holds
    wire       the way of an account to its exchange, and what goes wrong there
    lists      what a venue answers when it is asked
    faults     what goes wrong now, and how the market's words come
    own_clock  the clock of a process on a machine whose own may be wrong
    places     the exchanges, and the market that they see
    truth      what the exchanges' books say is held, and what moves it
    bounds     what may be held by own orders
    oracle     what must hold, by the exchanges' books and the wire
    hearing    what was booked, and what of it the process knows
    traced     one order, as the wire and the exchange saw it
    conduct    what must hold of one order as it leaves
    silence    whether a person hears in time of what is not hedged
    words      what a process heard of the market
    journal    a disk that keeps what was flushed, and may fail
    market     the price, and what is told of it
    weather    which faults exist in a run, and how often they strike
    goals      what must happen sometimes, or the rest proves nothing
    book       what is held, and how it is hedged
    dice       draws that follow from seed and name

Each imports only from those below it.
"""
