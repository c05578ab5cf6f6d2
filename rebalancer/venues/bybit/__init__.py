"""Bybit v5: spot, linear, inverse and options."""
