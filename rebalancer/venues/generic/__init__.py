"""Generic: any other venue's stream through ccxt.pro.

stream       one ccxt object after the other, heard at its handlers
life         of one object; it ends when anything of it falls
tap          where its messages are taken, before ccxt coalesces them
words        what they say, in our words
"""
