"""Bybit's v5 frames: `frames` decodes them; `market` and `account` are their bodies.

`books` keeps an order book, `tickers` a ticker from snapshots and changes;
`values` are what names and numbers mean.
"""
