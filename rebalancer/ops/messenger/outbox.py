"""The outbox: takes alerts and beats for the messenger, and never waits.

A pipe takes a line whole or not at all. An alert that it does not take is kept
and put again with the next beat; one that wakes a person is kept until a
channel delivered it, for a messenger may end with alerts in its hands. A beat
that finds the pipe half full is dropped.
"""

import array
import fcntl
import os
import termios
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from rebalancer.core.commands import Alert, Severity
from rebalancer.ops.messenger import lines
from rebalancer.ops.messenger.lines import Notice
from rebalancer.ops.redaction import Redactor
from rebalancer.ops.vocabulary import EVENTS
from rebalancer.ports import SECOND, Clock, Log, Sample

MOST = 256  # alerts kept
HALF = 16 * 1024  # bytes unread, from which on no beat is put behind them


@dataclass(slots=True)
class _Kept:
    """An alert that nobody is known to have heard."""

    line: bytes
    loud: bool
    written: bool = False  # to the messenger that lives


class Outbox:
    """A `ports.AlertSink` whose alerts leave by a messenger.

    Args:
        log: Hears what was lost; its errors must not come back here.
        wall: Tells the time of an alert.
        redactor: Knows the secrets of the daemon.
    """

    def __init__(self, log: Log, wall: Clock, redactor: Redactor) -> None:
        self.lost = 0  # alerts that found no room
        self.counts: Counter[tuple[str, str]] = Counter()  # messages, by channel and sent | failed
        self._log, self._wall, self._redactor = log, wall, redactor
        self._kept: OrderedDict[int, _Kept] = OrderedDict()
        self._number, self._pipe = 0, -1
        self._put_in = 0  # bytes, since this messenger is written to
        self._unsaid = 0  # of those lost, not in the log yet

    def send(self, alert: Alert) -> None:
        """Pass an alert on; never blocks, never raises."""
        self._number += 1
        loud = alert.severity is Severity.ERROR
        listed = EVENTS.get(alert.event)
        action = listed.action if loud and listed is not None else ""
        text = self._redactor.text(alert.text)
        told = (alert.severity, alert.event, self._redactor.text(alert.scope), text, action)
        notice = Notice(*told, at=self._wall.now() / SECOND, number=self._number)
        self._kept[self._number] = _Kept(lines.alert_line(notice), loud)
        self._make_room()
        self._flush()

    def say(self, kind: str, facts: Mapping[str, Any]) -> bool:
        """Put a beat, or what else may be dropped; return whether it was put."""
        self._flush()
        self._own_up()
        line = lines.spelled(kind, **lines.brief(self._hidden(facts)))
        if len(line) > lines.WHOLE or self.unread >= HALF:
            return False
        return self._put(line)

    def settle(self, numbers: Sequence[Any]) -> None:
        """Forget alerts of which somebody heard."""
        for each in numbers:
            self._kept.pop(each, None)

    def attach(self, pipe: int) -> None:
        """Write to this pipe from now on, at first what nobody is known to have heard.

        Args:
            pipe: Descriptor that does not block.
        """
        self._pipe, self._put_in = pipe, 0
        for each in self._kept.values():
            each.written = False
        self._flush()

    def detach(self) -> None:
        """Write nowhere, until there is a messenger again."""
        self._pipe = -1

    def samples(self) -> list[Sample]:
        """Return how many messages each channel delivered, and how many it did not."""
        return [Sample("alerts_sent_total", count, key) for key, count in self.counts.items()]

    @property
    def unread(self) -> int:
        """Bytes that the messenger has not read yet."""
        told = array.array("i", [0])
        if self._pipe < 0:
            return 0
        with suppress(OSError):
            fcntl.ioctl(self._pipe, termios.FIONREAD, told)
        return told[0]

    @property
    def read(self) -> int:
        """Bytes that this messenger has read of what was put since it is written to."""
        return self._put_in - self.unread

    @property
    def waiting(self) -> int:
        """Alerts that no messenger has taken yet."""
        return sum(not each.written for each in self._kept.values())

    def _hidden(self, value: Any) -> Any:
        """Return facts without secrets."""
        if isinstance(value, str):
            return self._redactor.text(value)
        if isinstance(value, Mapping):
            return {name: self._hidden(each) for name, each in value.items()}
        return value

    def _flush(self) -> None:
        """Write what was not written, in order; stop where the pipe is full."""
        if self._pipe < 0:
            return
        for number, each in list(self._kept.items()):
            if each.written:
                continue
            if not self._put(each.line):
                return
            each.written = True
            if not each.loud:
                del self._kept[number]

    def _put(self, line: bytes) -> bool:
        if self._pipe < 0:
            return False
        try:
            put = os.write(self._pipe, line)
        except OSError:  # full, or nobody reads any more: its process is followed elsewhere
            return False
        self._put_in += put
        return put == len(line)

    def _make_room(self) -> None:
        """Let go of one alert where there are too many: a written or a mild one before others."""
        if len(self._kept) <= MOST:
            return
        kept = self._kept.items()
        first = (
            next((n for n, each in kept if each.written), None)
            or next((n for n, each in kept if not each.loud), None)
            or next(iter(self._kept))
        )
        gone = self._kept.pop(first)
        if not gone.written:
            self.lost += 1
            self._unsaid += 1

    def _own_up(self) -> None:
        """Say in the log what was lost since it was last said."""
        if self._unsaid:
            why = "no messenger took them, and no more are kept"
            self._log.error("alert.failed", channel="all", count=self._unsaid, why=why)
            self._unsaid = 0
