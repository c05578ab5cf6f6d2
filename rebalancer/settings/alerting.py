"""Alerting: the table of how alerts leave the program, and what its keys demand of one another."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, ValidationError

from rebalancer.settings import values
from rebalancer.settings.guarding import SECOND, Table
from rebalancer.settings.reading import Raw
from rebalancer.settings.values import Duration, choice, text

KINDS = ("telegram", "webhook", "apprise")
LEAST = ("warning", "error")  # what is milder goes into the digest alone
MOST = 8  # channels
BOUNDS: tuple[tuple[str, float, float], ...] = (  # of [alerts], s
    ("silence", 5, 300),
    ("remind", 60, 86_400),
)
EVERY = (10, 3_600)  # of [alerts.heartbeat], s
_HTTPS = re.compile(r"https://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?(/[!-~]{0,1024})?")
_OFF = "off"

Credential = Annotated[
    str, text(r"[A-Za-z0-9._-]{1,64}", "the name of a credential, never an address or a token")
]
Address = Annotated[
    str, text(_HTTPS.pattern, "an address without secrets, such as https://alerts.example.org/desk")
]
Loopback = Annotated[
    str,
    text(
        r"http://(127(\.[0-9]{1,3}){3}|localhost|\[::1\]):[0-9]{1,5}(/[!-~]{0,256})?",
        "a loopback address, such as http://127.0.0.1:8080/alerts",
    ),
]
Fault = tuple[tuple[str | int, ...], str, str]  # place below [alerts], must, was


def _hour(value: object) -> int | None:
    """Return seconds of the day from text such as 07:00; None from off."""
    if value is None or value == _OFF:
        return None
    told = re.fullmatch(r"([01][0-9]|2[0-3]):([0-5][0-9])", value) if isinstance(value, str) else ""
    if not told:
        raise values.wrong(
            'must be a time of the day in UTC such as "07:00", or "off"', _was(value)
        )
    return int(told[1]) * 3_600 + int(told[2]) * 60


def _was(value: object) -> str:
    return values.shown(value)


class Channel(Table):
    """One way on which alerts leave."""

    kind: Annotated[Literal["telegram", "webhook", "apprise"], choice(KINDS)] = Field(
        examples=["webhook"], description=f"one of {', '.join(KINDS)}"
    )
    name: Annotated[str, text(r"[a-z0-9][a-z0-9-]{0,31}", "lower case letters, digits and -")] | (
        None
    ) = None  # None: its kind
    credentials: Credential | None = None  # telegram: token, chat. webhook: address, bearer token
    #   or nothing. apprise: its address
    url: Address | None = None  # of a webhook
    loopback: Loopback | None = None  # a server on this machine that stands for what is outside
    least: Annotated[Literal["warning", "error"], choice(LEAST)] | None = None  # None: as [alerts]


class Heartbeat(Table):
    """Whom to tell that all is well, so that somebody outside hears when it is not."""

    credentials: Credential | None = None  # its address
    url: Address | None = None
    loopback: Loopback | None = None
    every: Duration = 60 * SECOND


class Alerts(Table):
    """How alerts leave the program."""

    least: Annotated[Literal["warning", "error"], choice(LEAST)] = "warning"
    silence: Duration = 10 * SECOND  # of the engine, until a person is woken
    remind: Duration = 900 * SECOND  # of what is still wrong
    digest: Annotated[int | None, BeforeValidator(_hour)] = 7 * 3_600  # s of the day, UTC
    channels: Annotated[tuple[Channel, ...], BeforeValidator(values.as_rows)] = ()
    heartbeat: Heartbeat | None = None

    @property
    def outward(self) -> bool:
        """Whether anything leaves at all."""
        return bool(self.channels) or self.heartbeat is not None


def alone(raw: Raw) -> Alerts | None:
    """Return this table of a configuration whose others may be wrong; None where it is wrong."""
    try:
        told = Alerts.model_validate(raw.get("alerts", {}))
    except ValidationError:
        return None
    return None if any(faults(told)) else told


def spelled(told: Alerts) -> Raw:
    """Return the table as a configuration says it: names and addresses, and no secret."""
    digest = told.digest
    own: Raw = {
        "least": told.least,
        "silence": f"{told.silence}ns",
        "remind": f"{told.remind}ns",
        "digest": _OFF if digest is None else f"{digest // 3_600:02}:{digest % 3_600 // 60:02}",
        "channels": [each.model_dump(exclude_none=True) for each in told.channels],
    }
    if told.heartbeat is not None:
        beat = told.heartbeat
        own["heartbeat"] = {**beat.model_dump(exclude_none=True), "every": f"{beat.every}ns"}
    return own


def names(told: Alerts) -> tuple[str, ...]:
    """Return what each channel is called: as it says, else by its kind."""
    found: list[str] = []
    for each in told.channels:
        before = sum(
            one.kind == each.kind and one.name is None for one in told.channels[: len(found)]
        )
        found.append(each.name or (each.kind if not before else f"{each.kind}-{before + 1}"))
    return tuple(found)


def faults(told: Alerts) -> Iterator[Fault]:
    """Yield what is wrong with the table as a whole: place below it, what must hold, what was."""
    for key, least, most in BOUNDS:
        value = getattr(told, key) / SECOND
        if not least <= value <= most:
            yield (key,), f"must be {least:g}s to {most:g}s", f"{value:g}s"
    if len(told.channels) > MOST:
        yield ("channels",), f"must be at most {MOST}", str(len(told.channels))
    called = names(told)
    for index, channel in enumerate(told.channels):
        yield from (((("channels", index, *at)), must, was) for at, must, was in _channel(channel))
        if called[index] in called[:index]:
            must = "must be another name: two channels of one name cannot be told apart"
            yield ("channels", index, "name"), must, values.shown(called[index])
    if told.heartbeat is not None:
        yield from _heartbeat(told.heartbeat)


def _channel(told: Channel) -> Iterator[Fault]:
    if told.kind == "webhook":
        yield from _one_of(told, ("credentials", "url", "loopback"))
    else:
        for key in ("url",) if told.kind == "telegram" else ("url", "loopback"):
            if getattr(told, key) is not None:
                yield (key,), f"must not be set for {told.kind}", values.shown(getattr(told, key))
        if told.credentials is None:
            yield ("credentials",), f"must name a credential for {told.kind}", "missing"
    yield from _port(told)


def _heartbeat(told: Heartbeat) -> Iterator[Fault]:
    for at, must, was in (*_one_of(told, ("credentials", "url", "loopback")), *_port(told)):
        yield ("heartbeat", *at), must, was
    least, most = EVERY
    if not least * SECOND <= told.every <= most * SECOND:
        yield ("heartbeat", "every"), f"must be {least}s to {most}s", f"{told.every / SECOND:g}s"


def _one_of(told: Channel | Heartbeat, keys: tuple[str, ...]) -> Iterator[Fault]:
    given = [key for key in keys if getattr(told, key) is not None]
    if len(given) != 1:
        must = f"must have one of {', '.join(keys)}"
        yield (), must, " and ".join(given) or "none of them"


def _port(told: Channel | Heartbeat) -> Iterator[Fault]:
    for key in ("url", "loopback"):
        address = getattr(told, key)
        if address is None:
            continue
        try:
            port = urlsplit(address).port
        except ValueError:
            port = 0
        if port == 0:
            yield (key,), "must have a port from 1 to 65535", values.shown(address)
