"""Deribit on the loopback: JSON-RPC 2.0 over HTTP and websockets, spelt out by itself.

    protocol   the host: reads calls, finds who asks, wraps answers
    streams    what happens becomes messages of channels
    session    one websocket: key, channels, heartbeats
    channels   what a channel's name means
    public     what anybody may ask
    trading    orders in and out
    history    fills, ended orders, the transaction log
    wallet     positions, equity and margin
    shapes     orders, fills and positions as payloads
    market     instruments, tickers, books and trades as payloads
    desk       what all of them work with
    keys       who may do what
    budgets    how often
    greeks     of options, in Deribit's units
    jsonrpc    frames, envelopes, parameters
    errors     codes

Each module imports only from those below it.
"""
