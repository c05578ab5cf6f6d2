"""Tuner: changes settings of a running book, for an operator who saw first what that does.

Whoever asks without a token is told: what holds now, what would hold, and which
hedge that would make at once, by taking the very step on a copy of the book.
The token stands for what was shown; where something was changed since, nothing
is done. A change that looks like a slip of the finger needs its numbers twice.
The change itself is one event that the engine journals and steps: it is hedged
by the same guards as anything else, and in a book that stands still it only holds.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rebalancer.core import hedger, tuning
from rebalancer.core.commands import Submit
from rebalancer.core.decision import Decision
from rebalancer.core.exposure import delta_per_contract
from rebalancer.core.knobs import Change, Knob, Tuned
from rebalancer.core.params import NO_TERMS, Params, UnderlyingParams
from rebalancer.core.state import State
from rebalancer.core.view import View, view_of
from rebalancer.errors import UsageError
from rebalancer.ports import Clock
from rebalancer.runtime.engine import Engine
from rebalancer.settings import Settings, fingerprint
from rebalancer.settings import tuning as rules
from rebalancer.settings.tuning import Setting, World
from rebalancer.storage.flight import snapshot

TIMES = 10.0  # a value so many times another may be a digit too many
SHARE_OF_LIMIT = 0.5  # of limits.net_delta: an aim that moves further is looked at twice …
SHARE_OF_POSITION = 0.1  # … and so it is by this share of limits.position
TOKEN = 12  # hexadecimal digits
_MAY_BE_NONE = (Knob.TARGET, Knob.COVERAGE)  # 0 coins are an aim like any; of 0 coverage is told


class Tuner:
    """Shows and makes changes.

    Args:
        engine: The running one.
        settings: Of the file.
        world: Instruments by which the file was judged.
        clock: Dates a change.
        hide: Returns a reason without secrets.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        instruments: Mapping[str, Any],
        clock: Clock,
        hide: Callable[[str], str] = str,
    ) -> None:
        self._engine, self._hide = engine, hide
        self._settings = settings
        self._instruments = instruments
        self._clock = clock
        self._fingerprint = fingerprint(settings)

    def preview(self, asked: Mapping[str, str]) -> Mapping[str, Any]:
        """Return what a change would do, and the token by which it is made.

        Args:
            asked: Setting → number, as text.

        Raises:
            UsageError: A setting or a value may not be; all faults at once.
        """
        changes = self._changes(asked)
        told = self._effects(changes)
        return {
            "changes": [_shown(each) for each in changes],
            "underlyings": told,
            "state": str(self._engine.state.mode),
            "again": list(_again(changes, told)),
            "expect": _token(changes),
        }

    def tune(
        self, asked: Mapping[str, str], again: Mapping[str, str], expect: str, said: tuple[str, str]
    ) -> Mapping[str, Any]:
        """Make a change that was shown; it holds, in memory and on disk, when this returns.

        Args:
            asked: As it was shown.
            again: The numbers that the preview wanted twice.
            expect: Its token.
            said: User id and reason.

        Raises:
            UsageError: As by `preview`; or the book is not as it was shown, or a
                number is not there twice.
        """
        changes = self._changes(asked)
        if expect != _token(changes):
            raise UsageError("set: what holds now is not what was shown; look again")
        wanted = _again(changes, self._effects(changes))
        twice = rules.numbers(self._settings, {name: again.get(name, "") for name in wanted})
        values = {each.name: each.after for each in changes}
        wrong = [name for name in wanted if twice.get(name) != values[name]]
        if wrong:
            raise UsageError(f"set: must be given twice, the same: {', '.join(wrong)}")
        who, reason = said
        event = Tuned(self._clock.now(), changes, self._hide(reason), who, self._fingerprint)
        self._engine.command(event)
        decided = (self._engine.standing.get(name) for name in _names(changes))
        return {
            "changes": [_shown(each) for each in changes],
            "decisions": [_decided(each) for each in decided if each is not None],
            "state": str(self._engine.state.mode),
        }

    def _changes(self, asked: Mapping[str, str]) -> tuple[Change, ...]:
        """Return what would be otherwise."""
        state, params = self._engine.state, self._engine.params
        if not asked:
            raise UsageError("set: must be told a setting, such as underlyings.BTC.target=0.5")
        turned = {Setting(*own): each.value for own, each in state.tuning.turned.items()}
        now = {own: value for own, value in turned.items() if own[0] in params.underlyings}
        prices = ((name, state.index(name)) for name in params.underlyings)
        told = {name: float(index.price) for name, index in prices if index is not None}
        found = rules.changed(self._settings, now, asked, World(self._instruments, told))
        changes = []
        for (name, knob), value in found.items():
            before = tuning.value_of(params.underlyings[name], knob)
            if before is not None and before != value:
                changes.append(Change(name, knob, before, value))
        if not changes:
            raise UsageError("set: that is how it is already; nothing was changed")
        return tuple(changes)

    def _effects(self, changes: tuple[Change, ...]) -> list[dict[str, Any]]:
        """Return what changes would do, by underlying, as a copy of the book shows it."""
        copy = snapshot.sketch(self._engine.state)
        plain, before, now = self._engine.plain, self._engine.params, self._clock.now()
        told = [_placed(copy, before.underlyings[name]) for name in _names(changes)]
        done = hedger.step(copy, Tuned(now, changes, "", "", self._fingerprint), plain)
        params = tuning.effective(copy.tuning, plain)
        submits = {each.underlying: each for each in done.commands if isinstance(each, Submit)}
        decisions = {each.underlying: each for each in done.decisions}
        found = []
        for name, shown in zip(_names(changes), told, strict=True):
            own = params.underlyings[name]
            found.append(
                {
                    "underlying": name,
                    "before": shown,
                    "after": _placed(copy, own),
                    "decision": {**_decided(decisions[name]), "client_order_id": None},
                    "distance": _distance(copy, own),
                    "hedge": _hedge(copy, params, submits.get(name)),
                    "limits": {
                        "order": own.limits.order,
                        "position": own.limits.position,
                        "net_delta": own.limits.net_delta,
                    },
                    "doubts": list(_doubts(copy, own, shown, changes)),
                }
            )
        return found


