"""Deribit's side of a feed, without a socket: requests, routing, drops, gaps, standstills."""

import msgspec
import pytest

from rebalancer.core.events import (
    Fill,
    FundingRate,
    Index,
    Mark,
    OptionMark,
    OrderAccepted,
    OrderEnded,
    Quote,
    Trade,
)
from rebalancer.venues.deribit import channels as deribit_channels
from rebalancer.venues.deribit.channels import Wanted
from rebalancer.venues.deribit.stream import Access, DeribitStream, Patience
from rebalancer.venues.deribit.told import Taps
from tests.venues import deribit_frames as frames
from tests.venues.deribit_frames import Lines, T, answer, failure, kinds

S = 1_000_000_000
NOW = T * 1_000_000
CALL = "BTC-27FEB26-52000-C"
BOOK = Wanted(("BTC-PERPETUAL",), (CALL,))


class Talk:
    """A stream and what it said to both sides."""

    def __init__(self, wanted=BOOK, access=None, **taps):
        self.log, self.events, self.depths, self.margins = Lines(), [], [], []
        self.now = NOW
        told = Taps(
            lambda now, depth: self.depths.append(depth),
            lambda now, margin: self.margins.append(margin),
        )
        self.stream = DeribitStream(wanted, self.log, access, told, Patience(frozen=5 * S))
        self.stream.opened(self.events.append, self.now)

    def asked(self):
        """Return what it asks for since the last look."""
        return [msgspec.json.decode(each) for each in self.stream.take()]

    def subscribe(self):
        """Grant all that it asks for, until it asks for nothing more; return the channels."""
        granted = []
        while asked := self.asked():
            for each in asked:
                channels = each["params"].get("channels", [])
                granted += channels if each["method"].endswith("/subscribe") else []
                self.hear(answer(each["id"], channels or "ok"))
        return granted

    def hear(self, *payloads):
        for payload in payloads:
            self.stream.received(payload, self.now)

    def judge(self, seconds=1):
        """Return the verdict some seconds later."""
        self.now += seconds * S
        return self.stream.judge(self.now)


@pytest.mark.trap("deribit-raw-needs-a-login", "deribit")
def test_asks_for_what_the_book_needs():
    """Index, quote, ticker, levels and trades of a hedge; of an option its ticker alone."""
    talk = Talk()
    first = talk.asked()

    assert ["public/set_heartbeat", "public/subscribe"] == [each["method"] for each in first]
    assert [
        "deribit_price_index.btc_usd",
        "quote.BTC-PERPETUAL",
        "ticker.BTC-PERPETUAL.100ms",
        "book.BTC-PERPETUAL.none.20.100ms",
        "trades.BTC-PERPETUAL.100ms",
        f"ticker.{CALL}.100ms",
    ] == first[1]["params"]["channels"]
    assert not talk.stream.live
    talk.hear(answer(first[1]["id"], first[1]["params"]["channels"]))
    assert talk.stream.live


def test_large_books_are_asked_for_in_batches():
    """No request names more than 500 channels."""
    names = tuple(f"BTC-27FEB26-{strike}-C" for strike in range(1200))
    asked = Talk(Wanted(options=names)).asked()[1:]

    assert [500, 500, 201] == [len(each["params"]["channels"]) for each in asked]


def test_every_frame_is_told_at_once():
    """Each message becomes its events, in order; levels and margins go to their taps."""
    talk = Talk(access=Access("desk", lambda: ("id", "secret")))
    talk.subscribe()
    talk.hear(
        *(frames.index(), frames.quote(), frames.ticker(), frames.levels(), frames.prints()),
        *(frames.ticker(CALL), frames.order(), frames.fills(1, 2), frames.fills(3)),
        *(frames.order("filled", 50.0), frames.portfolio()),
    )

    assert [
        *(Index, Quote, Mark, FundingRate, Trade, OptionMark, OrderAccepted),
        *(Fill, Fill, Fill, OrderEnded),
    ] == kinds(talk.events)
    assert ["deribit:BTC-PERPETUAL"] == [each.instrument for each in talk.depths]
    assert ["BTC"] == [each.currency for each in talk.margins]
    assert 0 == talk.stream.counts.unknown


