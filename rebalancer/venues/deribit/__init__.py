"""Deribit: its account by REST, its stream and its trading socket.

account      its private calls as our records; calls, rows, history, deliveries
identity     whether it is the account that the settings mean
stream       what to ask for and what each frame means; channels, requests, told
socket       JSON-RPC on one websocket, where the dead-man switch holds
build        all of it put together
"""
