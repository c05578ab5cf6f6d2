"""Generic: any venue without a package of its own, by ccxt and a profile that is data.

    making       a profile, of the table in the configuration or the one that is shipped
    paths        where in an answer something stands
    calls        one question, filled in and asked, page after page
    names        whatever a row calls an instrument, and our id of it
    rows         what a venue tells, as our records
    history      what an account was booked, list by list
    account      all of it as an `accounts.Account`
    identity     whether it is the account that the settings mean
    build        the parts, and a feed that follows what a book holds

Its stream through ccxt.pro:

    stream       one ccxt object after the other, heard at its handlers
    life         of one object; it ends when anything of it falls
    tap          where its messages are taken, before ccxt coalesces them
    words        what they say, in our words
    options      what they do not say: how options are marked

What happens at the account is a hint there and no more: ccxt's private records
lack fees, labels or ids here and there, so that the account is read instead.
"""