@pytest.mark.trap("deribit-raw-needs-a-login", "deribit")
def test_logs_in_before_it_subscribes():
    """The secret is in the login alone: in no later request, no log line."""
    talk = Talk(access=Access("desk", lambda: ("id-7", "secret-7")))
    first = talk.asked()

    assert ["public/set_heartbeat", "public/auth"] == [each["method"] for each in first]
    assert "secret-7" == first[1]["params"]["client_secret"]
    talk.hear(answer(first[1]["id"], {"access_token": "token-7", "expires_in": 900}))
    later = talk.asked()
    assert ["private/subscribe", "public/subscribe"] == [each["method"] for each in later]
    assert list(deribit_channels.PRIVATE) == later[0]["params"]["channels"]
    assert "7'" not in str(later) + str(talk.log.lines)


@pytest.mark.trap("deribit-login-without-an-answer", "deribit")
def test_refused_login_leaves_the_market():
    """Without a login the account is not told, but prices are."""
    talk = Talk(access=Access("desk", lambda: ("id", "secret")))
    login = talk.asked()[1]
    talk.hear(failure(login["id"], 13004, "invalid_credentials"))

    assert ["public/subscribe"] == [each["method"] for each in talk.asked()]
    assert ["feed.lost"] * 3 == [event for event, _ in talk.log.lines]
    assert "secret" not in str(talk.log.lines)


def test_refused_channel_is_dropped_and_the_others_live():
    """A refused batch is halved until the one channel that cannot be had is alone."""
    talk = Talk()
    bad = f"ticker.{CALL}.100ms"
    granted = []
    while asked := talk.asked():
        for each in asked:
            names = each["params"].get("channels", [])
            if bad in names:
                talk.hear(failure(each["id"], 11050, "bad_request"))
            else:
                granted += names
                talk.hear(answer(each["id"], names))

    assert 5 == len(granted)
    assert [bad] == talk.stream.counts.dropped
    assert talk.stream.live
    talk.hear(frames.quote(), frames.ticker(CALL))
    assert [Quote] == kinds(talk.events)


def test_channel_left_out_of_the_answer_is_dropped():
    """What the venue does not name among the subscribed cannot be had; its index moves over."""
    talk = Talk()
    request = talk.asked()[1]
    talk.hear(answer(request["id"], request["params"]["channels"][1:]))
    talk.hear(frames.ticker())

    assert ["deribit_price_index.btc_usd"] == talk.stream.counts.dropped
    assert [Mark, FundingRate, Index] == kinds(talk.events)


def test_refused_for_now_rebuilds():
    """Too many requests is no fault of a channel: the socket is rebuilt, later."""
    talk = Talk()
    talk.hear(failure(talk.asked()[1]["id"], 10028, "too_many_requests"))

    assert "public/subscribe was refused for now: 10028 too_many_requests" == talk.judge()
    assert [] == talk.stream.counts.dropped


@pytest.mark.trap("deribit-login-without-an-answer", "deribit")
def test_unanswered_request_rebuilds():
    """A request that nobody answers means that nobody listens."""
    talk = Talk()

    assert None is talk.judge(9)
    assert "public/set_heartbeat was not answered" == talk.judge(2)


def test_test_request_is_answered():
    """The venue's question whether we live is answered at once."""
    talk = Talk()
    talk.subscribe()
    talk.hear(frames.TEST_REQUEST)

    assert ["public/test"] == [each["method"] for each in talk.asked()]


