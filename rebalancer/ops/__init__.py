"""Operations: what the daemon shows and tells, and what it may be told.

`vocabulary` is the closed list of log events: what each means and what its
operator does. `log` writes them, for people through `console` or as JSON
lines, and lets `redaction` see each line last. `alerts` passes alerts on
without flooding, `messenger` brings them to people by a process of its own.
`control` answers the command line over a unix socket, `rights` says whom;
`terminal` draws the live view, `web` the status page, `metrics` and `health`
answer monitors, `notify` the service manager. All of it reads the book through
`ports.StatusSource` only; `ports`, `core` and `errors` lie below.
"""
