"""OKX's frames: `frames` decodes them; `market` and `account` are their bodies.

`books` keeps an order book from decoded messages, `values` are what fields mean.
"""
