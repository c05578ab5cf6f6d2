"""Bybit on the loopback: v5 over HTTP and websockets, spelt out by itself.

    protocol   the host: reads calls, finds who asks, wraps answers
    streams    what happens becomes messages of topics
    session    one websocket: category or account, topics
    public     what anybody may ask
    trading    orders in and out
    history    orders, executions, the transaction log, deliveries
    wallet     positions, balances, the account and its key
    market     instruments, tickers and books as payloads
    shapes     orders, executions and positions as payloads
    desk       what all of them work with
    keys       who may do what
    envelope   requests, answers, parameters
    errors     codes

Each module imports only from those below it.
"""
