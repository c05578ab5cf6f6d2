"""Binance on the loopback: REST and websockets of spot, USD-M and COIN-M, spelt out by itself.

    build      the three of them
    protocol   the host: reads requests, finds who asks, does it
    streams    what happens becomes messages of sockets
    session    one websocket: a market's, an account's, or the websocket API
    routes     which path is which question
    public     what anybody may ask
    trading    orders in and out
    history    trades and income; what came into spot and went out
    wallet     positions, balances and margin
    told       events of an account's stream
    shapes     orders, trades and contracts as payloads
    desk       what all of them work with
    keys       who may ask, and when
    errors     codes
    text       numbers, parameters, JSON

Each module imports only from those below it.
"""
