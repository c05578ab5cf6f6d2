"""Orders: from settings and credentials to what a messenger is told first."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rebalancer.core.commands import Severity
from rebalancer.errors import ConfigError, Fault, PermissionRefused
from rebalancer.ops.messenger.apprised import refused
from rebalancer.ops.messenger.lines import Orders, Route
from rebalancer.settings import Settings
from rebalancer.settings.alerting import Alerts, Channel, Heartbeat, names
from rebalancer.settings.credentials import Secret, Shape, read

TELEGRAM = "https://api.telegram.org"
SECOND = 1_000_000_000  # ns
LONGEST = 2_000  # characters of an address or a token: all of them fit into one line
SHAPES: Mapping[str, Shape] = {
    "telegram": Shape(
        ("token", "chat"),
        ("token", "chat"),
        "must be JSON with token and chat, or these two on lines of their own",
    ),
    "webhook": Shape(
        ("url", "token"),
        ("url",),
        "must be JSON with url and, where one is wanted, token, or these on lines of their own",
    ),
    "apprise": Shape(("url",), ("url",), "must be JSON with url, or it on a line of its own"),
    "heartbeat": Shape(("url",), ("url",), "must be JSON with url, or it on a line of its own"),
}


def orders_of(settings: Settings, environ: Mapping[str, str], home: Path) -> Orders | None:
    """Return what the messenger of a book is told first; None: nothing leaves.

    Args:
        settings: Without faults.
        environ: The process's environment.
        home: The user's home folder.

    Raises:
        ConfigError: Credentials are missing, or not what a channel needs; all of them at once.
        PermissionRefused: Others may read one of them.
    """
    if not settings.alerts.outward:
        return None
    book = (settings.book.id, str(settings.book.mode))
    return orders(book, settings.alerts, settings.guards.unhedged_alert, environ, home)


def orders(
    book: tuple[str, str], told: Alerts, unhedged: int, environ: Mapping[str, str], home: Path
) -> Orders:
    """Return what a messenger is told first.

    Args:
        book: Its id and its mode.
        told: The settings; without faults.
        unhedged: ns outside the band until a person is woken.
        environ: The process's environment.
        home: The user's home folder.

    Raises:
        ConfigError: Credentials are missing, or not what a channel needs; all of them at once.
        PermissionRefused: Others may read one of them.
    """
    found, faults, refusals = sorted_out(book, told, unhedged, environ, home)
    if refusals:
        raise refusals[0]
    if faults:
        raise ConfigError(book[0], faults)
    return found


def sorted_out(
    book: tuple[str, str], told: Alerts, unhedged: int, environ: Mapping[str, str], home: Path
) -> tuple[Orders, Sequence[Fault], Sequence[PermissionRefused]]:
    """Return orders with the routes that can be used, and what keeps the others from it.

    Arguments are those of `orders`.
    """
    routes: list[Route] = []
    faults: list[Fault] = []
    refusals: list[PermissionRefused] = []
    for index, (name, each) in enumerate(zip(names(told), told.channels, strict=True)):
        try:
            least = Severity(each.least or told.least)
            routes.append(_route(name, each, least, (environ, home)))
        except ConfigError as error:
            faults += _at(f"alerts.channels.{index}", error)
        except PermissionRefused as error:
            refusals.append(error)
    heartbeat = None
    if told.heartbeat is not None:
        try:
            heartbeat = _heartbeat(told.heartbeat, (environ, home))
        except ConfigError as error:
            faults += _at("alerts.heartbeat", error)
        except PermissionRefused as error:
            refusals.append(error)
    found = Orders(
        *book,
        routes=routes,
        heartbeat=heartbeat,
        every=60.0 if told.heartbeat is None else told.heartbeat.every / SECOND,
        silence=told.silence / SECOND,
        remind=told.remind / SECOND,
        unhedged=unhedged / SECOND,
        digest=told.digest,
    )
    return found, faults, refusals


Place = tuple[Mapping[str, str], Path]


def _route(name: str, told: Channel, least: Severity, place: Place) -> Route:
    played = told.loopback
    if told.credentials is None:
        return Route(name, told.kind, told.url or played or "", "", least, played is not None)
    found = _found(name, told.credentials, place, told.kind)
    if told.kind == "telegram":
        base = (played or TELEGRAM).rstrip("/")
        url = f"{base}/bot{found['token'].reveal()}/sendMessage"
        return Route(name, told.kind, url, found["chat"].reveal(), least, played is not None)
    url = found["url"].reveal()
    if told.kind == "apprise":
        wrong = refused(url)
        if wrong is not None:
            raise ConfigError(name, [Fault("credentials", *wrong)])
        return Route(name, told.kind, url, "", least)
    token = found["token"].reveal() if "token" in found else ""
    return Route(name, told.kind, _secured(name, url), token, least)


def _heartbeat(told: Heartbeat, place: Place) -> Route:
    if told.credentials is None:
        url = told.url or told.loopback or ""
        return Route("heartbeat", "heartbeat", url, loopback=told.loopback is not None)
    url = _found("heartbeat", told.credentials, place, "heartbeat")["url"].reveal()
    return Route("heartbeat", "heartbeat", _secured("heartbeat", url))


def _found(name: str, credential: str, place: Place, kind: str) -> Mapping[str, Secret]:
    """Return the fields of a credential, none of them too long to be passed on."""
    found = read(credential, *place, SHAPES[kind])
    if any(len(each.reveal()) > LONGEST for each in found.values()):
        must = f"must have at most {LONGEST} characters in each field"
        raise ConfigError(name, [Fault("credentials", must, "more")])
    return found


def _secured(name: str, url: str) -> str:
    """Return an address from a credential; refuse one that would be read on its way."""
    if not url.startswith("https://"):
        raise ConfigError(name, [Fault("credentials", "must hold an https address", "another one")])
    return url


def _at(place: str, error: ConfigError) -> Iterator[Fault]:
    """Yield the faults of a credential at the key that names it."""
    for each in error.faults:
        yield Fault(f"{place}.{each.path}", f"{each.must} ({error.source})", each.was)
