"""Keep a crypto portfolio's net delta inside a tolerance band, unattended.

Floors, each importing only what lies below it:

    cli → simulation | research → wiring → runtime
        → venues | storage | recordings | ops → exchange | market | wire
        → ports | settings → core → errors

`core` holds the decision: `hedger.step(state, event, params)` is the whole
story on one screen. `exchange` is an independent model of a venue, and
`market` a seeded world; both are pure. `runtime` is the daemon around them,
`wiring` the one place that knows what is real.
"""

__version__ = "0.1.0"
