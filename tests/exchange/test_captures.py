"""A thousand orders into recorded markets: the model gives no fill that the market did not."""

import heapq
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import count, takewhile

import numpy as np
import pytest

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange.exchange import Exchange, OpeningAccount
from rebalancer.exchange.fees import FeeSchedule
from rebalancer.exchange.orders import Order, TimeInForce
from rebalancer.exchange.records import Filled
from rebalancer.recordings import streams
from rebalancer.recordings.streams import Tally
from rebalancer.wire import books
from rebalancer.wire.binance import BookTicker, Market, TradePrint
from tests.oracles import queue_fills
from tests.oracles.queue_fills import Fill, Sent

pytestmark = pytest.mark.campaign

D = Decimal
SECOND = 1_000_000_000  # ns
LATENCY = 40_000_000  # ns
LEVELS = 20
PASSIVE = ("touch", "behind", "between", "beyond", "inside")
FREE = FeeSchedule(D(0), D(0))


@dataclass(frozen=True)
class Capture:
    """A recorded market, and what is sent into it."""

    file: str
    market: Market
    instrument: Instrument
    orders: int
    seed: int


PERPETUAL = Instrument(
    "x:BTCUSDT", Kind.PERPETUAL, "BTC", "USDT", D(1), D("0.001"), D("0.001"), D("0.1")
)
SPOT = Instrument(
    "x:BTC/USDT", Kind.SPOT, "BTC", "USDT", D(1), D("0.00001"), D("0.0001"), D("0.01")
)
INVERSE = Instrument("x:BTCUSD_PERP", Kind.PERPETUAL, "BTC", "BTC", D(100), D(1), D(1), D("0.1"))
CAPTURES = (
    Capture("binance_usdm_btcusdt_2024-08-08.jsonl.gz", Market.FUTURES, PERPETUAL, 340, seed=1),
    Capture("binance_spot_btcusdt_2024-08-08.jsonl.gz", Market.SPOT, SPOT, 330, seed=1),
    Capture("binance_coinm_btcusd_perp_2024-08-08.jsonl.gz", Market.FUTURES, INVERSE, 330, seed=2),
)
LEAST = {  # orders of each capture that must have come to this
    "took": 140,
    "took several levels": 25,
    "took what was left": 8,
    "refused": 15,
    "beyond the levels": 3,
    "by the queue": 4,
    "by a print through": 15,
    "by a quote": 40,
    "not, though printed": 10,
    "resting at the end": 10,
}


# --- what is sent ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """An order before its market is seen."""

    after: int  # ns since the first line until it is sent
    sign: int  # +1 buys
    kind: str  # market, ioc, fok, gtc, post_only
    place: str  # where its limit is
    depth: int  # levels or ticks, >= 1
    size: float  # 0 the least, 1 the most
    rests: int | None  # ns until it is canceled; None: never


def plans(capture):
    """Return the seeded orders of a capture: about half takers, half passive."""
    draw = np.random.default_rng(capture.seed)
    planned = []
    for after in np.sort(draw.uniform(3, 340, capture.orders)):
        if planned and draw.random() < 0.15:  # the same again, before the book can change
            planned.append(replace(planned[-1], after=planned[-1].after + 1))
            continue
        taker = draw.random() < 0.5
        kind = draw.choice(["market", "ioc", "fok"] if taker else ["post_only", "gtc"])
        places = ("free", "near", "deep") if taker else PASSIVE
        likely = (0.2, 0.3, 0.5) if taker else (0.5, 0.15, 0.1, 0.05, 0.2)
        plan = Plan(
            after=int(after * SECOND),
            sign=int(draw.choice([-1, 1])),
            kind=str(kind),
            place="free" if kind == "market" else str(draw.choice(places, p=likely)),
            depth=int(draw.integers(1, 7)),
            size=float(np.clip(draw.uniform(-0.2, 1.2), 0, 1)),
            rests=None if draw.random() < 0.05 else int(draw.uniform(0, 60) * SECOND),
        )
        planned.append(plan)
    return planned


