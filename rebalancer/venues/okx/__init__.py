"""OKX v5: spot, swaps, futures and options."""
