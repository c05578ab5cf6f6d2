"""A seeded world: what a crypto market looks like to a hedger, without a market. Pure.

One `World` (world) is a handful of coins, the venues that list them, and a
stream of chance. It is told the time and answers with a `WorldStep` (records):
everything that is true then. It has no clock and no randomness of its own:
generators are given to it by name, one a walk, so that the same seed gives the
same events and a further instrument leaves the others' paths as they are.

    world        the facade: `World.step(ts)`
    place        one coin on one venue: index, stamps, settlements, deliveries
    options      marks and books of its options
    linear       marks, books and prints of its spot pairs, perpetuals and futures
    faults       false prints and frozen feeds
    depth        books around a price
    premium      how far a quoted price strays from the index
    funding      rates, by the venues' formulas
    fixing       the delivery price, a mean over half an hour
    surface      implied vols of every strike and expiry
    spot         the price of a coin: stochastic volatility, jumps, a market factor
    diffusion    the mean-reverting walk that most of it is made of
    records      what a step tells
    params       what a world is told before it begins

Each module imports only from those below it, and from outside the package only
`rebalancer.core.instruments`, `core.events` and `core.pricing`.

**Chance and stress.** Volatility clusters over minutes and days, jumps excite
it, and its present height over its normal one is the *stress* of a coin: with
it spreads widen, depth thins, levels drift apart, prints come faster and the
basis wanders farther. At the money, implied vol is what that volatility is
expected to be until expiry, so the front end jumps and the far end hardly
moves; the smile leans the way that price and vol correlate, which changes sign.

**Two readers.** An exchange model takes the fields of a step: they are true,
and each book replaces the last. After the step's marks and indexes it carries
out `funding_due`, before `funding_rates`, which speak of the next interval
already; then `deliveries` and `settlements`. A feed takes `market_events(step)`:
the same without instruments whose stream is frozen. False prints are among
`trades`, and nothing marks them: who believes a last price is to find out.

**Numbers.** Floats inside, `Decimal` in what is told: prices on tick, sizes in
whole lots, marks on tick, indexes and delivery prices in cents.

**Left out.** A stable currency that loses its peg, interest, trades in
options, listings that come after the start, and any answer of the market to
orders: impact is the exchange model's, which walks the book.
"""
