"""Planted bugs: texts of the tree and what they become, each of which the seeds must find."""

from collections.abc import Mapping
from dataclasses import dataclass

CORE, RUN = "rebalancer/core", "rebalancer/runtime"


@dataclass(frozen=True)
class Bug:
    """One planted bug."""

    file: str
    before: str
    after: str
    beside: "Bug | None" = None  # what else it takes


BUGS: Mapping[str, Bug] = {
    "resent on a timeout": Bug(
        f"{RUN}/dispatch.py",
        "        self.inbox.put(answer)\n\n    def _middle",
        "        if isinstance(answer, OrderUnknown):\n"
        "            answer = await self.venues[order.account].submit(order)\n"
        "        self.inbox.put(answer)\n\n    def _middle",
    ),
    "not found is rejected": Bug(
        f"{CORE}/orders.py",
        "return order.not_found >= params.absent_answers and last - first >= _span(params)",
        "return order.not_found >= 1",
    ),
    "absent after one patient answer": Bug(
        f"{CORE}/orders.py",
        "return order.not_found >= params.absent_answers and last - first >= _span(params)",
        "return order.not_found >= params.absent_answers",
    ),
    "fills booked twice": Bug(
        f"{CORE}/ledger.py",
        'if not _first_time(ledger, "fill", fill.account, fill.instrument, fill.trade_id):',
        'if _first_time(ledger, "fill", fill.account, fill.instrument, fill.trade_id) is None:',
    ),
    "accepted is filled": Bug(
        f"{CORE}/orders.py",
        'return _found(advance(known, T.ACCEPTED, f"accepted as {event.venue_order_id}"))',
        'return _found(advance(known, T.ALL_FILLED, f"accepted as {event.venue_order_id}"))',
    ),
    "intents are not flushed": Bug(
        f"{RUN}/engine.py",
        "            self._keep()\n            self._flush()\n            self._sent = True",
        "            self._sent = True",
    ),
    "journal after the wire": Bug(
        f"{RUN}/engine.py",
        "leaving = self._write_sent(outcome.commands) or",
        "leaving = any(isinstance(each, Submit) for each in outcome.commands) or",
    ),
    "a kill is forgotten": Bug(
        f"{CORE}/guards/trading_state.py",
        "    if killed:\n        return Verdict(NAME, Decimal(0), Reason.KILLED, subject=state)\n"
        "    if state is TradingState.ACTIVE:",
        "    if killed or state is TradingState.ACTIVE:",
        Bug(
            f"{RUN}/dispatch.py",
            '        if self.state.killed:\n            return "killed"\n        pulled',
            "        mode = TradingState.ACTIVE if self.state.killed else mode\n        pulled",
        ),
    ),
    "paused books hedge": Bug(
        f"{CORE}/guards/trading_state.py",
        "    if state is TradingState.ACTIVE:\n        return Verdict(NAME, whole, subject=state)",
        "    if state in (TradingState.ACTIVE, TradingState.PAUSED):\n"
        "        return Verdict(NAME, whole, subject=state)",
        Bug(
            f"{RUN}/dispatch.py",
            "_OPEN = (TradingState.ACTIVE, TradingState.REDUCING)",
            "_OPEN = (TradingState.ACTIVE, TradingState.REDUCING, TradingState.PAUSED)",
        ),
    ),
    "reducing admits what grows": Bug(
        f"{CORE}/guards/trading_state.py",
        "    if state is TradingState.ACTIVE:\n        return Verdict(NAME, whole, subject=state)",
        "    if state in (TradingState.ACTIVE, TradingState.REDUCING):\n"
        "        return Verdict(NAME, whole, subject=state)",
        Bug(
            f"{RUN}/dispatch.py",
            "if mode is TradingState.REDUCING and not protects and not self._closes(order):",
            "if mode is TradingState.HALTED and not protects and not self._closes(order):",
        ),
    ),
    "ages are never too old": Bug(
        f"{CORE}/guards/staleness.py",
        "if told.age > told.limit:",
        "if told.age > 100 * told.limit:",
    ),
    "inverse sign flipped": Bug(
        f"{CORE}/exposure.py", "        return size / price\n", "        return -size / price\n"
    ),
    "contract size tenfold": Bug(
        f"{CORE}/exposure.py", "        return size / price\n", "        return size / price / 10\n"
    ),
    "orders twice as large": Bug(
        f"{CORE}/sizing.py",
        "exact = (goal - net) / delta_per_contract / lot",
        "exact = 2.5 * (goal - net) / delta_per_contract / lot",
    ),
    "no limit of an order": Bug(
        f"{CORE}/guards/order_size.py",
        "    if coins <= limit:",
        "    if coins <= limit * 100:",
    ),
    "late fills are ignored": Bug(
        f"{CORE}/ledger.py",
        "    if _adopted_over(ledger, fill.account, fill.ts_venue):\n"
        "        return True\n    ended",
        "    late = fill.ts_venue is not None and fill.ts_local - fill.ts_venue > 2_000_000_000\n"
        "    if late or _adopted_over(ledger, fill.account, fill.ts_venue):\n"
        "        return True\n    ended",
    ),
    "epoch is not in the id": Bug(
        f"{CORE}/gate.py",
        "        params.accounts.index(intent.account), params.epoch, state.order_sequence + 1",
        "        params.accounts.index(intent.account), 1, state.order_sequence + 1",
    ),
    "what was decided before a reduce still leaves": Bug(
        f"{RUN}/dispatch.py",
        "if mode is TradingState.REDUCING and not protects and not self._closes(order):",
        "if mode is TradingState.HALTED and not protects and not self._closes(order):",
    ),
    "a settlement has no mean": Bug(
        f"{CORE}/valuation.py",
        "            lines.fixed[row] = fixings[expiry].mean(ts)",
        "            lines.fixed[row] = 0.0",
    ),
    "late forwards are held against the index of now": Bug(
        f"{CORE}/valuation.py",
        "    if (leaps or apart > max(TOGETHER, nearer)) and event.ts_local - since <= LASTS:",
        "    if apart > LASTS and event.ts_local - since <= LASTS:",
    ),
    "a full disk is not minded": Bug(
        f"{CORE}/standing.py",
        "        if self.short:\n            return stricter(TradingState.PAUSED, own)\n",
        "",
    ),
    "nothing is ever hedged": Bug(
        f"{CORE}/guards/trading_state.py",
        "    whole = abs(intent.quantity)\n    if killed:",
        "    whole = abs(intent.quantity)\n    if intent.purpose is Purpose.HEDGE:\n"
        "        return Verdict(NAME, Decimal(0), Reason.NOT_ACTIVE, subject=state)\n"
        "    if killed:",
    ),
    "a kill is not heard": Bug(
        f"{RUN}/engine.py",
        "        self.tally.events += 1\n",
        '        if isinstance(event, Operator) and event.verb == "kill":\n'
        "            return\n"
        "        self.tally.events += 1\n",
    ),
    "position size is not looked at": Bug(
        f"{CORE}/guards/position_size.py",
        "    if coins <= limit or intent.closing == whole:",
        "    if coins <= 9 * limit or intent.closing == whole:",
    ),
    "leverage is not looked at": Bug(
        f"{CORE}/guards/leverage.py",
        "    if not grows(intent):",
        "    if not grows(intent) or intent.quantity:",
    ),
    "turnover is not counted": Bug(
        f"{CORE}/guards/turnover.py",
        "    return weigh(NAME, intent, traded, Reason.TURNOVER_SPENT)",
        "    return Verdict(NAME, abs(intent.quantity))",
    ),
    "hedges are not throttled": Bug(
        f"{CORE}/guards/throttle.py", "    if count <= limit:", "    if count <= 9 * limit:"
    ),
    "it halts for nothing": Bug(
        f"{CORE}/hedger.py",
        "    state.sequence += 1\n",
        "    state.sequence += 1\n"
        "    if isinstance(event, Tick) and not state.sequence % 50:\n"
        '        state.halt("BTC", "tired")\n',
    ),
    "clocks are not compared": Bug(
        "rebalancer/venues/skew.py",
        "        if self.apart > REFUSES:\n",
        "        if self.apart < 0:\n",
    ),
    "clocks are compared once a minute": Bug(
        "rebalancer/venues/skew.py", "EVERY = 10 * SECOND", "EVERY = 60 * SECOND"
    ),
    "clocks are not compared after a standstill": Bug(
        "rebalancer/venues/skew.py",
        "        if self._doubted:\n            return f",
        "        if self._settled > self._doubts:\n            return f",
    ),
    "nearly twice each hedge": Bug(
        f"{CORE}/sizing.py",
        "exact = (goal - net) / delta_per_contract / lot",
        "exact = 1.8 * (goal - net) / delta_per_contract / lot",
    ),
    "one reading is adopted": Bug(
        f"{RUN}/adoption.py",
        "        if any(not _alike(first[name].told, second[name].told) for name in self._venues):",
        "        if self._venues is None:",
    ),
    "a jumping vol is believed": Bug(
        f"{CORE}/prices.py",
        "return isinstance(event, Mark) or valuation.believed(self._valuation, event, instrument)",
        "return True",
    ),
    "fills booked as they are told": Bug(
        f"{CORE}/ledger.py",
        "held, later = ledger.position(*key), later_than(kept, fill.ts_venue, fill.number)",
        "held, later = ledger.position(*key), []",
    ),
    "orders on their way are forgotten": Bug(
        f"{CORE}/hedger.py", "    if open_orders:\n", "    if open_orders and False:\n"
    ),
    "unknown is absent after its timeout": Bug(
        f"{CORE}/orders.py",
        '            lost = advance(order, T.LOST, f"unknown: {event.reason}")',
        '            lost = advance(order, T.REFUSED, f"unknown: {event.reason}")',
    ),
    "unknown orders are not recovered": Bug(
        "rebalancer/wiring/recovered.py",
        "        for order in orders:\n            state.put(order)",
        "        for order in orders[:0]:\n            state.put(order)",
    ),
    "bookings of the journal are not put back": Bug(
        "rebalancer/wiring/recovered.py",
        "        if isinstance(event, Booking):\n            bookings.append(event)",
        "        if isinstance(event, Booking) and not isinstance(event, Fill):\n"
        "            bookings.append(event)",
    ),
    "history without overlap": Bug(
        "rebalancer/venues/polling.py",
        "since = self._since - OVERLAP if back is None",
        "since = self._since if back is None",
        Bug(
            "rebalancer/venues/polling.py",
            "        self._back = self._agreed\n        self.now()",
            "        self.now()",
        ),
    ),
    "history is never told": Bug(
        "rebalancer/venues/polling.py",
        "            self._deliver(told.events, deliver, whole=told.fault is None)\n",
        "",
    ),
    "differences are never found": Bug(
        f"{RUN}/reconcile.py", "        if lasting:\n", "        if lasting and False:\n"
    ),
    "a kill is not kept over a restart": Bug(
        f"{RUN}/latching.py", '        "killed": standing.killed,', '        "killed": False,'
    ),
    "cash is not counted": Bug(
        f"{CORE}/ledger.py",
        "    credit(ledger, fill.account, fill.fee_currency, -fill.fee)",
        "    credit(ledger, fill.account, fill.fee_currency, -fill.fee * 0)",
    ),
    "funding booked with a wrong sign": Bug(
        f"{CORE}/ledger.py",
        "def book_funding(ledger: Ledger, paid: FundingPaid) -> bool:",
        "def book_funding(ledger: Ledger, paid: FundingPaid) -> bool:\n"
        "    paid = replace(paid, amount=-paid.amount)\n"
        "    return _book_funding(ledger, paid)\n\n\n"
        "def _book_funding(ledger: Ledger, paid: FundingPaid) -> bool:",
    ),
    "the gate's last look is missing": Bug(
        f"{RUN}/dispatch.py",
        "        barred = self.barred(order)\n",
        "        barred = None\n",
    ),
    "only the best leg is asked": Bug(
        f"{CORE}/hedger.py",
        "        if decision.reason not in OF_THE_LEG:\n            break",
        "        break",
    ),
    "a withdrawal is taken for an end": Bug(
        f"{CORE}/hedger.py",
        "    missing, open_orders = state.book(own.name).missing, state.open_orders(own.name)\n",
        "    missing, open_orders = state.book(own.name).missing, [\n"
        "        each for each in state.open_orders(own.name) if each.withdrawn_at is None\n"
        "    ]\n",
    ),
    "a withdrawal is tried once": Bug(
        f"{CORE}/working.py",
        "    return last is not None and now - last >= params.orders.timeout\n",
        "    return False\n",
    ),
    "patience never ends": Bug(
        f"{CORE}/execution.py",
        "    return Reason.PATIENCE_OVER if ts - attempt.since >= own.patience else None\n",
        "    return None\n",
    ),
    "orders go to a venue that takes none": Bug(
        f"{CORE}/accounts.py",
        "    if account in accounts.held:\n        return account\n",
        "",
        beside=Bug(
            f"{CORE}/allocation.py",
            "    if instrument.venue in state.accounts.held:\n        return False\n",
            "",
            beside=Bug(
                f"{CORE}/accounts.py",
                "        accounts.read.pop(name, None)\n        if before",
                "        if before",
            ),
        ),
    ),
    "orders go to a contract that is held": Bug(
        f"{CORE}/accounts.py",
        "    return instrument if instrument in accounts.barred else None\n",
        "    return None\n",
    ),
    "what was decided long ago still leaves": Bug(
        f"{RUN}/dispatch.py",
        "        if abs(age) > self.params.orders.max_decision_age:\n",
        "        if abs(age) > 60 * self.params.orders.max_decision_age:\n",
    ),
    "a ban halts nothing": Bug(
        f"{CORE}/state.py",
        "            standing.move(self.standing, TradingState.HALTED, text)\n"
        '            return (Alert(Severity.ERROR, "rate.banned", event.account, text),)\n',
        '            return (Alert(Severity.ERROR, "rate.banned", event.account, text),)\n',
    ),
    "a ban is not heard of": Bug(
        f"{CORE}/state.py",
        "        if isinstance(event, ShutOut):  # asking on would only make it longer\n",
        "        if isinstance(event, ShutOut):\n            return ()\n"
        "        if isinstance(event, ShutOut):  # asking on would only make it longer\n",
    ),
    "a closed contract is not heard of": Bug(
        f"{CORE}/state.py",
        "            case InstrumentUnfit():\n                return self._unfit(event)\n",
        "            case InstrumentUnfit():\n                return ()\n",
    ),
    "a closed contract halts nothing": Bug(
        f"{CORE}/state.py",
        "        self.halt(instrument.underlying, why)\n        return (listings.alert(",
        "        return (listings.alert(",
    ),
    "a band that was set is forgotten at the next start": Bug(
        "rebalancer/wiring/retuned.py",
        "            tuning.tune(state.tuning, event, state.memory)\n",
        "            pass\n",
    ),
    "a band that is set is not heeded": Bug(
        f"{CORE}/tuning.py",
        "        return replace(band, width=width)\n    return replace(band, **told)\n",
        "        return replace(band, width=width)\n    return band\n",
    ),
}

