"""What a book shows to people: its log, its alerts, its control socket and its live view.

`events` is the closed list of log event names: what each means and what its
operator does. `log` writes them, for people through `console` or as JSON
lines, and lets `redaction` see each line last. `alerts` passes alerts on
without flooding. `control` answers the command line over a unix socket and
`terminal` draws the live view; `notify` tells the service manager. All of it reads the book through
`ports.StatusSource` only; `ports`, `core` and `errors` lie below.
"""