def _names(changes: Iterable[Change]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.underlying for each in changes))


def _shown(change: Change) -> dict[str, Any]:
    return {"setting": change.name, "before": change.before, "after": change.after}


def _token(changes: Iterable[Change]) -> str:
    """Return what stands for a change and for what held when it was shown."""
    told = sorted((each.name, repr(each.before), repr(each.after)) for each in changes)
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:TOKEN]


def _again(changes: Iterable[Change], told: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the settings whose numbers must be given twice."""
    doubted = [each["underlying"] for each in told if each["doubts"]]
    return tuple(each.name for each in changes if each.underlying in doubted)


def _placed(state: State, own: UnderlyingParams) -> dict[str, float] | None:
    """Return where net delta and its band lie; None: nobody can know."""
    view = _known(state, own)
    if view is None:
        return None
    band = view.band
    edges = {"aim": band.aim, "lower": band.lower, "upper": band.upper}
    return {"price": view.price, "net_delta": view.exposure.net, **edges}


def _known(state: State, own: UnderlyingParams) -> View | None:
    return None if state.book(own.name).missing else view_of(state, own)


def _distance(state: State, own: UnderlyingParams) -> float | None:
    """Return the coins to trade until net delta is where a hedge would end; None: unknown."""
    view = _known(state, own)
    if view is None:
        return None
    net, band = view.exposure.net, view.band
    return 0.0 if band.contains(net) else band.goal(net) - net


def _decided(decision: Decision) -> dict[str, Any]:
    return {
        "underlying": decision.underlying,
        "action": str(decision.action),
        "reason": str(decision.reason),
        "instrument": decision.instrument,
        "wanted": None if decision.wanted is None else str(decision.wanted),
        "allowed": None if decision.allowed is None else str(decision.allowed),
        "client_order_id": decision.client_order_id,
    }


def _hedge(state: State, params: Params, submit: Submit | None) -> dict[str, Any] | None:
    """Return the order that would leave at once, with its worth in USD and its fee if it takes."""
    if submit is None:
        return None
    instrument, index = state.instruments[submit.instrument], state.index(submit.underlying)
    price = float(submit.price if index is None else index.price)
    each = delta_per_contract(instrument, float(submit.price), price, None)
    usd = abs(float(submit.quantity) * each) * price
    taker = params.terms.get(submit.account, NO_TERMS).taker
    return {
        "side": "buy" if submit.quantity > 0 else "sell",
        "quantity": str(submit.quantity),
        "instrument": submit.instrument,
        "limit_price": str(submit.price),
        "usd": usd,
        "fee": usd * taker,
    }


def _doubts(
    state: State,
    own: UnderlyingParams,
    shown: Mapping[str, float] | None,
    changes: Iterable[Change],
) -> Iterable[str]:
    """Yield what about a change may be a slip of the finger, in words."""
    limits, coin = own.limits, own.name
    mine = [each for each in changes if each.underlying == coin]
    for each in mine:
        yield from _slips(each)
    after, distance = _placed(state, own), _distance(state, own)
    if after is None or shown is None or distance is None:
        yield "net delta is not known: nobody can say what it would trade"
        return
    if abs(distance) > limits.order:
        yield f"it would trade {abs(distance):.6g} {coin}, limits.order is {limits.order:g}"
    moved = abs(after["aim"] - shown["aim"])
    for name, share in (("net_delta", SHARE_OF_LIMIT), ("position", SHARE_OF_POSITION)):
        most = share * getattr(limits, name)
        if moved > most:
            yield f"it moves the aim by {moved:.6g} {coin}, over {share:g} of limits.{name}"
    widest = max(after["upper"] - after["aim"], after["aim"] - after["lower"])
    if widest > limits.net_delta:
        yield f"the band would reach {widest:.6g} {coin} from its aim, past limits.net_delta"


def _slips(change: Change) -> Iterable[str]:
    before, after = change.before, change.after
    if before * after < 0:
        yield f"{change.name} changes its sign"
    elif before and after and not 1 / TIMES < abs(after / before) < TIMES:
        more = abs(after) > abs(before)
        factor = abs(after / before) if more else abs(before / after)
        yield f"{change.name} would be {factor:g} times {'more' if more else 'less'}"
    elif before != after and not (before and after) and change.knob not in _MAY_BE_NONE:
        yield f"{change.name} {'was' if after else 'would be'} 0: no number of times compares them"
    if change.knob is Knob.COVERAGE and not after:
        yield f"{change.name} of 0 hedges nothing"
