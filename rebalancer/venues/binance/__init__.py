"""Binance: spot, USD-M and COIN-M futures: three accounts of one family.

    build      all of it put together
    identity   whether it is the account that the settings mean
    account    one door to orders, holdings and bookings: orders, futures, spot, history
    beside     what streams need and only REST tells
    stream     a market's socket; channels, requests, told
    user       an account's socket
    calls      pages of trades and of income; rows, booked
    family     where each of the three is asked; profile, codes

Each module imports only from those below it.
"""
