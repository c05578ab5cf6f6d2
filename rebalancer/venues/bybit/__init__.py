"""Bybit's unified account (v5): spot, linear, inverse and options in one pool.

account      its private calls as our records; calls, rows, history
identity     whether it is the account that the settings mean
stream       what to ask for and what each frame means; topics, told, private
build        all of it put together
"""
