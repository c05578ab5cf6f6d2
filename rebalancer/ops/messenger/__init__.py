"""The messenger: a process of its own that brings alerts to people.

    python -m rebalancer.ops.messenger        everything else comes on its standard input

Whoever sends must wait for strangers; an engine must not. And an engine that
hangs, or is dead, tells nobody: what stands beside it does. The daemon writes a
line for each alert and about once a second a *beat*, which says how the book
stands. Its first line says where alerts go, with what is secret about it, so
that neither the command line nor the environment of any process does. The
messenger ends with its daemon.

In the daemon:

    orders     settings and credentials → what the messenger is told first
    outbox     takes alerts and beats, and never waits
    beats      how the book stands, once a second, driven by the steps of the engine
    child      starts the process, starts it again, and logs what it answers
    errors     lets what the log calls an error leave too
    asking     one message through every channel: `alert test`, `doctor`

In the process:

    desk       takes what the daemon says and deals it out
    vigil      silence, a gap that nobody told of, what is still wrong; pure
    day        what goes into the digest; pure
    mailbox    what one channel is told, and when: once, bundled, limited; pure
    courier    the way of one channel: its queue, its attempts
    posting    HTTP to the outside, or to this machine where the settings say so
    addresses  which addresses are outside
    channels   telegram, webhook, and what apprise speaks
    wording    alerts in words

`lines` is what the two say to one another.
"""
