"""OKX v5: its account by REST and its two streams.

account      its private calls as our records; calls, rows, history, deliveries
identity     whether it is the account that the settings mean
stream       what to ask for and what each frame means; channels, requests, told
build        all of it put together
"""
