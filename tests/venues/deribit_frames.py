"""Frames in Deribit's shapes (payloads_deribit, deribit_options_2021-07-22), values of our own."""

import msgspec

T = 1_700_000_000_000  # ms


def frame(channel, data):
    """Return a notification of a channel."""
    params = {"channel": channel, "data": data}
    return msgspec.json.encode({"jsonrpc": "2.0", "method": "subscription", "params": params})


def answer(number, result):
    """Return the answer to a request."""
    return msgspec.json.encode({"jsonrpc": "2.0", "id": number, "result": result, "testnet": True})


def failure(number, code, message):
    """Return the refusal of a request."""
    error = {"code": code, "message": message}
    return msgspec.json.encode({"jsonrpc": "2.0", "id": number, "error": error})


TEST_REQUEST = b'{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}'


def ticker_data(name="BTC-PERPETUAL", ts=T, bid=50000.0, index=50010.0, **more):
    """Return the state of an instrument."""
    told = {
        "timestamp": ts,
        "instrument_name": name,
        "index_price": index,
        "mark_price": 0.05 if name[-2:] in ("-C", "-P") else index + 1,
        "best_bid_price": bid,
        "best_bid_amount": 100.0,
        "best_ask_price": bid + 0.5,
        "best_ask_amount": 50.0,
    }
    if name.endswith("-PERPETUAL"):
        told |= {"current_funding": 0.0001, "funding_8h": 0.0001}
    if name[-2:] in ("-C", "-P"):
        told |= {"mark_iv": 60.0, "underlying_price": index + 20}
        told |= {"best_bid_price": 0.049, "best_ask_price": 0.051}
    return told | more


def ticker(name="BTC-PERPETUAL", ts=T, **more):
    return frame(f"ticker.{name}.100ms", ticker_data(name, ts, **more))


def quote(name="BTC-PERPETUAL", ts=T, bid=50000.0):
    told = {
        "timestamp": ts,
        "instrument_name": name,
        "best_bid_price": bid,
        "best_bid_amount": 100.0,
        "best_ask_price": bid + 0.5,
        "best_ask_amount": 50.0,
    }
    return frame(f"quote.{name}", told)


def index(ts=T, price=50010.0, name="btc_usd"):
    told = {"timestamp": ts, "price": price, "index_name": name}
    return frame(f"deribit_price_index.{name}", told)


def levels(name="BTC-PERPETUAL", ts=T, number=7, bid=50000.0):
    told = {
        "timestamp": ts,
        "instrument_name": name,
        "change_id": number,
        "bids": [[bid, 100.0], [bid - 0.5, 10.0]],
        "asks": [[bid + 0.5, 50.0]],
    }
    return frame(f"book.{name}.none.20.100ms", told)


def book(number, previous=None, name="BTC-PERPETUAL", ts=T):
    told = {
        "type": "snapshot" if previous is None else "change",
        "timestamp": ts,
        "instrument_name": name,
        "change_id": number,
        "bids": [["new", 50000.0, 100.0]],
        "asks": [["new", 50000.5, 50.0]],
    }
    if previous is not None:
        told["prev_change_id"] = previous
    return frame(f"book.{name}.100ms", told)


def prints(name="BTC-PERPETUAL", ts=T):
    told = {
        "timestamp": ts,
        "price": 50000.5,
        "amount": 30.0,
        "direction": "sell",
        "instrument_name": name,
        "trade_seq": 1,
        "trade_id": "400",
    }
    return frame(f"trades.{name}.100ms", [told])


def user_trade(number, ts=T):
    return {
        "timestamp": ts,
        "trade_id": str(number),
        "price": 50000.5,
        "order_id": "9001",
        "liquidity": "T",
        "label": "rb0100020000e1v7v",
        "instrument_name": "BTC-PERPETUAL",
        "fee_currency": "BTC",
        "fee": 3.5e-7,
        "direction": "buy",
        "amount": 10.0,
        "trade_seq": number,
        "state": "open",
        "order_type": "limit",
        "index_price": 50010.0,
        "mark_price": 50011.0,
        "tick_direction": 0,
        "matching_id": None,
        "self_trade": False,
    }


def fills(*numbers, ts=T):
    return frame("user.trades.any.any.raw", [user_trade(number, ts) for number in numbers])


def order(state="open", filled=0.0, ts=T):
    told = {
        "label": "rb0100020000e1v7v",
        "price": 50000.5,
        "amount": 50.0,
        "direction": "buy",
        "time_in_force": "immediate_or_cancel",
        "instrument_name": "BTC-PERPETUAL",
        "order_id": "9001",
        "filled_amount": filled,
        "creation_timestamp": ts,
        "last_update_timestamp": ts,
        "order_state": state,
        "order_type": "limit",
    }
    return frame("user.orders.any.any.raw", told)


def portfolio():
    names = ("balance", "equity", "margin_balance", "initial_margin", "maintenance_margin")
    told = {"currency": "BTC", "futures_session_rpl": 0.0} | dict.fromkeys(names, 1.5)
    return frame("user.portfolio.any", told)


class Lines:
    """A log that remembers."""

    def __init__(self):
        self.lines = []

    def __getattr__(self, level):
        return lambda event, **facts: self.lines.append((event, facts))


def kinds(events):
    return [type(each) for each in events]
