"""Research: recorded markets replayed through the daemon, and what came of it measured.

    markets        settings and files → one stream of market items, proxies named
    calendar       what a venue does by the clock, between the items of a recording
    worth          what the book is worth, hedged and not, from what was booked
    recorder       hears markets, records and decisions; takes the samples
    trail          profit of the options by source, look by look
    legs           profit of what is no option: the coin's move, basis, slippage
    days           what was earned day by day, by source
    hedges         each hedge: why, at what cost, and what came of it
    stays          how long net delta stayed how far from its aim
    steps          the rows of a replay that let anybody work it out again
    rows           writes them
    effectiveness  variance removed
    measures       tails, costs, theory: what hedging was worth
    drawing        curves for a report, gathered on the way; curves: one of them
    verdict        what came of it, in words
    report         the page of a replay; charts: what is drawn on it
    page           the frame of any page: tiles, tables, charts
    replay         all of it together: one run, one summary
    comparison     a journal that holds each entry against the stored one
    differing      what is said of the first entry that is another
    verification   a recorded flight stepped again, start by start
    policies       when a study hedges and where that ends, for many moments at once
    anchor         rules over paths of one straddle, beside figures found elsewhere
    frontier       rules over recorded markets: chosen on one half, judged on the other
    sizing         a perpetual, puts and collars for one holding: cost and risk of each
    overlays       listed options that bring gamma and vega inside limits, and if that pays
    sweep          one recording under many settings; the frontier of cost and risk
    asking         what the command line of any study takes

A replay takes nothing for granted that the daemon did: what it measures comes
from the exchange model's books, and its summary is checked against a sum of
its own. It sits above `wiring` and is run by the command line.
"""