@pytest.mark.parametrize(
    ("payload", "counts"),
    [
        (b"<html>", (0, 1)),
        (frames.ticker()[:-30], (0, 1)),
        (frames.ticker(mark_price=-1), (0, 1)),
        (frames.frame("chart.trades.BTC-PERPETUAL.1", {}), (1, 0)),
        (frames.ticker("ETH-PERPETUAL"), (1, 0)),  # nobody follows it
    ],
)
def test_bad_frame_is_counted_and_the_stream_goes_on(payload, counts):
    """What cannot be read, or belongs to nobody, spoils nothing after it."""
    talk = Talk()
    talk.subscribe()
    talk.hear(payload, frames.quote())

    assert counts == (talk.stream.counts.unknown, talk.stream.counts.refused)
    assert [Quote] == kinds(talk.events)
    assert None is talk.judge()


def test_flood_of_bad_frames_is_no_flood_of_lines():
    """Bad frames are logged at 1, 10, 100."""
    talk = Talk()
    talk.hear(*[b"<html>"] * 150)

    assert [1, 10, 100] == [facts["count"] for _, facts in talk.log.lines]


def test_older_words_are_not_told():
    """A reordered or replayed message does not bring an old price back."""
    talk = Talk()
    talk.hear(frames.quote(ts=T + 5), frames.quote(ts=T + 4), frames.quote(ts=T + 5))
    talk.hear(frames.levels(ts=T + 5), frames.levels(ts=T + 4))

    assert 2 == len(talk.events)
    assert 1 == len(talk.depths)
    assert 2 == talk.stream.counts.late


