"""The daemon around the core: one loop, one writer, nothing sent before it is on disk.

    feed → inbox → engine (step → journal, flushed) → dispatch → venue
                     ↑                                            │
                     └──────────── outcomes as events ────────────┘

`clock`, `tasks`, `randomness` and `schedule` are the ports' real and market
versions, and the only modules that may touch ambient time, chance and tasks.
`status` answers what an operator asks, and `unbegun` does while venues are waited for;
`daemon` starts and stops it all in order; `lifesign` is what a watchdog may believe,
`braking` heeds who stops a book from outside, and `panic` withdraws its orders from a
process of its own. Venues, journals, alerts and logs are handed in; nothing here knows
ccxt.
"""
