"""What the venues say on the wire, translated: payload bytes → typed message → core event.

Pure, and shared by live feeds and recordings, so that both read a message the
same way. One module or package a protocol (`binance`, `deribit`) tells
*decoded*, *unknown* and *refused* messages apart and never raises; `books` and
`deribit.books` keep an order book from decoded messages. Only `core` and msgspec lie below.
"""