def test_a_word_from_the_future_hushes_nobody():
    """One whose time is yet to come is passed over, and those of today are told on."""
    talk, day = Talk(), 86_400_000
    talk.hear(frames.quote(ts=T + day), frames.quote(ts=T + 4), frames.quote(ts=T + 5))
    talk.hear(frames.ticker(ts=T + day), frames.ticker(ts=T + 5))

    assert {T + 4, T + 5} == {each.ts_venue // 1_000_000 for each in talk.events}
    assert 2 == talk.stream.counts.late


def test_gap_in_a_book_subscribes_it_anew():
    """A lost change ends the book; a new subscription brings it back, the others live on."""
    talk = Talk(Wanted(("BTC-PERPETUAL",), book="100ms"))
    talk.subscribe()
    talk.hear(frames.book(10), frames.book(11, 10), frames.book(13, 12), frames.book(14, 13))
    asked = talk.asked()

    assert ["public/unsubscribe", "public/subscribe"] == [each["method"] for each in asked]
    assert [["book.BTC-PERPETUAL.100ms"]] * 2 == [each["params"]["channels"] for each in asked]
    assert (1, 2) == (talk.stream.counts.gaps, len(talk.depths))
    talk.hear(frames.book(20), frames.book(21, 20))
    assert 4 == len(talk.depths)


def test_other_wants_on_the_same_socket():
    """A new option is subscribed, an old one unsubscribed, the rest left alone."""
    talk = Talk()
    talk.subscribe()
    put = "ETH-27FEB26-3000-P"
    talk.stream.want(Wanted(("BTC-PERPETUAL",), (put,)), talk.now)

    assert [
        ("public/unsubscribe", [f"ticker.{CALL}.100ms"]),
        ("public/subscribe", ["deribit_price_index.eth_usd", f"ticker.{put}.100ms"]),
    ] == [(each["method"], each["params"]["channels"]) for each in talk.asked()]
    talk.hear(frames.ticker(CALL), frames.ticker(put))
    assert ["deribit:" + put] == [each.instrument for each in talk.events]


# --- standstills ------------------------------------------------------------


def march(talk, seconds, *says):
    """Let seconds pass; return the first verdict. `says` makes the frames of a venue time."""
    for _ in range(seconds):
        verdict = talk.judge()
        if verdict is not None:
            return verdict
        talk.hear(*(say(talk.now // 1_000_000) for say in says))
    return None


def moving_index(ts):
    return frames.index(ts, 50010.0 + ts % 1_000_000 / 1000)


def moving_ticker(ts):
    return frames.ticker(ts=ts, index=50010.0 + ts % 1_000_000 / 1000)


def still_index(ts):
    return frames.index(ts, 50010.0)


def still_ticker(ts):
    return frames.ticker(ts=ts)


def begun():
    talk = Talk()
    talk.subscribe()
    talk.hear(frames.index(), frames.quote(), frames.ticker(), frames.ticker(CALL), frames.levels())
    return talk


def renewed(talk):
    return [
        name
        for each in talk.asked()
        if each["method"] == "public/subscribe"
        for name in each["params"]["channels"]
    ]


def test_frozen_ticker_is_subscribed_anew_then_the_socket_rebuilt():
    """Its index moves on while its own time stands: first a new subscription, then a new socket."""
    talk = begun()

    assert None is march(talk, 8, moving_index)
    assert ["ticker.BTC-PERPETUAL.100ms", f"ticker.{CALL}.100ms"] == renewed(talk)
    assert {"feed.stale"} == {event for event, _ in talk.log.lines}
    assert "ticker.BTC-PERPETUAL.100ms is frozen" == march(talk, 8, moving_index)
    assert not talk.stream.live


def test_thawed_ticker_is_left_alone():
    """A new subscription that brings a newer word is all that it needed."""
    talk = begun()
    march(talk, 8, moving_index)
    talk.subscribe()

    def both(ts):
        return frames.ticker(CALL, ts=ts, index=50010.0 + ts % 1_000_000 / 1000)

    assert None is march(talk, 20, moving_index, moving_ticker, both)
    assert talk.stream.live


def test_frozen_index_is_found_by_the_tickers():
    """Who is right is who has the later venue time."""
    talk = begun()
    march(talk, 8, moving_ticker)

    assert "deribit_price_index.btc_usd" in renewed(talk)


def test_frozen_quote_is_found_by_the_ticker():
    """A best price that the ticker tells otherwise for seconds is a frozen quote."""
    talk = begun()

    def ticker(ts):
        return frames.ticker(ts=ts, bid=49000.0)

    march(talk, 8, still_index, ticker)
    assert {"quote.BTC-PERPETUAL", "book.BTC-PERPETUAL.none.20.100ms"} == set(renewed(talk))


def test_quiet_channels_are_no_alarm():
    """Nothing is said, or the same is said again with a new time: a quiet market."""
    talk = begun()

    assert None is march(talk, 60, still_index, still_ticker)
    assert [] == talk.asked()
    assert [] == talk.log.lines


def test_silence_is_asked_about():
    """When no channel speaks, a question is asked; the same answer means a quiet market."""
    talk = begun()
    questions = 0
    for _ in range(60):
        assert None is talk.judge()
        for each in talk.asked():
            assert "public/ticker" == each["method"]
            questions += 1
            talk.hear(answer(each["id"], frames.ticker_data(ts=talk.now // 1_000_000)))

    assert questions > 5
    assert [] == talk.log.lines


def test_silence_of_a_market_that_moved():
    """When the answers move and the channels do not, the socket is rebuilt."""
    talk = begun()
    verdict = None
    for _ in range(60):
        verdict = verdict or talk.judge()
        for each in talk.asked():
            ts = talk.now // 1_000_000
            told = frames.ticker_data(ts=ts, index=50010.0 + ts % 1_000_000 / 1000)
            talk.hear(answer(each["id"], each["params"].get("channels", told)))

    assert verdict.endswith("is frozen")


def test_repeated_words_are_frozen():
    """The same venue time said over and over for seconds is a standstill, without a witness."""
    talk = begun()

    def repeated(ts):
        return frames.ticker()

    march(talk, 8, repeated)
    assert ["ticker.BTC-PERPETUAL.100ms"] == renewed(talk)


def test_back_only_when_what_stood_still_moves():
    """On a new socket the venue is back when the frozen channel has passed its old time."""
    talk = begun()
    march(talk, 20, moving_index)
    talk.stream.opened(talk.events.append, talk.now)
    talk.subscribe()
    talk.hear(frames.ticker())

    assert not talk.stream.live
    talk.hear(moving_ticker(talk.now // 1_000_000))
    assert talk.stream.live