FOREIGN: Mapping[str, Bug] = {
    "a filled order is over before its fills are in": Bug(
        "rebalancer/core/orders.py",
        "        return self.reported is not None and abs(self.filled) < abs(self.reported)\n",
        "        if self.state is S.FILLED or self.reported is None:\n"
        "            return False\n"
        "        return abs(self.filled) < abs(self.reported)\n",
    ),
    "halt of one underlying is not latched": Bug(
        "rebalancer/runtime/engine.py",
        "    return (state.mode, state.killed, *asked, tuple(state.halted.items()))\n",
        "    return (state.mode, state.killed, *asked)\n",
    ),
    "ages are looked at only while blind": Bug(
        "rebalancer/core/watch.py",
        "    looks = told or gap is None\n",
        "    looks = told and gap is None\n",
    ),
    "margin guard is content with either room": Bug(
        "rebalancer/core/guards/margin.py",
        "    if room.wide >= 1 and room.payable >= 1:\n",
        "    if room.wide >= 1 or room.payable >= 1:\n",
    ),
    "age runs from arrival": Bug(
        "rebalancer/core/quotes.py",
        "    late = event.ts_venue is not None and event.ts_local - event.ts_venue > SKEW\n",
        "    late = event.ts_venue is not None and event.ts_venue - event.ts_local > SKEW\n",
    ),
    "adoption enters at the mark": Bug(
        "rebalancer/runtime/adoption.py",
        "        entry = None if row is None else row.entry\n"
        "        if entry is None:\n"
        "            entry = self._price(name)\n",
        "        entry = self._price(name)\n"
        "        unmarked = name not in self._state.markets.marks\n"
        "        if row is not None and row.entry is not None and unmarked:\n"
        "            entry = row.entry\n",
    ),
    "settlement leaves the basis": Bug(
        "rebalancer/core/ledger.py",
        "    start = replace(before, basis=worth(instrument, before.quantity, settled.price))\n",
        "    start = before\n",
    ),
    "only unknown orders are asked after": Bug(
        "rebalancer/core/orders.py",
        "    return (order.state is S.UNKNOWN or silent) and (rested or proves)\n",
        "    return order.state is S.UNKNOWN and (rested or proves)\n",
    ),
    "late fills forget what came after their settlement": Bug(
        f"{CORE}/ledger.py",
        "    held, later = ledger.position(*key), tuple(ledger.recent.get(key, ()))\n",
        "    held, later = ledger.position(*key), ()\n",
    ),
    "a slow answer proves as much as a quick one": Bug(
        f"{CORE}/orders.py",
        "asked = event.ts_local if event.asked is None else event.asked",
        "asked = event.ts_local",
    ),
}
