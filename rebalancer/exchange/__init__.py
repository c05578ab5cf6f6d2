"""A model of an exchange: pure, deterministic, exact to the last unit. It is the oracle.

Paper trading fills its orders here, loopback servers speak for it, and
simulations judge the daemon by it. So it shares nothing with what it judges
but the record `rebalancer.core.instruments.Instrument` and the tree of errors:
its contract maths, its books of account and its rounding are its own.

One `Exchange` (exchange) is one venue with several accounts. Everything that
happens is told to it with a time, ns since 1970 UTC, that never runs back;
every such call answers with the `Record`s (records) that it caused, in order.
The same calls give the same records. A call that is told again at once does
nothing more, an order where client order ids are unique, a print or a payment
where it has a key.
It knows no latency, no chance and no connection: who needs them puts them in
front of it.

    exchange       the facade; with orders, terms and records all that callers need
    liquidation    who is short of margin is taken down: ladder, fund, what is owed
    forced         how a pool that is taken down trades, and at which price
    deleveraging   whose winning position is cut when nobody else can pay
    amending       an open order gets another quantity or price
    cash           deposits, withdrawals, transfers, interest, rebates
    scan           liquidation prices, found by trying one tick after another
    matching       the life of an order: takes, rests, ends
    admission      why an order is rejected
    affordability  whether an account can pay for one
    self_trade     an account does not trade with itself
    bands          how far from the mark an order may trade
    pools          what stands together for losses, and how it stands
    statements     what an account can read: position, equity; the proof that nothing is lost
    opening        what accounts begin with
    clearing       what a fill, a settlement and a delivery do to accounts
    requirements   what one position needs by itself
    funding        payments between longs and shorts, by stamp or continuous
    state          all that the venue knows
    grid           portfolio margin: the worst of many scenarios
    accounts       cash and holdings, and the house: counterparty of every fill
    fixing         the average index that an expiry settles on
    book           displayed depth, and the walk through it
    fees           what a fill and a delivery cost, by tier
    prices         prices as they are, or as they would be
    terms          what a venue demands: rules, margin schedules, liquidation
    orders         what an account asks for
    records        what the venue reports
    contracts      what a contract is worth
    black          the exchange's own option model
    exact          Decimal arithmetic that refuses to lose a digit

Each module imports only from those below it.

**Matching.** An order meets the book that is displayed when it arrives and eats
of it until the next book replaces it. Accounts trade with that book and not
with one another. What rests fills as a maker at its own price, when the
opposite side is quoted through that price, when a print goes through it, or
when prints at it have eaten the size that was displayed ahead. Where no prints
are told, an opposite quote at the price is the only sign there is, and fills.
A cancel ahead shortens no queue: nobody can see where in it that order stood,
and paper must be harder than live.

**Money.** Perpetuals and futures move only profit; options and spot pairs are
paid in full, a spot holding being a position in its pair. A margined position
keeps its *basis* instead of an entry price: USD paid if linear, coins (USD
divided by price) if inverse. The one division rounds to 1e-12 of the currency,
and what a reduction releases from a basis is what it books, so cash and bases
of all accounts, the insurance fund and the house always add up to what was
brought in.

**Margin.** An account with `AccountTerms` is asked whether it can pay: before an
order enters, before cash leaves, and whenever prices moved. Amounts of margin
are exact where schedules make them and rounded up where a model guesses them.
What is told at one time is judged together, before anything later happens.
"""