def order_of(plan, name, ladder, instrument):
    """Return the order of a plan in the market that is seen when it is sent."""
    own, met = (ladder.bids, ladder.asks)[:: plan.sign]
    tick, lot, least = plan.sign * instrument.tick, instrument.lot, instrument.minimum
    price = {
        "free": None,
        "near": met[0][0] + (plan.depth - 2) * tick,
        "deep": met[plan.depth - 1][0],
        "touch": own[0][0],
        "behind": own[plan.depth][0],
        "between": own[0][0] - plan.depth * tick,
        "beyond": own[-1][0] - plan.depth * tick,
        "inside": own[0][0] + tick,
    }[plan.place]
    if plan.place in PASSIVE:  # even in the logarithm: most are small beside a queue
        quantity = least * D(float(max(own[0][1] / least, 1)) ** plan.size)
    else:
        quantity = max(sum(size for _, size in met[: plan.depth]), least) * D(plan.size)
    quantity = max(quantity // lot * lot, least)
    force = TimeInForce.IOC if plan.kind == "market" else TimeInForce(plan.kind)
    return Order(name, name, instrument.id, plan.sign * quantity, price, force)


# --- the play -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """What was sent into a capture, and what the model made of it."""

    sent: tuple[Sent, ...]
    fills: tuple[Fill, ...]
    tape: tuple[tuple[int, D, D], ...]  # time, price and signed contracts of each print


class Desk:
    """Sends the orders of a capture; each meets the model a latency later.

    Each has an account of its own: what they do to one another is not at stake.
    """

    def __init__(self, capture, start):
        self.capture, self.numbers = capture, count()
        instrument, names = capture.instrument, (f"o{n}" for n in range(capture.orders))
        accounts = [OpeningAccount(name, {"USDT": D(10**9), "BTC": D(10**6)}) for name in names]
        self.exchange = Exchange([instrument], {instrument.id: FREE}, accounts)
        self.ladder, self.untold, self.sent, self.fills = None, None, [], []
        self.due = [(start + plan.after, next(self.numbers), plan) for plan in plans(capture)]

    def until(self, ts):
        """Do what is due before the line that is received at `ts`."""
        while self.due and self.due[0][0] < ts:
            at, _, what = heapq.heappop(self.due)
            match what:
                case Plan():
                    self.send(at, what)
                case Order():
                    self.tell()
                    self.keep(self.exchange.submit(at, what))
                case name:
                    self.tell()
                    self.exchange.cancel(at, name, name)

    def send(self, at, plan):
        order = order_of(plan, f"o{len(self.sent)}", self.ladder, self.capture.instrument)
        name, arrives = order.client_order_id, at + LATENCY
        canceled = None if plan.rests is None else arrives + plan.rests
        heapq.heappush(self.due, (arrives, next(self.numbers), order))
        if canceled is not None:
            heapq.heappush(self.due, (canceled, next(self.numbers), name))
        force = str(order.time_in_force)
        self.sent.append(Sent(name, arrives, order.quantity, order.price, force, canceled))

    def hear(self, ts, moment):
        """Tell the model what a line tells.

        Of books in a row that are the `same`, the last is told, before anything else
        happens: a quarter of them all, in half of the time.
        """
        message = moment.message
        if isinstance(message, TradePrint):
            self.tell()
            size = -message.size if message.buyer_made else message.size
            told = self.exchange.trade(ts, self.capture.instrument.id, message.price, size)
            self.keep(told)
        elif moment.took is books.Took.APPLIED and (ladder := books.ladder(moment.book, LEVELS)):
            before, self.ladder, self.untold = self.ladder, ladder, (ts, ladder)
            if before is None or not same(before, ladder, isinstance(message, BookTicker)):
                self.tell()

    def tell(self):
        """Display the last book, at its own time, where that was put off."""
        if self.untold is not None:
            (ts, ladder), self.untold = self.untold, None
            traded = self.capture.instrument.id
            self.keep(self.exchange.set_book(ts, traded, ladder.bids, ladder.asks))

    def keep(self, records):
        self.fills += [
            Fill(each.ts, each.client_order_id, each.quantity, each.price, each.maker)
            for each in records
            if isinstance(each, Filled)
        ]


def same(before, ladder, ticker):
    """Whether a book moves nothing that rests: no price but, by a ticker, the size at the best."""
    if ticker:
        (bid, _), (ask, _) = before.bids[0], before.asks[0]
        return (bid, ask) == (ladder.bids[0][0], ladder.asks[0][0])
    return (before.bids, before.asks) == (ladder.bids, ladder.asks)


def play(path, capture):
    """Return what the model makes of the orders of a capture."""
    desk, tape = None, []
    for ts, moment in streams.moments(path, capture.market, Tally()):
        desk = desk or Desk(capture, ts)
        desk.until(ts)
        desk.hear(ts, moment)
        if isinstance(told := moment.message, TradePrint):
            tape.append((ts, told.price, -told.size if told.buyer_made else told.size))
    return Run(tuple(desk.sent), tuple(desk.fills), tuple(tape))


@pytest.fixture(scope="module", params=CAPTURES, ids=lambda capture: capture.file.split("_")[1])
def capture(request):
    return request.param


@pytest.fixture(scope="module")
def path(recordings, capture):
    return recordings / "raw" / capture.file


@pytest.fixture(scope="module")
def run(path, capture):
    """Return the play of a capture; each is played once."""
    return play(path, capture)


@pytest.fixture(scope="module")
def report(path, run):
    """Return what the second opinion says of it."""
    return queue_fills.judge(queue_fills.lines(path), run.sent, run.fills)


def test_market_bears_out_every_fill(report):
    """No taker beats the walk of the book, no maker its queue; limits and sizes are kept."""
    assert [] == report.faults


def test_takers_get_the_whole_walk(report):
    """Nor is a taker cheated: it gets what is displayed, less what orders before it took."""
    assert [] == report.seen["not the walk"]


def test_enough_happens(capture, run, report):
    """All that can become of an order becomes of several."""
    seen = {what: len(report.seen[what]) for what in LEAST}

    assert capture.orders == len(run.sent)
    assert {} == {what: n for what, n in seen.items() if n < LEAST[what]}


def test_a_thousand():
    """The captures get a thousand orders together."""
    assert 1000 == sum(capture.orders for capture in CAPTURES)


# --- the second opinion can say no ----------------------------------------------------------------


@dataclass(frozen=True)
class Story:
    """One order and its fills."""

    order: Sent
    fills: tuple[Fill, ...]

    @property
    def better(self):
        """Sign of the price step that its owner would like."""
        return -1 if self.order.quantity > 0 else 1

    @property
    def whole(self):
        return self.order.quantity == sum(fill.quantity for fill in self.fills)

    def first(self, **changes):
        """Return the story with its first fill changed."""
        return replace(self, fills=(replace(self.fills[0], **changes), *self.fills[1:]))


def before(story, tape):
    """Return the times of prints that reached an order's price before its first fill."""
    order = story.order
    until = story.fills[0].ts if story.fills else order.canceled or tape[-1][0]
    return [
        ts
        for ts, price, quantity in tape
        if order.at < ts < until and price == order.limit and quantity * order.quantity < 0
    ]


def tick_better(story, run, tick):
    return story.first(price=story.fills[0].price + story.better * tick)


def all_at_the_best(story, run, tick):
    return story.first(quantity=story.order.quantity)


def beyond_its_limit(story, run, tick):
    if story.order.kind != "ioc" or story.order.limit is None:
        return None
    limit = story.fills[0].price + story.better * tick
    return replace(story, order=replace(story.order, limit=limit))


def a_part_of_all(story, run, tick):
    return replace(story, fills=story.fills[:1]) if story.order.kind == "fok" else None


def twice(story, run, tick):
    if not story.whole:
        return None
    return replace(story, fills=(*story.fills, story.fills[-1]))


def as_a_maker(story, run, tick):
    return story.first(maker=True)


def as_a_taker(story, run, tick):
    return story.first(maker=False)


def a_print_earlier(story, run, tick):
    prints = before(story, run.tape)
    return story.first(ts=prints[-1]) if prints else None


def at_a_print_that_reached_it(story, run, tick):
    order = story.order
    at = before(story, run.tape)[0]
    return replace(story, fills=(Fill(at, order.name, order.quantity, order.limit, True),))


def after_its_cancel(story, run, tick):
    return replace(story, order=replace(story.order, canceled=story.fills[0].ts - 1))


PLANTED = [  # what became of the order, what is done to it, the rule that it breaks
    ("took", tick_better, "better than the walk"),
    ("took several levels", all_at_the_best, "not displayed"),
    ("took", beyond_its_limit, "limit"),
    ("took several levels", a_part_of_all, "part"),
    ("took", twice, "more than asked"),
    ("took", as_a_maker, "not a taker's"),
    ("by the queue", a_print_earlier, "early"),
    ("by the queue", tick_better, "price"),
    ("not, though printed", at_a_print_that_reached_it, "early"),
    ("by a quote", as_a_taker, "not a maker's"),
    ("by a quote", after_its_cancel, "at no time"),
]


def test_planted(capture, path, run, report):
    """Each wrong that is done to one fill is found, at its order, and at no other."""
    stories = {each.name: Story(each, ()) for each in run.sent}
    for fill in run.fills:
        told = stories[fill.name]
        stories[fill.name] = replace(told, fills=(*told.fills, fill))
    expected = {}
    for became, change, rule in PLANTED:
        names = (name for name in report.seen[became] if name not in expected)
        changed = ((name, change(stories[name], run, capture.instrument.tick)) for name in names)
        name, story = next((name, story) for name, story in changed if story is not None)
        stories[name], expected[name] = story, rule
    fills = [fill for story in stories.values() for fill in story.fills]
    sent = [story.order for story in stories.values()]
    end = SECOND + max(fill.ts for fill in fills if fill.name in expected)  # enough is heard
    heard = takewhile(lambda line: line[0] <= end, queue_fills.lines(path))

    found = queue_fills.judge(heard, sent, [fill for fill in fills if fill.ts <= end]).faults

    assert set(expected.items()) <= {(fault.name, fault.rule) for fault in found}
    honest = {fault.name for fault in report.faults}
    assert set(expected) == {fault.name for fault in found} - honest


MARKET = (
    (1, {"lastUpdateId": 10, "bids": [["99", "5"], ["98", "4"]], "asks": [["101", "1"]]}),
    (2, {"e": "depthUpdate", "U": 9, "u": 12, "pu": 8, "b": [], "a": [["102", "2"]]}),
)


def tell(ts, quantity, price):
    """Return a print; + when the taker bought."""
    return ts, {"e": "trade", "p": price, "q": quantity[1:], "m": quantity[0] == "-"}


def judged(market, order, fills):
    """Return what is said of one order in a market that goes on for a while."""
    later = tell(20, "+1", "500")
    return queue_fills.judge([*market, later], [order], fills)


def ask(ts, price, size):
    return ts, {"e": "bookTicker", "u": 10 + ts, "b": "97", "B": "1", "a": price, "A": size}


def bid_depth(ts, price, size):
    return ts, {"e": "depthUpdate", "U": 13, "u": 13, "pu": 12, "b": [[price, size]], "a": []}


@pytest.mark.parametrize(
    ("limit", "told", "fills", "rules"),
    [
        # behind five contracts
        ("99", [tell(10, "-5", "99"), tell(11, "-2", "99")], [(11, "2")], []),
        ("99", [tell(10, "-6", "99"), tell(11, "-1", "99")], [(10, "1"), (11, "1")], []),
        ("99", [tell(10, "-5", "99"), tell(11, "-2", "99")], [(10, "1")], ["early"]),
        ("99", [tell(10, "-5", "99"), tell(11, "-1", "99")], [(11, "2")], ["print", "early"]),
        ("99", [tell(10, "-5", "99"), tell(11, "+2", "99")], [(11, "2")], ["print", "early"]),
        ("99", [tell(10, "-5", "99"), tell(11, "-2", "99.5")], [(11, "2")], ["print", "early"]),
        ("99", [tell(10, "-8", "99")], [(10, "3")], ["more than asked"]),
        # where nobody stands
        ("98.5", [tell(10, "-2", "98.5")], [(10, "2")], []),
        ("100", [tell(10, "-2", "100")], [(10, "2")], []),
        # a print through the price; the other taker's goes through nothing
        ("99", [tell(10, "-2", "98")], [(10, "2")], []),
        ("99", [tell(10, "-1", "98"), tell(11, "-1", "99")], [(10, "1"), (11, "1")], []),
        ("99", [tell(10, "-1", "98")], [(10, "2")], ["print"]),
        ("99", [tell(10, "+2", "98")], [(10, "2")], ["print", "early"]),
        # the opposite quote through the price, and at it
        ("99", [ask(10, "98.9", "2")], [(10, "2")], []),
        ("99", [ask(10, "98.9", "1")], [(10, "2")], ["not displayed"]),
        ("99", [ask(10, "99", "2")], [(10, "2")], ["quote"]),
        ("99", [ask(10, "98.9", "1"), tell(11, "-1", "99")], [(11, "1")], []),
        # beyond what is displayed, until it is
        ("97", [tell(10, "-9", "97")], [(10, "2")], ["early"]),
        ("97", [bid_depth(9, "97", "3"), tell(10, "-4", "97")], [(10, "1")], []),
        ("97", [bid_depth(9, "97", "3"), tell(10, "-4", "97")], [(10, "2")], ["early"]),
        # when nothing happened
        ("99", [tell(10, "-7", "99")], [(11, "2")], ["at no time"]),
    ],
)
def test_second_opinion_on_a_maker(limit, told, fills, rules):
    """A buyer of two fills after its queue, or when the market has come through its price."""
    order = Sent("c1", 5, D(2), D(limit), "post_only")
    claimed = [Fill(ts, "c1", D(quantity), D(limit), True) for ts, quantity in fills]

    assert rules == [fault.rule for fault in judged([*MARKET, *told], order, claimed).faults]


@pytest.mark.parametrize(
    ("kind", "limit", "fills", "rules"),
    [
        ("ioc", None, [("1", "101"), ("2", "102")], []),
        ("ioc", None, [("1", "102"), ("1", "103")], ["not displayed"]),  # worse, of nothing
        ("ioc", None, [("2", "102")], []),  # worse, but there
        ("ioc", None, [("2", "101"), ("1", "102")], ["not displayed", "better than the walk"]),
        ("ioc", None, [("1", "100.9")], ["not displayed", "better than the walk"]),
        ("ioc", "101", [("1", "101"), ("2", "102")], ["limit"]),
        ("fok", "102", [("1", "101")], ["part"]),
        ("fok", "102", [], []),
        ("post_only", "101", [("1", "101")], ["took"]),
    ],
)
def test_second_opinion_on_a_taker(kind, limit, fills, rules):
    """A buyer of three gets no more than is displayed, at no better price."""
    order = Sent("c1", 5, D(3), None if limit is None else D(limit), kind)
    claimed = [Fill(5, "c1", D(quantity), D(price), False) for quantity, price in fills]

    assert rules == [fault.rule for fault in judged(MARKET, order, claimed).faults]
