"""OKX v5 on the loopback: REST and websockets, spelt out by itself.

    build      what it is made of
    protocol   the host: reads calls, finds who asks, wraps answers
    streams    what happens becomes pushes of channels
    session    one websocket: key, channels, ping and pong
    channels   what a subscription means
    public     what anybody may ask
    trading    orders in and out
    history    fills and bills, page by page
    wallet     positions, balances and margin
    shapes     orders, fills, bills and positions as payloads
    market     instruments, prices and books as payloads
    desk       what all of them work with
    keys       who may do what
    rest       requests, envelopes, parameters
    codes      error codes

Each module imports only from those below it. A pair of coins is held as a
position by the exchange model; here it is a balance of its coin.
"""
